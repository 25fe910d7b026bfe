"""The terminal bdtui draws on: whether there is one, and whether it is still there."""

from __future__ import annotations

import os
import select
import sys

from bdtui.engine.errors import OptionError


def require_terminal() -> None:
    """Make sure that there is something to draw on.

    Raises:
        OptionError: input or output is no terminal, or one that can only print lines.
    """
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise OptionError(
            "the app needs a terminal for input and output, and there is none; add --batch to run without a screen"
        )
    if os.environ.get("TERM", "") in ("", "dumb"):
        raise OptionError(
            f"the terminal says TERM={os.environ.get('TERM', '')!r}, which cannot draw; "
            "set TERM to what it is, or add --batch to run without a screen"
        )


class TerminalWatch:
    """Notices that the terminal has gone, as it does when a connection is lost under ``nohup``."""

    def __init__(self, descriptor: int) -> None:
        self._poll = select.poll()
        self._poll.register(descriptor, select.POLLHUP)

    def lost(self) -> bool:
        """Whether nobody is at the other end any more."""
        return any(happened & (select.POLLHUP | select.POLLERR | select.POLLNVAL) for _, happened in self._poll.poll(0))
