"""Starts the app of a sweep, runs the sweep in a thread beside it, and opens cells in a process of their own."""

from __future__ import annotations

import shlex
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable, Mapping
from multiprocessing import resource_tracker
from pathlib import Path
from typing import Any

from bdtui.engine.errors import BdtuiError, InputError, Interrupted
from bdtui.engine.event_values import FAILED
from bdtui.engine.reporter import Emit, Reporter
from bdtui.engine.sweeps.cluster import require_dask
from bdtui.engine.sweeps.plan import SweepPlan
from bdtui.engine.sweeps.settings import SweepOptions, planned_sweep
from bdtui.tui.exit_codes import ExitCode
from bdtui.tui.preferences import preferences_path, read_preferences
from bdtui.tui.start import end_process
from bdtui.tui.terminal.native_output import capture_native_output
from bdtui.tui.terminal.terminal import require_terminal
from bdtui.tui.wording import plain

_PATIENCE = 15.0
"""Seconds that the sweep has to end its workers in order when the app is left."""


def run_sweep_app(options: Mapping[str, Any]) -> ExitCode:
    """Run the app of a sweep, then end the process.

    Args:
        options: those given on the command line, by their names with underscores.

    Returns:
        The exit status, only if the app could not start.
    """
    try:
        require_terminal()
        require_dask()
        preferences = read_preferences(preferences_path())
        plan, out, how = planned_sweep(options)
    except InputError as problem:
        sys.stderr.write(f"bdtui: error: {plain(str(problem))}\n")
        return ExitCode.USAGE
    sweep = _SweepThread(plan, out, how)
    # Started now: Textual's stand-in for stderr has no descriptor, which this helper of worker processes asks for.
    resource_tracker.ensure_running()
    with capture_native_output():
        sys.__stderr__ = sys.__stdout__  # type: ignore[misc]
        sys.stderr = sys.stdout
        from bdtui.tui.sweep.app import SweepApp

        app = SweepApp(
            sweep.begin,
            sweep.stop,
            lambda folder: _open_cell(app, folder),
            preferences=preferences,
        )
        app.run()
        sweep.stop()
        if sweep.is_running:
            sys.stdout.write("bdtui: stopping the workers\n")
        sweep.join()
        code = ExitCode.FAULT if app.return_code is None else ExitCode(app.return_code)
        if sweep.is_unfinished:
            sys.stdout.write(plain(f"bdtui: sweep saved. Resume with: {_again(options, out)}") + "\n")
        end_process(code)
    return code


def _again(options: Mapping[str, Any], out: Path) -> str:
    """The command that goes on, with all that was given beside the plan: it belongs to the runs."""
    more = [*([] if options.get("resume") else ["--resume"]), *([] if "out" in options else ["--out", str(out)])]
    return shlex.join(["bdtui", *sys.argv[1:], *more])


class _SweepThread:
    """The sweep beside the app."""

    def __init__(self, plan: SweepPlan, out: Path, how: SweepOptions) -> None:
        self._plan, self._out, self._how = plan, out, how
        self._is_stopped = threading.Event()
        self._thread: threading.Thread | None = None
        self.is_unfinished = False

    def begin(self, emit: Emit, end: Callable[[str, ExitCode], None]) -> None:
        """Start the thread."""
        self._thread = threading.Thread(target=self._run, args=(emit, end), name="bdtui-sweep", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop after the batches at hand."""
        self._is_stopped.set()

    @property
    def is_running(self) -> bool:
        """Whether the thread is at work."""
        return self._thread is not None and self._thread.is_alive()

    def join(self) -> None:
        """Wait until the workers are gone, or for a while."""
        if self._thread is not None:
            self._thread.join(_PATIENCE)

    def _run(self, emit: Emit, end: Callable[[str, ExitCode], None]) -> None:
        # Here and not above: it brings numpy and, once it runs, Dask.
        from bdtui.engine.sweeps.gates import judge_sweep
        from bdtui.engine.sweeps.sweep import execute_sweep

        try:
            result = execute_sweep(self._plan, self._out, self._how, Reporter(emit, self._is_stopped.is_set))
            outcomes = judge_sweep(self._plan, result)
        except Interrupted as problem:
            self.is_unfinished = True
            end(str(problem), ExitCode.INTERRUPTED)
        except BdtuiError as problem:
            end(str(problem), ExitCode.USAGE)
        except Exception as problem:
            end(f"internal error ({type(problem).__name__}: {problem}); please report it", ExitCode.FAULT)
            sys.stderr.write(traceback.format_exc())
        else:
            unmet = next((outcome.sentence for outcome in outcomes if not outcome.met), "")
            failed = any(row.state == FAILED for row in result.rows)
            end(unmet, ExitCode.GATE if unmet else ExitCode.USAGE if failed else ExitCode.DONE)


def _open_cell(app: Any, folder: Path) -> None:
    """Open a cell's run in a process of its own, which has the terminal meanwhile; the sweep goes on."""
    command = [sys.executable, "-P", "-m", "bdtui.tui", "--resume", "--out", str(folder)]
    with app.suspend():
        stream = sys.__stdout__
        assert stream is not None
        subprocess.run(command, stdout=stream.fileno(), stderr=stream.fileno(), check=False)
