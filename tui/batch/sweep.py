"""`bdtui --batch --sweep`: live progress on stderr, the table on stdout, gates over all cells."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from rich import box
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn
from rich.table import Table
from rich.text import Text

from bdtui.engine import events
from bdtui.engine.event_values import DONE, FAILED, CellRow
from bdtui.engine.events import Event
from bdtui.engine.reporter import Reporter
from bdtui.engine.reports.verdict import SUSPICIOUS
from bdtui.engine.sweeps.cluster import default_workers, gpu_names, require_dask
from bdtui.engine.sweeps.estimate import estimate_seconds
from bdtui.engine.sweeps.gates import judge_sweep
from bdtui.engine.sweeps.plan import SweepPlan
from bdtui.engine.sweeps.rows import by_suspicion
from bdtui.engine.sweeps.run_cell import finished_cell
from bdtui.engine.sweeps.settings import SweepOptions, planned_sweep
from bdtui.engine.sweeps.sweep import CELLS, execute_sweep
from bdtui.engine.sweeps.table import SWEEP_CSV
from bdtui.tui.batch.tables import print_table
from bdtui.tui.exit_codes import ExitCode
from bdtui.tui.sweep.progress import RUNNING, SweepProgress, remark, sweep_sentence
from bdtui.tui.wording import duration_text, percent_text, plain

_MOST_ROWS = 100
"""Cells that are printed; of more, only those that are suspicious or have failed."""


def run_sweep(
    options: Mapping[str, Any], stop_requested: Callable[[], bool], write_line: Callable[[str], None]
) -> ExitCode:
    """Run a sweep, or with ``--check`` say what it would do.

    Args:
        options: those given on the command line, by their names with underscores.
        stop_requested: whether somebody wants to stop.
        write_line: for sentences on stderr.

    Returns:
        2 where cells have failed, 3 where a gate has.

    Raises:
        InputError: something given cannot be worked with.
        Interrupted: somebody wanted to stop.
    """
    require_dask()
    plan, out, how = planned_sweep(options)
    console = Console()
    if options.get("check"):
        _print_plan(console, plan, out, how)
        return ExitCode.DONE
    if options.get("json"):
        result = execute_sweep(plan, out, how, Reporter(_print_json, stop_requested))
    else:
        with SweepDisplay(Console(stderr=True)) as display:
            result = execute_sweep(plan, out, how, Reporter(display.show, stop_requested))
        _print_rows(console, result.rows, plan.varied, result.out)
    failed = sum(row.state == FAILED for row in result.rows)
    if failed:
        write_line(f"bdtui: {failed} of {len(result.rows)} cells failed; {out / SWEEP_CSV} says why")
    outcomes = judge_sweep(plan, result)
    for outcome in outcomes:
        write_line(f"bdtui: {outcome.sentence}")
    if not all(outcome.met for outcome in outcomes):
        return ExitCode.GATE
    return ExitCode.USAGE if failed else ExitCode.DONE


class SweepDisplay:
    """Shows a sweep as it goes: a line for each cell that ends, and below a bar and what runs now.

    Where stderr is no terminal only the lines are written.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=16),
            TextColumn("{task.fields[note]}", markup=False),
            console=console,
            transient=True,
            disable=not console.is_terminal,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._sweep = SweepProgress()
        self._all: TaskID | None = None
        self._cells: dict[str, TaskID] = {}

    def __enter__(self) -> SweepDisplay:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def show(self, event: Event) -> None:
        """Show one event."""
        line = sweep_sentence(event)
        if line:
            self._console.print(Text(plain(line)), soft_wrap=not self._console.is_terminal)
        if not self._sweep.take(event):
            return
        if self._all is None:
            self._all = self._progress.add_task("cells", total=len(self._sweep.cells), note="")
        ended = self._sweep.count(DONE) + self._sweep.count(FAILED)
        self._progress.update(self._all, completed=ended, note=plain(self._sweep.summary()))
        if isinstance(event, events.CellStarted | events.CellProgressed):
            self._show_cell(event.cell)
        elif isinstance(event, events.CellFinished) and event.row.cell in self._cells:
            self._progress.remove_task(self._cells.pop(event.row.cell))

    def _show_cell(self, name: str) -> None:
        cell = self._sweep.cells.get(name)
        if cell is None or cell.state != RUNNING:
            return
        if name not in self._cells:
            self._cells[name] = self._progress.add_task(plain(name), total=None, note="")
        self._progress.update(self._cells[name], note=plain(cell.note))


def _print_json(event: Event) -> None:
    print(json.dumps(event.as_json(), ensure_ascii=False, allow_nan=False), flush=True)


def _print_plan(console: Console, plan: SweepPlan, out: Path, how: SweepOptions) -> None:
    """Print the cells and what they will take."""
    table = Table(box=box.SIMPLE_HEAD)
    for heading in ("cell", "model", *plan.varied):
        table.add_column(heading, overflow="fold")
    for cell in plan.cells:
        is_there = cell.settings.model is None or cell.settings.model.exists()
        model = cell.model if is_there else f"{cell.model} (no such file: its cells will fail)"
        table.add_row(cell.name, Text(plain(model)), *(Text(plain(cell.varied[name])) for name in plan.varied))
    print_table(console, table)
    done = [finished_cell(cell.settings, out / CELLS / cell.name) for cell in plan.cells] if how.resume else []
    known = [run.seconds["total"] for run in done if run is not None and "total" in run.seconds]
    left = [cell for place, cell in enumerate(plan.cells) if not done or done[place] is None]
    words = [f"{len(plan.cells)} cells"]
    words += [f"{plan.excluded} excluded"] if plan.excluded else []
    words += [f"{len(plan.cells) - len(left)} done already"] if done else []
    if how.scheduler is None:
        workers = how.workers or default_workers(len(gpu_names()) if plan.may_use_gpus else 0)
        seconds = estimate_seconds(left, workers, known)
        like = "as the cells that are done" if known else "small networks; larger ones take longer"
        words.append(f"about {duration_text(seconds)} on {workers} worker{'s' * (workers != 1)} ({like})")
    console.print(Text(plain(" · ".join(words))), soft_wrap=True)


def _print_rows(console: Console, rows: tuple[CellRow, ...], varied: tuple[str, ...], out: Path) -> None:
    """Print the table; of a long one only suspicious and failed cells."""
    in_full = len(rows) <= _MOST_ROWS
    shown = [row for row in by_suspicion(rows) if in_full or row.backdoor in SUSPICIOUS or row.state == FAILED]
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("cell", overflow="fold")
    table.add_column("backdoor")
    table.add_column("target")
    for heading in ("accuracy", "ASR"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("recommended, or why it failed", overflow="fold")
    for row in shown:
        state = "failed" if row.state == FAILED else row.backdoor
        rates = [percent_text(row.clean_accuracy), percent_text(row.attack_success_rate)]
        table.add_row(row.cell, state, row.target or "–", *rates, Text(plain(remark(row) or "–")))
    if shown:
        print_table(console, table)
    left_out = len(rows) - len(shown)
    if left_out:
        console.print(f"{left_out} cells without a finding are left out here", soft_wrap=True)
    console.print(Text(plain(f"results in {out}: {SWEEP_CSV}, sweep.parquet, sweep.html")), soft_wrap=True)
