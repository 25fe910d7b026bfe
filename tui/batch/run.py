"""The headless front: progress on stderr, results on stdout, an exit status for scripts."""

from __future__ import annotations

import json
import os
import signal
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from rich.console import Console

from bdtui.engine.detect.methods import asked_methods as asked_detectors
from bdtui.engine.errors import BdtuiError, InputError, Interrupted, OptionError, OutputError
from bdtui.engine.events import Event, Notice
from bdtui.engine.exports.formats import asked_formats
from bdtui.engine.inputs.recipe import Recipe
from bdtui.engine.repair.methods import asked_methods
from bdtui.engine.reporter import Emit, Reporter
from bdtui.engine.reports.gates import judge_gates
from bdtui.engine.reports.record import RunRecord
from bdtui.engine.runs.finished import asks_for_more, finished_run
from bdtui.engine.runs.folder import planned_folder
from bdtui.engine.screen.methods import asked_method
from bdtui.engine.settings import (
    RunSettings,
    check_demands,
    check_given,
    check_network_given,
    check_screening,
    gates_of,
    is_without_images,
)
from bdtui.engine.startup import load_tensorflow
from bdtui.tui.batch.output import ProgressDisplay, print_check, print_results
from bdtui.tui.batch.screening import print_screening
from bdtui.tui.exit_codes import ExitCode
from bdtui.tui.merged_options import check_output_folder, merge_options
from bdtui.tui.terminal.native_output import NativeOutput, capture_native_output
from bdtui.tui.wording import plain

if TYPE_CHECKING:
    from bdtui.engine.runs.run import RunResult


def run_batch(options: Mapping[str, Any]) -> ExitCode:
    """Run without a screen.

    Args:
        options: those given on the command line, by their names with underscores.
    """
    with capture_native_output() as native, _stop_on_signal() as stop_requested:
        try:
            return _answer(options, stop_requested)
        except Interrupted as problem:
            _write_line(f"bdtui: {problem}")
            return ExitCode.INTERRUPTED
        except BdtuiError as problem:
            _write_line(f"bdtui: error: {problem}")
            return ExitCode.USAGE if isinstance(problem, InputError) else ExitCode.FAULT
        except Exception:
            _report_internal_error(native)
            return ExitCode.FAULT


def _answer(options: Mapping[str, Any], stop_requested: Callable[[], bool]) -> ExitCode:
    if "sweep" in options:
        from bdtui.tui.batch.sweep import run_sweep

        with _report_stdout_errors():
            return run_sweep(options, stop_requested, _write_line)
    settings, out, recipe = merge_options(options)
    check_screening(settings)
    if settings.screen is not None:
        return _screen(options, settings, out, recipe, stop_requested)
    (check_network_given if is_without_images(settings) else check_given)(settings)
    asked_methods(settings.repair)
    asked_detectors(settings.detect)
    asked_formats(settings.formats)
    check_demands(settings)
    if options.get("resume"):
        finished = _finished_run(Path(str(out)))
        # A finished run can still be compared with other layers and rankings, or repaired.
        if finished is not None and not asks_for_more(settings, finished, Path(str(out))):
            _write_line(f"bdtui: {out} is already complete")
            return _conclude(options, replace(finished, gates=gates_of(settings)), Path(str(out)))
    emitted: list[Event] = []
    with _display(options) as show:
        reporter = Reporter(show, stop_requested).also(emitted.append)
        if options.get("check"):
            _load(reporter)
            from bdtui.engine.runs.check import check_inputs

            check_inputs(settings, reporter, recipe.sha256)
        else:
            result = _run(settings, out, recipe, reporter, resume=bool(options.get("resume")))
    if options.get("check"):
        if not options.get("json"):
            with _report_stdout_errors():
                print_check(Console(), emitted)
        return ExitCode.DONE
    return _conclude(options, result.record, result.out)


