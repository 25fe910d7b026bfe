"""Signals while the app uses the terminal."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable


def handle_signals(leave: Callable[[], None], stop: Callable[[], None]) -> None:
    """Exit the app in order on signals, so that the terminal is always restored.

    Args:
        leave: called on SIGTERM and SIGHUP.
        stop: called on SIGINT.
    """
    loop = asyncio.get_running_loop()
    try:
        for number in (signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, leave)
        loop.add_signal_handler(signal.SIGINT, stop)
    except (NotImplementedError, RuntimeError, ValueError):
        # Not in the main thread, as in some tests.
        return
