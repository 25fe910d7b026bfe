"""What the headless front shows: live progress on stderr, and tables of what was found on stdout."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from rich import box
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from bdtui.engine import events
from bdtui.engine.event_values import ComparedThreshold, Estimate
from bdtui.engine.events import Event
from bdtui.engine.rates import NO_RATES, Rates, Share
from bdtui.engine.reports.exports_section import compaction_sentences, export_sentences
from bdtui.engine.reports.record import RunRecord
from bdtui.engine.reports.verdict import judge
from bdtui.tui.batch.detection import print_detection
from bdtui.tui.batch.tables import print_table
from bdtui.tui.wording import plain, sentence, shape_text, status_line

_WIDE = 112
"""Columns from which a comparison is printed with all its columns."""


class ProgressDisplay:
    """Shows events as they come: a bar for what is running, a line for what is worth keeping.

    Where stderr is no terminal only the lines are written.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=16),
            TextColumn("{task.fields[count]}", markup=False),
            TimeRemainingColumn(),
            TextColumn("left"),
            console=console,
            transient=True,
            disable=not console.is_terminal,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._tasks: dict[str, Any] = {}
        self._repairs: set[str] = set()
        self._channels = 0

    def __enter__(self) -> ProgressDisplay:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def show(self, event: Event) -> None:
        """Show one event."""
        match event:
            case events.Progress():
                self._advance(
                    event.stage, event.stage, event.done, event.total, f"{event.done}/{event.total} {event.unit}"
                )
            case events.RepairMeasured():
                accuracy = (
                    "" if event.held_out_accuracy is None else f" · held-out accuracy {event.held_out_accuracy:.1f} %"
                )
                if not self._console.is_terminal and event.method not in self._repairs:
                    # So that a log shows what takes its time.
                    self._repairs.add(event.method)
                    self._line(f"{event.method}{accuracy} after {event.step:,} of {event.steps:,} steps")
                self._advance(
                    event.method,
                    f"{event.method}{accuracy}",
                    event.step,
                    event.steps,
                    f"{event.step}/{event.steps} steps",
                )
            case events.StepFinished():
                status = status_line(event.step, self._channels, event.clean_accuracy, event.attack_success_rate)
                if event.step == 0:
                    self._line(f"{status} (unpruned)")
                self._advance("curve", status, event.step, self._channels, "")
            case _:
                if isinstance(event, events.LayerChosen):
                    self._channels = event.channels
                line = sentence(event, self._channels)
                if line:
                    self._line(line)

    def _line(self, text: str) -> None:
        # In a file a sentence is one line; in a terminal it is broken between words.
        self._console.print(Text(plain(text)), soft_wrap=not self._console.is_terminal)

    def _advance(self, stage: str, description: str, done: int, total: int | None, count: str) -> None:
        if stage not in self._tasks:
            self._tasks[stage] = self._progress.add_task(description, total=total, count=count)
        self._progress.update(
            self._tasks[stage], description=description, completed=done, total=total, count=count, visible=done != total
        )


def print_results(console: Console, run: RunRecord, out: Path) -> None:
    """Print the verdict and the table of a finished run, and the folder's name."""
    for line in judge(run).sentences:
        console.print(Text(plain(line)), soft_wrap=not console.is_terminal)
    console.print()
    if run.has_images:
        _print_rates(console, run)
    if run.comparison:
        _print_comparison(console, run)
    if run.detection is not None:
        print_detection(console, run, run.detection)
    for line in compaction_sentences(run) + export_sentences(run):
        console.print(Text(plain(line)), soft_wrap=not console.is_terminal)
    console.print(Text(plain(f"results in {out}")), soft_wrap=True)


def _print_rates(console: Console, run: RunRecord) -> None:
    """Print the rates of all networks of a run."""
    test = run.is_tested
    kind = "test" if test else "validation"
    shown = run.baseline_test if test else run.baseline_valid
    title = f"Rates on {kind} images in percent; pruned: channels of {run.layer.owner}, of {run.layer.channels}"
    if any(share is not None and share.is_of_few for share in (shown.clean, shown.attack)):
        title += "; in brackets the 95 % interval, where there are few images"
    console.print(Text(plain(title)), soft_wrap=True)
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("network")
    for heading in ("pruned", "accuracy", "ASR", "recovered", "clean flagged", "poisoned flagged"):
        table.add_column(heading, justify="right")
    if run.has_estimates:
        table.add_column("ASR estimate", justify="right")

    def add_row(
        name: str, step: int | None, rates: Rates, flags: Rates = NO_RATES, estimate: Estimate | None = None
    ) -> None:
        cells = _cells(rates.clean, rates.attack, rates.recovered, flags.clean_flagged, flags.poisoned_flagged)
        cells += [str(estimate or "–")] if run.has_estimates else []
        table.add_row(name, "–" if step is None else str(step), *cells)

    def add_goodnet(name: str, step: int | None, rates: Rates) -> None:
        if rates != NO_RATES:
            add_row(name, step, rates, rates)

    add_row("B", 0, shown, estimate=run.estimate_at(0))
    for threshold in run.thresholds:
        name = f"X={threshold.drop:g}"
        if threshold.step is None:
            table.add_row(f"B′ {name}", "never reached")
            continue
        rates, estimate = threshold.pruned_test if test else threshold.rates, run.estimate_at(threshold.step)
        add_row(f"B′ {name}", threshold.step, rates, estimate=estimate)
        add_goodnet(f"G  {name}", threshold.step, threshold.goodnet_test if test else threshold.goodnet_valid)
    for repair in run.repairs:
        rates = repair.test if test else repair.valid
        add_row(f"repaired: {repair.shown_name}", None, rates, estimate=repair.estimate)
        add_goodnet("G  of B and it", None, repair.goodnet_test if test else repair.goodnet_valid)
    print_table(console, table)


