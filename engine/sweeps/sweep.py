"""A sweep from its plan to its tables: every cell a run of its own, on the workers of a Dask cluster."""

from __future__ import annotations

import os
import queue
import re
import secrets
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bdtui.engine.errors import DataError, Interrupted, OptionError, OutputError
from bdtui.engine.event_values import DONE, FAILED, CellRow
from bdtui.engine.events import CellFinished, CellProgressed, CellStarted, Notice, SweepBegun, SweepFinished
from bdtui.engine.machine.atomic_files import write_text
from bdtui.engine.reporter import Reporter
from bdtui.engine.runs.folder import output_folder
from bdtui.engine.sweeps.cell import Cell
from bdtui.engine.sweeps.cluster import local_cluster, require_dask, running_cluster
from bdtui.engine.sweeps.crew import Crew
from bdtui.engine.sweeps.job import TOKEN, Job, Outcome
from bdtui.engine.sweeps.on_worker import PROGRESS, STARTED, WANTED, carry_out
from bdtui.engine.sweeps.page import write_page
from bdtui.engine.sweeps.plan import SweepPlan
from bdtui.engine.sweeps.returned import keep_files
from bdtui.engine.sweeps.rows import failed_row, planned_row, row_of
from bdtui.engine.sweeps.run_cell import finished_cell
from bdtui.engine.sweeps.settings import SweepOptions
from bdtui.engine.sweeps.shipping import Inputs, Shipment, deliver, refuse
from bdtui.engine.sweeps.table import SWEEP_CSV, SWEEP_HTML, SWEEP_PARQUET, write_csv, write_parquet

if TYPE_CHECKING:
    from distributed import Client, Future

CELLS = "cells"
"""The folder of the cells' folders."""
_TRIES = 4
"""How often a cell may take its worker with it before it counts as failed."""
_LOOK = 1.0
"""Seconds between two looks at who is there."""
_SAVE = 10.0
"""Seconds between two writings of the table while cells run."""


@dataclass(frozen=True)
class SweepResult:
    """A finished sweep: its folder, and its rows in the order of the plan."""

    out: Path
    rows: tuple[CellRow, ...]


def execute_sweep(plan: SweepPlan, out: Path, options: SweepOptions, reporter: Reporter) -> SweepResult:
    """Run every cell of a plan that is not done yet, and write the tables.

    Args:
        plan: of the sweep.
        out: its folder.
        options: how it is carried out.
        reporter: receives events; is asked whether to stop.

    Raises:
        InputError: the folder or the cluster cannot be used; what is wrong with one model is a row, and no error.
        Interrupted: the reporter requested a stop; what was finished is kept in the folder.
    """
    require_dask()
    if not options.resume and holds_sweep(out):
        raise OutputError(f"{out}: already contains a sweep; choose another folder or add --resume")
    began = time.monotonic()
    with output_folder(out):
        table = _Table(plan, out)
        reporter.emit(SweepBegun(str(out), tuple(map(planned_row, plan.cells)), plan.varied))
        try:
            missing = [cell for cell in plan.cells if not _was_done(cell, table, reporter)]
            if missing:
                (out / CELLS).mkdir(exist_ok=True)
                with _open_cluster(options, plan) as client, _token(out) as token:
                    _Sweep(client, table, token, options, reporter).run(missing)
        except Interrupted as problem:
            raise Interrupted(f"{problem.problem}: {table.done_text()}; finish with --resume") from problem
        finally:
            table.write()
            # Where nothing was begun, nothing is left.
            with suppress(OSError):
                (out / CELLS).rmdir()
    rows = table.rows()
    failed = sum(row.state == FAILED for row in rows)
    reporter.emit(SweepFinished(str(out), len(rows) - failed, failed, time.monotonic() - began))
    return SweepResult(out, rows)


def holds_sweep(out: Path) -> bool:
    """Whether a folder holds a sweep, or a part of one."""
    return (out / SWEEP_CSV).exists() or (out / CELLS).exists()


def _was_done(cell: Cell, table: _Table, reporter: Reporter) -> bool:
    reporter.checkpoint()
    record = finished_cell(cell.settings, table.out / CELLS / cell.name)
    if record is not None:
        table.add(row_of(cell, record), reporter, was_done=True)
    return record is not None


