"""Starts the terminal app, and leaves the terminal as it was, however the app ends."""

from __future__ import annotations

import gc
import logging
import os
import shlex
import sys
import threading
from collections.abc import Mapping
from typing import Any

import platformdirs

from bdtui.engine.errors import InputError
from bdtui.engine.machine.files import abandon_passing_files
from bdtui.tui.exit_codes import ExitCode
from bdtui.tui.options import check_output_folder, merge_options
from bdtui.tui.preferences import preferences_path, read_preferences
from bdtui.tui.terminal.native_output import captured_native_output
from bdtui.tui.terminal.terminal import TerminalWatch, require_terminal
from bdtui.tui.wording import plain

_PATIENCE = 3.0
"""Seconds that restoring a terminal may take before bdtui ends without; a lost one may never answer."""
_LOG_BYTES = 1_000_000

log = logging.getLogger("bdtui")


def run_app(options: Mapping[str, Any]) -> ExitCode:
    """Run the app until the person quits. The process ends here, whatever the engine's thread is doing.

    Args:
        options: those given on the command line, by their names with underscores.

    Returns:
        Only where the app could not begin: the exit status.
    """
    try:
        require_terminal()
        preferences = read_preferences(preferences_path())
        settings, out, recipe = merge_options(options)
        if not options.get("resume"):
            check_output_folder(out)
    except InputError as problem:
        sys.stderr.write(f"bdtui: error: {plain(str(problem))}\n")
        return ExitCode.USAGE
    # Nothing that is made until the engine has loaded TensorFlow becomes garbage, and looking for it would cost a
    # tenth of the time to the first paint; the engine switches this on again.
    gc.disable()
    with captured_native_output() as native:
        # Textual draws on the one, asks the other for its size: both are the terminal, wherever stderr was sent.
        sys.__stderr__ = sys.__stdout__  # type: ignore[misc]
        sys.stderr = sys.stdout
        from bdtui.engine.session.engine_thread import EngineThread
        from bdtui.tui.app import BdtuiApp

        app = BdtuiApp(
            settings,
            lambda emit: EngineThread(emit, settings, out),
            expected_sha256=recipe.sha256,
            go_on_in=out if options.get("resume") else None,
            preferences=preferences,
            watch=TerminalWatch(sys.stdin.fileno()),
            leaving=_end_if_stuck,
            painted=_log_to_file,
        )
        app.run()
        code = ExitCode.FAULT if app.return_code is None else app.return_code
        if code == ExitCode.FAULT:
            log.error("the app ended by a fault; TensorFlow printed last:\n%s", native.tail())
            sys.stdout.write("bdtui: internal error; please report it with the lines above\n")
        elif app.kept_in is not None:
            again = f"bdtui --resume --out {shlex.quote(app.kept_in)}"
            sys.stdout.write(plain(f"bdtui: session saved. Resume with: {again}") + "\n")
        # Before descriptors 1 and 2 lead to the terminal again: TensorFlow may still be printing.
        _end(code)
    return ExitCode(code)


def _end(code: int) -> None:
    """End the process now: a thread inside TensorFlow cannot be joined, only left."""
    abandon_passing_files()
    logging.shutdown()
    try:
        sys.stdout.flush()
    finally:
        os._exit(code)


def _end_if_stuck(code: int) -> None:
    """End the process a while from now, if leaving in order has not ended it by then."""
    timer = threading.Timer(_PATIENCE, _end, (code,))
    timer.daemon = True
    timer.start()


def _log_to_file() -> None:
    """Keep a log beside the list of recent files; where none can be kept, the log pane has to do."""
    from logging.handlers import RotatingFileHandler

    log.propagate = False
    try:
        folder = platformdirs.user_state_path("bdtui")
        folder.mkdir(parents=True, exist_ok=True)
        handler: logging.Handler = RotatingFileHandler(folder / "bdtui.log", maxBytes=_LOG_BYTES, backupCount=1)
    except OSError:
        handler = logging.NullHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(process)d %(levelname)s %(message)s"))
    log.addHandler(handler)
    log.setLevel(logging.INFO)
