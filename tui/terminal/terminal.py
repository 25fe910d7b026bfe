"""Checks that there is a terminal, at the start and later."""

from __future__ import annotations

import os
import select
import sys

from bdtui.engine.errors import OptionError


def require_terminal() -> None:
    """Check that there is a terminal to draw on.

    Raises:
        OptionError: input or output is not a terminal, or the terminal cannot position text.
    """
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise OptionError(
            "the app needs a terminal for input and output, and there is none; add --batch to run without a screen"
        )
    if os.environ.get("TERM", "") in ("", "dumb"):
        raise OptionError(
            f"TERM={os.environ.get('TERM', '')!r} names no terminal that the app can draw on; "
            "set TERM, e.g. to xterm-256color, or add --batch to run without a screen"
        )


class TerminalWatch:
    """Detects that the terminal has closed, as after a lost connection under ``nohup``."""

    def __init__(self, descriptor: int) -> None:
        self._poll = select.poll()
        self._poll.register(descriptor, select.POLLHUP)

    def lost(self) -> bool:
        """Whether the terminal has closed."""
        return any(happened & (select.POLLHUP | select.POLLERR | select.POLLNVAL) for _, happened in self._poll.poll(0))
