"""sweep.html: the table for a browser, in one file that needs no network and runs nothing."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bdtui.engine.event_values import DONE, FAILED, CellRow
from bdtui.engine.machine.atomic_files import write_text
from bdtui.engine.reports.templating import templates
from bdtui.engine.reports.verdict import INCONCLUSIVE, SUSPICIOUS
from bdtui.engine.sweeps.plan import SweepPlan
from bdtui.engine.sweeps.rows import by_suspicion


def write_page(path: Path, rows: Sequence[CellRow], varied: Sequence[str], plan: SweepPlan) -> None:
    """Write the page, in the order of `by_suspicion`.

    Raises:
        OutputError: it cannot be written.
    """
    text = (
        templates()
        .get_template("sweep.html")
        .render(
            rows=by_suspicion(rows),
            varied=varied,
            plan=plan.path.name,
            cells=len(plan.cells),
            done=sum(row.state == DONE for row in rows),
            failed=sum(row.state == FAILED for row in rows),
            backdoored=sum(row.backdoor in SUSPICIOUS for row in rows),
            inconclusive=sum(row.backdoor == INCONCLUSIVE for row in rows),
            is_examined=any(row.strength is not None for row in rows),
            suspicious=SUSPICIOUS,
        )
    )
    write_text(path, text + "\n")
