"""How far a sweep is, followed from its events: the same for the app and for ``--batch``."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from bdtui.engine import events
from bdtui.engine.event_values import DONE, FAILED, CellRow
from bdtui.engine.events import Event
from bdtui.engine.reports.verdict import SUSPICIOUS
from bdtui.tui.wording import duration_text, percent_text

WAITING, RUNNING = "waiting", "running"
"""States of a cell that has no row yet."""


@dataclass(frozen=True)
class CellStatus:
    """A cell as a person sees it; ``note`` is how far it is, or why it failed."""

    row: CellRow
    state: str
    note: str = ""

    @property
    def is_suspicious(self) -> bool:
        """Whether its model is backdoored, as far as the verdict goes."""
        return self.row.backdoor in SUSPICIOUS


class SweepProgress:
    """Follows the events of a sweep.

    Args:
        clock: seconds that only grow.

    Attributes:
        out: the sweep's folder.
        varied: the options that the plan varies.
        cells: by name, in the order of the plan.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self.out = ""
        self.varied: tuple[str, ...] = ()
        self.cells: dict[str, CellStatus] = {}
        self._began: float | None = None
        self._worked = 0

    def take(self, event: Event) -> bool:
        """Follow an event; False if it changes nothing here."""
        match event:
            case events.SweepBegun():
                self.out, self.varied = event.out, event.varied
                self.cells = {row.cell: CellStatus(row, WAITING) for row in event.cells}
            case events.CellStarted():
                if self._began is None:
                    self._began = self._clock()
                self._change(event.cell, state=RUNNING, note="loading")
            case events.CellProgressed():
                of = "" if event.total is None else f"/{event.total}"
                self._change(event.cell, state=RUNNING, note=f"{event.stage} {event.done}{of} {event.unit}")
            case events.CellFinished():
                row = event.row
                self.cells[row.cell] = CellStatus(row, row.state, row.error)
                self._worked += not event.was_done
            case _:
                return False
        return True

    def _change(self, cell: str, *, state: str, note: str) -> None:
        before = self.cells.get(cell)
        # A report may overtake the end of its cell.
        if before is not None and before.state not in (DONE, FAILED):
            self.cells[cell] = replace(before, state=state, note=note)

    def count(self, state: str) -> int:
        """How many cells are in a state."""
        return sum(cell.state == state for cell in self.cells.values())

    @property
    def suspicious(self) -> int:
        """How many models are suspected, or measured, to be backdoored."""
        return sum(cell.is_suspicious for cell in self.cells.values())

    @property
    def seconds_left(self) -> float | None:
        """What is left at the pace so far; None before the first cell is done."""
        if self._began is None or not self._worked:
            return None
        left = self.count(WAITING) + self.count(RUNNING)
        return left * (self._clock() - self._began) / self._worked

    def summary(self) -> str:
        """E.g. ``3/10 done · 1 failed · 2 running · 1 suspicious · 40 s left``."""
        words = [f"{self.count(DONE)}/{len(self.cells)} done"]
        words += [f"{number} {state}" for state in (FAILED, RUNNING) if (number := self.count(state))]
        words += [f"{self.suspicious} suspicious"] if self.suspicious else []
        left = self.seconds_left
        if left is not None and self.count(WAITING) + self.count(RUNNING):
            words.append(f"{duration_text(left)} left")
        return " · ".join(words)


def remark(row: CellRow) -> str:
    """What else there is to say of a cell: why it failed, what to use instead, or whom to suspect; empty for nothing."""
    if row.error or row.recommended:
        return row.error or row.recommended
    if not row.first_suspect or row.strength is None:
        return ""
    return f"first suspect: class {row.first_suspect}, strength {row.strength:.2f}"


def row_sentence(row: CellRow) -> str:
    """The end of a cell in one line."""
    if row.state == FAILED:
        return f"{row.cell}: failed: {row.error}"
    words = [f"backdoor {row.backdoor}" + (f" (class {row.target})" if row.target.isdecimal() else "")]
    words += [f"accuracy {percent_text(row.clean_accuracy)} %"] if row.clean_accuracy is not None else []
    words += [f"ASR {percent_text(row.attack_success_rate)} %"] if row.attack_success_rate is not None else []
    return f"{row.cell}: {', '.join(words)}"


def sweep_sentence(event: Event) -> str | None:
    """An event of a sweep as one line of text; None if it has no text of its own."""
    match event:
        case events.Notice():
            return event.text
        case events.WorkerJoined():
            return f"worker {event.name} joined ({event.address})"
        case events.WorkerRefused():
            return event.sentence
        case events.CellFinished():
            return row_sentence(event.row) + (" (done before)" if event.was_done else "")
        case events.SweepFinished():
            failed = f", {event.failed} failed" if event.failed else ""
            return f"Sweep complete: {event.done} cells done{failed}, in {duration_text(event.seconds)}"
    return None
