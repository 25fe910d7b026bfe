"""Starts the terminal app, and restores the terminal however the app ends."""

from __future__ import annotations

import gc
import logging
import os
import shlex
import sys
import threading
import traceback
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from typing import Any

import platformdirs

from bdtui.engine.errors import InputError
from bdtui.engine.machine.files import abandon_passing_files
from bdtui.tui.exit_codes import ExitCode
from bdtui.tui.merged_options import check_output_folder, merge_options
from bdtui.tui.preferences import preferences_path, read_preferences
from bdtui.tui.terminal.native_output import capture_native_output
from bdtui.tui.terminal.terminal import TerminalWatch, require_terminal
from bdtui.tui.wording import plain

_EXIT_TIMEOUT = 3.0
"""Seconds for restoring the terminal before bdtui exits anyway; a lost terminal may never answer."""
_EXIT_TIMEOUT_IN_PAGE = 30.0
"""The same in a page: its server has less patience, and this is for the session whose server has gone."""
_LOG_BYTES = 1_000_000

log = logging.getLogger("bdtui")


def run_app(options: Mapping[str, Any], *, in_page: bool = False) -> ExitCode:
    """Run the app, then end the process, whatever the engine's thread is doing.

    Args:
        options: those given on the command line, by their names with underscores.
        in_page: draw for the page of a browser (``--serve``): stdin and stdout are pipes, stderr is for last words.

    Returns:
        The exit status, only if the app could not start.
    """
    try:
        if not in_page:
            require_terminal()
        preferences = read_preferences(preferences_path())
        settings, out, recipe = merge_options(options)
        if not options.get("resume"):
            check_output_folder(out)
    except InputError as problem:
        sys.stderr.write(f"bdtui: error: {plain(str(problem))}\n")
        return ExitCode.USAGE
    # Garbage collection would take a tenth of the time to the first paint and find nothing; the engine turns it on again
    # once TensorFlow is loaded.
    gc.disable()
    with capture_native_output() as native:
        if not in_page:
            # Textual draws on one stream and gets the size from the other: both must be the terminal, even if stderr is redirected.
            sys.__stderr__ = sys.__stdout__  # type: ignore[misc]
            sys.stderr = sys.stdout
        from bdtui.engine.session.engine_thread import EngineThread
        from bdtui.tui.app import BdtuiApp

        app = BdtuiApp(
            settings,
            lambda emit: EngineThread(emit, settings, out),
            expected_sha256=recipe.sha256,
            resume_in=out if options.get("resume") else None,
            preferences=preferences,
            watch=TerminalWatch(sys.stdin.fileno()),
            before_exit=partial(end_if_stuck, seconds=_EXIT_TIMEOUT_IN_PAGE if in_page else _EXIT_TIMEOUT),
            after_first_paint=_log_to_file,
        )
        code: int = ExitCode.FAULT
        try:
            app.run()
            code = ExitCode.FAULT if app.return_code is None else app.return_code
        except Exception:
            # Textual shows what goes wrong in the app; this went wrong while it was drawing or leaving.
            log.exception("the app crashed while drawing or leaving")
            _write_last_words(traceback.format_exc())
        if code == ExitCode.FAULT:
            log.error("the app crashed; last output of TensorFlow:\n%s", native.tail())
            _write_last_words("bdtui: internal error; please report it with the lines above\n")
        elif app.autosave_folder is not None:
            again = f"bdtui --resume --out {shlex.quote(app.autosave_folder)}"
            _write_last_words(plain(f"bdtui: session saved. Resume with: {again}") + "\n")
        # While output is still captured: TensorFlow may still be printing.
        end_process(code)
    return ExitCode(code)


def _write_last_words(text: str) -> None:
    """On stderr, if somebody is still there."""
    with suppress(OSError):
        sys.stderr.write(text)


def end_process(code: int) -> None:
    """End the process at once: a thread inside TensorFlow cannot be joined."""
    abandon_passing_files()
    logging.shutdown()
    try:
        sys.stdout.flush()
    finally:
        os._exit(code)


def end_if_stuck(code: int, *, seconds: float) -> None:
    """End the process after a timeout, in case an orderly exit hangs."""
    timer = threading.Timer(seconds, end_process, (code,))
    timer.daemon = True
    timer.start()


def _log_to_file() -> None:
    """Log to a file beside the list of recent files; if it cannot be written, only the log pane remains."""
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
