"""How a sweep is carried out, and what options as a front has them come to."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bdtui.engine.option import options_of
from bdtui.engine.runs.folder import default_folder
from bdtui.engine.settings import RunSettings
from bdtui.engine.sweeps.plan import SweepPlan, read_plan


@dataclass(frozen=True)
class SweepOptions:
    """How a sweep is carried out; nothing of it changes a result.

    Attributes:
        scheduler: of a cluster that is there already; None for worker processes on this machine.
        workers: how many of these; None for as many as there is room for.
        ship: send inputs to workers that do not see them, and take back what they write.
        resume: the folder may hold a part of this sweep.
    """

    scheduler: str | None = None
    workers: int | None = None
    ship: bool = False
    resume: bool = False


def planned_sweep(options: Mapping[str, Any]) -> tuple[SweepPlan, Path, SweepOptions]:
    """The plan with what was given beside it, the folder, and how the sweep is carried out.

    Args:
        options: ``sweep`` with the plan's path, and whatever else was given, by names with underscores.

    Raises:
        InputError: the plan cannot be worked with.
    """
    known = options_of(RunSettings)
    plan = read_plan(options["sweep"], {name: value for name, value in options.items() if name in known})
    out = options.get("out") or default_folder(plan.path, time.localtime())
    how = SweepOptions(
        options.get("scheduler"), options.get("workers"), bool(options.get("ship")), bool(options.get("resume"))
    )
    return plan, out, how