def _print_comparison(console: Console, run: RunRecord) -> None:
    """Print the layers and rankings that were compared, the best first."""
    poisoned = run.comparison[0].asr_area is not None
    what = "pruned, accuracy, ASR" if poisoned else "pruned, accuracy"
    title = f"Layers and rankings compared on validation images, best first; at each X: {what}"
    console.print(Text(title), soft_wrap=True)
    asr = f", ASR {_short(run.baseline_valid.attack_success_rate)}" if poisoned else ""
    console.print(Text(f"B, unpruned: accuracy {_short(run.baseline_valid.clean_accuracy)}{asr}"), soft_wrap=True)
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("layer", overflow="fold", min_width=8)
    table.add_column("ranking", no_wrap=True)
    is_wide = console.width >= _WIDE or not console.is_terminal
    drops = [f"X={threshold.drop:g}" for threshold in run.comparison[0].thresholds]
    for heading in (*drops, *(("margin",) if poisoned and is_wide else ()), *(("channels",) if is_wide else ())):
        table.add_column(heading, justify="right", no_wrap=True)
    for order in run.comparison:
        cells = [_compared(threshold) for threshold in order.thresholds]
        cells += [_short(order.margin)] if poisoned and is_wide else []
        cells += [str(order.channels)] if is_wide else []
        table.add_row(Text(plain(order.layer)), order.ranking, *cells)
    print_table(console, table)


def _compared(threshold: ComparedThreshold) -> str:
    if threshold.step is None:
        return "–"
    rates = [threshold.rates.clean_accuracy, threshold.rates.attack_success_rate]
    found = [str(threshold.step), *(_short(rate) for rate in rates if rate is not None)]
    return " ".join(found) + ("" if threshold.estimate is None else f" (estimate {threshold.estimate})")


def _short(rate: float | None) -> str:
    return "–" if rate is None else f"{rate:.1f}"


def _cells(*shares: Share | None) -> list[str]:
    return [_cell(share) for share in shares]


def _cell(share: Share | None) -> str:
    if share is None:
        return "–"
    if not share.is_of_few:
        return f"{share.percent:.2f}"
    low, high = share.wilson_interval()
    return f"{share.percent:.2f} ({low:.0f}–{high:.0f})"


def print_check(console: Console, emitted: Sequence[Event]) -> None:
    """Print what ``--check`` found."""
    for event in emitted:
        match event:
            case events.ModelOpened():
                _print_model(console, event)
            case events.DataOpened():
                labels = ", with true labels" if event.true_labels else ""
                text = f"{event.role.replace('_', ' ')}: {event.images} images, {event.layout}, {event.dtype}{labels}"
                made = f" with {event.made_with}" if event.made_with else ""
                console.print(Text(plain(f"{text}  {event.path}{made}")), soft_wrap=True)
            case events.ClassesNamed():
                console.print(Text(plain(f"class names: {_listed(event.names)}")), soft_wrap=True)
            case events.ScaleDecided():
                console.print(Text(plain(f"preprocess: {event.preprocess}. {event.text}")), soft_wrap=True)
            case events.LayerChosen():
                pruned = f"{event.pruned} is pruned"
                if event.where_read:
                    pruned = f"its channels are pruned where they are read ({event.pruned})"
                text = (
                    f"layer: {event.profiled} is profiled, {pruned}; "
                    f"{event.silent} of {event.channels} channels are already silent (their weights are zero)"
                )
                console.print(Text(plain(text)), soft_wrap=True)


def _listed(names: Sequence[str], most: int = 12) -> str:
    """Class names with their numbers, the first of many."""
    shown = ", ".join(f"{number} {name}" for number, name in enumerate(names[:most]))
    return shown if len(names) <= most else f"{shown}, … {len(names) - 1} {names[-1]}"


def _print_model(console: Console, event: events.ModelOpened) -> None:
    shape = shape_text(event.input_shape)
    console.print(Text(plain(f"model: {event.classes} classes, images {shape}  {event.path}")), soft_wrap=True)
    console.print(Text(f"sha256: {event.sha256}"), soft_wrap=True)
    table = Table(box=box.SIMPLE_HEAD)
    for heading in ("layer", "kind", "output", "parameters", "prunable channels"):
        table.add_column(heading, justify="right" if heading in ("parameters", "prunable channels") else "left")
    for layer in event.layers:
        output = shape_text(layer.output_shape[1:])
        channels = "–" if layer.channels is None else str(layer.channels)
        table.add_row(Text(plain(layer.name)), layer.kind, output, f"{layer.parameters:,}", channels)
    print_table(console, table)
