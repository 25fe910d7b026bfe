"""A cell of a sweep: one run, with the name of its folder."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bdtui.engine.option import options_of
from bdtui.engine.settings import RunSettings

_LONGEST_PART = 60
"""Characters of the model, and as many of the settings, that a name shows."""


@dataclass(frozen=True)
class Cell:
    """One run of a sweep.

    Attributes:
        name: of its folder below ``cells/``.
        model: the model as the plan names it.
        varied: what distinguishes it from the other cells of its model, as text by option.
        settings: all that the run does.
    """

    name: str
    model: str
    varied: Mapping[str, str]
    settings: RunSettings


def given_options(settings: RunSettings) -> dict[str, Any]:
    """The options of a run that are not the default, by field name."""
    values = {name: getattr(settings, name) for name in options_of(settings)}
    return {name: value for name, value in values.items() if value != options_of(settings)[name].default}


def cell_name(label: str, varied: Mapping[str, str], settings: RunSettings, place: Path) -> str:
    """A file name for a cell that depends on this cell alone, and that no other run has.

    Args:
        label: the model as the plan names it, or what the plan calls it.
        varied: see `Cell`.
        settings: of the run.
        place: the folder of the plan; files count by their way from there, so that both can be moved together.

    Returns:
        Model and settings for a person, then eight hexadecimal digits of all that the run was begun with. What a
        run may be resumed with, such as further detectors, changes nothing of it unless the plan varies it.
    """
    shown = [_safe(Path(label).with_suffix("").as_posix() if Path(label).name else label)]
    if varied:
        shown.append(_safe("-".join(f"{name}={value}" for name, value in varied.items())))
    return "-".join((*(part for part in shown if part), _digest(label, varied, settings, place)))


def _safe(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9_.=]+", "-", text).strip("-.")[:_LONGEST_PART].rstrip("-.")


def _digest(label: str, varied: Mapping[str, str], settings: RunSettings, place: Path) -> str:
    options = options_of(settings)
    lasting = {
        name: options[name].kind.dump(options[name].relocate(value, lambda file: _from(place, file)))
        for name, value in given_options(settings).items()
        if not options[name].may_change
    }
    content = json.dumps([label, dict(varied), lasting], sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(content.encode()).hexdigest()[:8]


def _from(place: Path, file: Path) -> str:
    """The way to a file, the same whatever folder one stands in."""
    return os.path.relpath(os.path.abspath(file), os.path.abspath(place))  # noqa: PTH100 (links stay links)