def _open_cluster(options: SweepOptions, plan: SweepPlan) -> AbstractContextManager[Client]:
    if options.scheduler is not None:
        return running_cluster(options.scheduler)
    return local_cluster(options.workers, use_gpus=plan.may_use_gpus)


@contextmanager
def _token(out: Path) -> Iterator[str]:
    """A file in the sweep's folder by which workers show that they see it.

    It stays until the sweep is complete: workers that do not see the folder keep their unfinished cells under it, and find
    them again when the sweep is resumed.
    """
    token = _kept_token(out / TOKEN) or secrets.token_hex(16)
    write_text(out / TOKEN, token)
    yield token
    with suppress(OSError):
        (out / TOKEN).unlink()


def _kept_token(path: Path) -> str:
    try:
        kept = path.read_text("utf-8")
    except (OSError, ValueError):
        return ""
    return kept if re.fullmatch("[0-9a-f]{32}", kept) else ""


class _Table:
    """The rows so far, and the files made of them."""

    def __init__(self, plan: SweepPlan, out: Path) -> None:
        self.out = out
        self._plan = plan
        self._rows: dict[str, CellRow] = {}
        self._written = time.monotonic()

    def add(self, row: CellRow, reporter: Reporter, *, was_done: bool = False) -> None:
        """Add a cell that is done or has failed."""
        self._rows[row.cell] = row
        reporter.emit(CellFinished(row, len(self._rows), len(self._plan.cells), was_done))
        if time.monotonic() - self._written > _SAVE:
            write_csv(self.out / SWEEP_CSV, self.rows(), self._plan.varied)
            self._written = time.monotonic()

    def rows(self) -> tuple[CellRow, ...]:
        """In the order of the plan."""
        return tuple(self._rows[cell.name] for cell in self._plan.cells if cell.name in self._rows)

    def done_text(self) -> str:
        """How far the sweep is."""
        return f"{sum(row.state == DONE for row in self._rows.values())} of {len(self._plan.cells)} cells are done"

    def write(self) -> None:
        """Write all three tables, once there is a row."""
        if not self._rows:
            return
        rows, varied = self.rows(), self._plan.varied
        write_parquet(self.out / SWEEP_PARQUET, rows, varied)
        write_page(self.out / SWEEP_HTML, rows, varied, self._plan)
        write_csv(self.out / SWEEP_CSV, rows, varied)


@dataclass
class _Running:
    """A cell that was given to the cluster.

    Attributes:
        workers: the addresses that may run it.
        tries: how often it was given, this time included.
        has_begun: whether a worker has said that it works on it.
    """

    cell: Cell
    future: Future
    workers: frozenset[str]
    tries: int
    has_begun: bool = False


