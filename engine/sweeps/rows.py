"""From the record of a run to its row in the sweep's table."""

from __future__ import annotations

from collections.abc import Iterable

from bdtui.engine.event_values import FAILED, CellRow
from bdtui.engine.reports.record import RunRecord
from bdtui.engine.reports.verdict import SUSPICIOUS, judge
from bdtui.engine.sweeps.cell import Cell


def planned_row(cell: Cell) -> CellRow:
    """A row that says which cell it is, and no result."""
    return CellRow(cell.name, cell.model, tuple(cell.varied.items()), state="")


def row_of(cell: Cell, run: RunRecord) -> CellRow:
    """The row of a cell whose run is finished."""
    verdict, rates = judge(run), run.baseline_test if run.is_tested else run.baseline_valid
    found = run.detection
    return CellRow(
        cell.name,
        cell.model,
        tuple(cell.varied.items()),
        backdoor=verdict.backdoor,
        target="" if verdict.target is None else str(verdict.target),
        clean_accuracy=rates.clean_accuracy,
        attack_success_rate=rates.attack_success_rate,
        recommended=verdict.recommended or "",
        seconds=run.seconds.get("total"),
        first_suspect=str(found.suspects[0].target) if found is not None and found.suspects else "",
        strength=None if found is None else found.strength,
    )


def failed_row(cell: Cell, sentence: str) -> CellRow:
    """The row of a cell that has no results."""
    return CellRow(cell.name, cell.model, tuple(cell.varied.items()), FAILED, " ".join(sentence.split()))


def by_suspicion(rows: Iterable[CellRow]) -> list[CellRow]:
    """Suspicious models first, then what failed, then all others by how much speaks for a backdoor."""
    return sorted(rows, key=lambda row: (row.backdoor not in SUSPICIOUS, row.state != FAILED, -(row.strength or 0)))
