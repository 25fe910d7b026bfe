"""The tables of the page: rates with their intervals, suspects, compared orders, files."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from bdtui.engine.event_values import ComparedThreshold
from bdtui.engine.rates import NO_RATES, Rates, Share
from bdtui.engine.reports.candidates import candidates
from bdtui.engine.reports.record import RunRecord

MOST_ROWS = 200
"""Of a table; results.json has them all."""


_COLUMNS = ("clean accuracy", "attack success", "recovered accuracy", "clean flagged", "poisoned flagged")


@dataclass(frozen=True)
class Cell:
    """A rate in percent, its 95 % Wilson interval, and the counts; a dash where nothing was measured."""

    text: str = "–"
    interval: str = ""
    counts: str = ""


@dataclass(frozen=True)
class NetworkRow:
    """A network and its rates.

    Attributes:
        name: as a person calls it.
        file: in the folder of the run; empty for B.
        pruned: how many channels are; None for a repaired network.
        is_recommended: whether the verdict recommends it.
        cells: a rate for each column of the table.
    """

    name: str
    file: str
    pruned: int | None
    is_recommended: bool
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class RatesTable:
    """Networks on the images of one part, ``test`` or ``validation``; columns without any rate are left out."""

    part: str
    columns: tuple[str, ...]
    rows: tuple[NetworkRow, ...]
    left_out: int = 0


def rates_tables(run: RunRecord, recommended: str | None) -> tuple[RatesTable, ...]:
    """Every network on the test images, if there are any, and on the validation images."""
    parts = ["test"] if run.is_tested else []
    if run.baseline_valid != NO_RATES:
        parts.append("validation")
    return tuple(_rates_table(run, part, recommended) for part in parts)


def _rates_table(run: RunRecord, part: str, recommended: str | None) -> RatesTable:
    rows = list(_networks(run, part == "test", recommended))
    used = [place for place in range(len(_COLUMNS)) if any(row.cells[place] != Cell() for row in rows)]
    shown = (replace(row, cells=tuple(row.cells[place] for place in used)) for row in rows[:MOST_ROWS])
    columns = tuple(_COLUMNS[place] for place in used)
    return RatesTable(part, columns, tuple(shown), max(0, len(rows) - MOST_ROWS))


def _networks(run: RunRecord, test: bool, recommended: str | None) -> Iterator[NetworkRow]:
    baseline = run.baseline_test if test else run.baseline_valid
    yield NetworkRow("B, as received", "", 0, False, _cells(baseline))
    steps = {file: one.step for one in run.thresholds for file in (one.model, one.goodnet)}
    for one in candidates(run):
        cells = _cells(one.test if test else one.valid, flags=one.is_goodnet)
        pruned = None if one.repair is not None else steps.get(one.file)
        yield NetworkRow(one.name, one.file, pruned, one.file == recommended, cells)


def _cells(rates: Rates, *, flags: bool = False) -> tuple[Cell, ...]:
    """The cells of a network; only a GoodNet flags."""
    flagged = (rates.clean_flagged, rates.poisoned_flagged) if flags else (None, None)
    return tuple(map(cell, (rates.clean, rates.attack, rates.recovered, *flagged)))


def cell(share: Share | None) -> Cell:
    """A share as a table has it."""
    if share is None:
        return Cell()
    low, high = share.wilson_interval()
    return Cell(f"{share.percent:.2f}", f"{low:.1f}–{high:.1f}", f"{share.hits:,} of {share.images:,}")


@dataclass(frozen=True)
class MethodRow:
    """What one method of an examination found."""

    name: str
    first: str
    statistic: str
    p: str


def method_rows(run: RunRecord) -> tuple[MethodRow, ...]:
    """What each method found by itself."""
    if run.detection is None:
        return ()
    rows = []
    for name, part in list(run.detection.parts.items())[:MOST_ROWS]:
        known = np.flatnonzero(np.isfinite(part.scores))
        first = run.model.class_text(int(known[np.argmax(part.scores[known])])) if len(known) else "–"
        statistic = f"{part.statistic:.3g}" if np.isfinite(part.statistic) else "–"
        rows.append(MethodRow(name, first, statistic, chance(part.p)))
    return tuple(rows)


def chance(p: float | None) -> str:
    """A p value."""
    return "–" if p is None else f"{p:.2g}"


@dataclass(frozen=True)
class ComparedRow:
    """A layer and a ranking, and what they came to at each threshold."""

    layer: str
    ranking: str
    channels: int
    cells: tuple[str, ...]


def compared_rows(run: RunRecord) -> tuple[ComparedRow, ...]:
    """The layers and rankings that were compared, the best first."""
    return tuple(
        ComparedRow(order.layer, order.ranking, order.channels, tuple(map(_compared, order.thresholds[:20])))
        for order in run.comparison[:MOST_ROWS]
    )


def _compared(threshold: ComparedThreshold) -> str:
    clean, attack = threshold.rates.clean_accuracy, threshold.rates.attack_success_rate
    if threshold.step is None or clean is None:
        return "–"
    return f"{clean:.2f}" + ("" if attack is None else f" / {attack:.2f}") + f" (step {threshold.step})"