class _Sweep:
    """The client's side of a sweep, from the first cell to the last.

    No more cells are given out than there are workers: a worker that dies takes the blame for its own cell alone.
    """

    def __init__(self, client: Client, table: _Table, token: str, options: SweepOptions, reporter: Reporter) -> None:
        self._client, self._table, self._token, self._reporter = client, table, token, reporter
        self._options = options
        self._topic = f"bdtui-sweep-{token}"
        self._crew = Crew(client, Path(os.path.abspath(table.out)), token, needs_folder=not options.ship)  # noqa: PTH100
        self._news: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._running: dict[str, _Running] = {}
        self._inputs = Inputs()
        self._looked = float("-inf")
        self._is_waiting = False

    def run(self, cells: Sequence[Cell]) -> None:
        """Run cells until each has its row."""
        self._client.subscribe_topic(self._topic, lambda event: self._news.put(event[1]))
        waiting = list(reversed([(cell, 1) for cell in cells]))
        try:
            while waiting or self._running:
                self._reporter.checkpoint()
                self._look()
                waiting += [(cell, tries) for cell, tries in self._taken_back() if not self._gave_up(cell, tries)]
                while waiting and len(self._running) < len(self._crew.usable):
                    self._give(*waiting.pop())
                with suppress(queue.Empty):
                    self._attend(self._news.get(timeout=0.2))
        finally:
            with suppress(Exception):
                self._client.cancel([running.future for running in self._running.values()], force=True)
                self._client.unsubscribe_topic(self._topic)

    def _look(self) -> None:
        """See who is there, once a second."""
        if time.monotonic() - self._looked < _LOOK:
            return
        self._looked = time.monotonic()
        if self._client.status in ("closing", "closed"):
            raise OptionError("the scheduler is gone; start it again, then finish with --resume")
        # A connection that breaks now and then is Dask's to mend.
        with suppress(OSError):
            for event in self._crew.look():
                self._reporter.emit(event)
        if not self._crew.usable and not self._running:
            if self._crew.refused:
                raise OptionError(f"no worker can be used: {next(iter(self._crew.refused.values()))}")
            if not self._is_waiting:
                self._reporter.emit(Notice("waiting for workers"))
            self._is_waiting = True

    def _give(self, cell: Cell, tries: int) -> None:
        """Give a cell to the cluster."""
        try:
            shipments: dict[str, Shipment] = self._inputs.of(cell.settings) if self._options.ship else {}
        except DataError as problem:
            self._table.add(failed_row(cell, str(problem)), self._reporter)
            return
        out = Path(os.path.abspath(self._table.out))  # noqa: PTH100
        job = Job(cell, out / CELLS / cell.name, self._topic, self._token, shipments)
        workers = frozenset(self._crew.usable)
        future = self._client.submit(
            carry_out, job, key=f"{self._topic}-{cell.name}-{tries}", workers=list(workers), pure=False
        )
        future.add_done_callback(self._news.put)
        self._running[cell.name] = _Running(cell, future, workers, tries)

    def _taken_back(self) -> list[tuple[Cell, int]]:
        """Cells that no worker can run any more, since all that might are gone, or that the scheduler has forgotten.

        Returns:
            Each with the number of its next try.
        """
        lost = [
            running
            for running in self._running.values()
            if running.future.cancelled() or (not running.future.done() and not running.workers & self._crew.usable)
        ]
        for running in lost:
            del self._running[running.cell.name]
            self._client.cancel([running.future], force=True)
            self._reporter.emit(Notice(f"{running.cell.name}: its worker was lost; the cell is given to another"))
        return [(running.cell, running.tries + 1) for running in lost]

    def _gave_up(self, cell: Cell, tries: int) -> bool:
        if tries <= _TRIES:
            return False
        self._table.add(failed_row(cell, _FATAL), self._reporter)
        return True

    def _attend(self, news: Any) -> None:
        """See to what has come: the end of a cell, or a worker's report of one."""
        if not isinstance(news, dict):
            self._finish(news)
        elif news["kind"] == STARTED:
            self._note_start(news["cell"])
            self._reporter.emit(CellStarted(news["cell"], news["worker"]))
        elif news["kind"] == PROGRESS:
            self._reporter.emit(CellProgressed(news["cell"], *news["progress"]))
        elif news["kind"] == WANTED:
            self._send(news["sha256"], news["worker"])

    def _note_start(self, name: str) -> None:
        """Say so where a cell begins a second time without having been given again: Dask does that by itself."""
        running = self._running.get(name)
        if running is not None:
            if running.has_begun:
                self._reporter.emit(Notice(f"{name}: its worker was lost; another goes on with it"))
            running.has_begun = True

    def _finish(self, future: Future) -> None:
        running = next(
            (one for one in self._running.values() if one.future is future or one.future.key == future.key), None
        )
        if running is None or future.status not in ("finished", "error"):
            return
        del self._running[running.cell.name]
        self._table.add(self._row(running.cell, future), self._reporter)

    def _row(self, cell: Cell, future: Future) -> CellRow:
        from distributed import KilledWorker

        problem = future.exception()
        if problem is None:
            outcome: Outcome = future.result()
            try:
                keep_files(self._table.out / CELLS / cell.name, outcome.files)
            except OutputError as problem:
                return failed_row(cell, str(problem))
            return outcome.row
        if isinstance(problem, KilledWorker):
            return failed_row(cell, _FATAL)
        return failed_row(cell, f"the cluster could not run it ({type(problem).__name__}: {str(problem)[:160]})")

    def _send(self, sha256: str, worker: str) -> None:
        """Send a worker the file that it asks for."""
        try:
            for place, piece, is_last in self._inputs.pieces(sha256):
                self._client.run(deliver, sha256, place, piece, is_last, workers=[worker], on_error="ignore")
        except (KeyError, OSError):
            sentence = "cannot be read any more; expected the inputs as the sweep began with them"
            self._client.run(refuse, sha256, sentence, workers=[worker], on_error="ignore")


_FATAL = (
    f"its worker was lost {_TRIES} times in a row (killed, or out of memory); expected more memory or fewer workers, then "
    "--resume"
)
