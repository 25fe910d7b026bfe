"""Whether every cell of a sweep reaches what is demanded of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from bdtui.engine.errors import DataError
from bdtui.engine.event_values import FAILED, CellRow
from bdtui.engine.reports.file_names import RESULTS
from bdtui.engine.reports.gates import GateOutcome, judge_gates
from bdtui.engine.reports.results import read_record
from bdtui.engine.settings import NO_GATES, gates_of
from bdtui.engine.sweeps.cell import Cell
from bdtui.engine.sweeps.plan import SweepPlan
from bdtui.engine.sweeps.sweep import CELLS, SweepResult

_MOST = 20
"""Cells that are named one by one."""


def judge_sweep(plan: SweepPlan, result: SweepResult) -> list[GateOutcome]:
    """What the demands that were made of the cells come to: an outcome for each that fails, or one for all.

    A cell that failed meets nothing: nobody knows what its model does.
    """
    demanding = {cell.name: cell for cell in plan.cells if gates_of(cell.settings) != NO_GATES}
    if not demanding:
        return []
    rows = [row for row in result.rows if row.cell in demanding]
    unmet = [outcome for row in rows for outcome in _unmet(demanding[row.cell], row, result.out)]
    if not unmet:
        return [GateOutcome(True, f"gates met by all {len(rows)} cells")]
    more = len(unmet) - _MOST
    return [*unmet[:_MOST], *([GateOutcome(False, f"and {more} more gates failed")] if more > 0 else [])]


def _unmet(cell: Cell, row: CellRow, out: Path) -> Iterator[GateOutcome]:
    if row.state == FAILED:
        yield GateOutcome(False, f"{cell.name}: gate failed: the cell failed, so nothing is known of its model")
        return
    try:
        record = read_record(out / CELLS / cell.name / RESULTS)
    except DataError as problem:
        yield GateOutcome(False, f"{cell.name}: gate failed: {problem}")
        return
    for outcome in judge_gates(replace(record, gates=gates_of(cell.settings))):
        if not outcome.met:
            yield GateOutcome(False, f"{cell.name}: {outcome.sentence}")
