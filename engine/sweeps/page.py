"""sweep.html: the table for a browser, in one file that needs no network and runs nothing."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

from bdtui.engine.event_values import DONE, FAILED, CellRow
from bdtui.engine.machine.atomic_files import write_text
from bdtui.engine.reports.verdict import MEASURED, SUSPECTED
from bdtui.engine.sweeps.plan import SweepPlan

_BACKDOORED = (MEASURED, SUSPECTED)


def write_page(path: Path, rows: Sequence[CellRow], varied: Sequence[str], plan: SweepPlan) -> None:
    """Write the page: suspicious models first, then what failed, then all others in the order of the plan.

    Raises:
        OutputError: it cannot be written.
    """
    from jinja2 import Environment, StrictUndefined

    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters["rate"] = lambda rate: "–" if rate is None else f"{rate:.2f}"
    template = environment.from_string(files("bdtui.engine.sweeps").joinpath("sweep.html.jinja").read_text("utf-8"))
    in_order = sorted(rows, key=lambda row: (row.backdoor not in _BACKDOORED, row.state != FAILED))
    text = template.render(
        rows=in_order,
        varied=varied,
        plan=plan.path.name,
        cells=len(plan.cells),
        done=sum(row.state == DONE for row in rows),
        failed=sum(row.state == FAILED for row in rows),
        backdoored=sum(row.backdoor in _BACKDOORED for row in rows),
        suspicious=_BACKDOORED,
    )
    write_text(path, text + "\n")