def _screen(
    options: Mapping[str, Any],
    settings: RunSettings,
    out: Path | None,
    recipe: Recipe,
    stop_requested: Callable[[], bool],
) -> ExitCode:
    """Judge images; no run is begun, and nothing but screened.csv is written."""
    check_given(settings)
    asked_method(settings.screen_by, goodnet=settings.goodnet is not None)
    if options.get("resume"):
        raise OptionError("--screen begins no run that could be resumed; expected it without --resume")
    with _display(options) as show:
        reporter = Reporter(show, stop_requested)
        folder = out or planned_folder(settings)
        check_output_folder(folder)
        _load(reporter)
        from bdtui.engine.runs.screening import open_screening, screen_images

        if options.get("check"):
            open_screening(settings, reporter, recipe.sha256)
            return ExitCode.DONE
        found = screen_images(settings, folder, reporter=reporter, expected_sha256=recipe.sha256)
    if not options.get("json"):
        with _report_stdout_errors():
            print_screening(Console(), found, folder)
    return ExitCode.DONE


def _run(settings: RunSettings, out: Path | None, recipe: Recipe, reporter: Reporter, *, resume: bool) -> RunResult:
    """The whole run; its folder is held, and its journal begun, before TensorFlow takes its seconds to load."""
    from bdtui.engine.runs.folder import discard_results
    from bdtui.engine.runs.journal_folder import open_run_folder

    folder = out or planned_folder(settings)
    with open_run_folder(folder, settings, recipe.sha256, may_hold_run=resume) as journal:
        if resume:
            discard_results(folder)
        _load(reporter)
        from bdtui.engine.runs.run import carry_out

        return carry_out(settings, folder, journal, reporter=reporter, expected_sha256=recipe.sha256)


def _load(reporter: Reporter) -> None:
    reporter.emit(Notice("loading TensorFlow"))
    load_tensorflow()


def _conclude(options: Mapping[str, Any], run: RunRecord, out: Path) -> ExitCode:
    """Print the results of a finished run, and judge them."""
    if not options.get("json"):
        with _report_stdout_errors():
            print_results(Console(), run, out)
    outcomes = judge_gates(run)
    for outcome in outcomes:
        _write_line(f"bdtui: {outcome.sentence}")
    refused = [each.problem for each in run.exports if each.problem]
    for sentence in refused:
        _write_line(f"bdtui: error: {sentence}")
    if not all(outcome.met for outcome in outcomes):
        return ExitCode.GATE
    return ExitCode.USAGE if refused else ExitCode.DONE


def _finished_run(out: Path) -> RunRecord | None:
    """The run of a folder if it is finished and its files are as they were written; what differs goes to stderr."""
    record, problems = finished_run(out)
    for sentence in problems:
        _write_line(f"bdtui: {sentence}; it is made again")
    return record


@contextmanager
def _display(options: Mapping[str, Any]) -> Iterator[Emit]:
    if options.get("json"):
        yield _print_json
    else:
        with ProgressDisplay(Console(stderr=True)) as display:
            yield display.show


def _print_json(event: Event) -> None:
    with _report_stdout_errors():
        print(json.dumps(event.as_json(), ensure_ascii=False, allow_nan=False), flush=True)


@contextmanager
def _report_stdout_errors() -> Iterator[None]:
    """Raise `OutputError` where stdout cannot be written; the files of the run are kept."""
    try:
        yield
        sys.stdout.flush()
    except OSError as problem:
        raise OutputError(f"standard output cannot be written ({problem.strerror}); expected room there") from problem


@contextmanager
def _stop_on_signal() -> Iterator[Callable[[], bool]]:
    """Turn the first Ctrl-C (or SIGTERM) into a wish to stop, and the second into an end at once."""
    wishes: list[int] = []

    def wish(number: int, frame: FrameType | None) -> None:
        if wishes:
            raise KeyboardInterrupt
        wishes.append(number)
        # Not through sys.stderr: the signal may have come in the middle of a write to it.
        os.write(sys.stderr.fileno(), b"\nbdtui: Stopping after this batch; Ctrl-C again to stop now\n")

    signals = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, wish) for number in signals]
    try:
        yield lambda: bool(wishes)
    finally:
        for number, handler in zip(signals, before, strict=True):
            signal.signal(number, handler)


def _write_line(sentence: str) -> None:
    """One line on stderr, whatever the text holds."""
    sys.stderr.write(plain(sentence) + os.linesep)


def _report_internal_error(native: NativeOutput) -> None:
    sys.stderr.write(traceback.format_exc())
    printed = native.tail().strip()
    if printed:
        sys.stderr.write(f"\nwhat TensorFlow printed last:\n{printed}\n")
    _write_line("bdtui: internal error; please report it with the lines above")
