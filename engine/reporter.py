"""Events and stop requests of engine code."""

from __future__ import annotations

from collections.abc import Callable

from bdtui.engine.errors import Interrupted
from bdtui.engine.events import Event

Emit = Callable[[Event], None]
"""Where events go. Called in the engine's thread; must not block."""


class Reporter:
    """What engine code reports to, and whether it should stop.

    Args:
        emit: receives every event.
        stop_requested: looked at between batches; True makes the work end with `Interrupted`.
    """

    def __init__(self, emit: Emit = lambda event: None, stop_requested: Callable[[], bool] = lambda: False) -> None:
        self.emit = emit
        self._stop_requested = stop_requested

    @property
    def stop_requested(self) -> bool:
        """Whether somebody asked the work to stop."""
        return self._stop_requested()

    def also(self, receive: Emit) -> Reporter:
        """A reporter that gives every event to ``receive`` first, and stops when this one does."""

        def emit(event: Event) -> None:
            receive(event)
            self.emit(event)

        return Reporter(emit, self._stop_requested)

    def checkpoint(self) -> None:
        """Stop here if somebody asked for it.

        Raises:
            Interrupted: somebody did.
        """
        if self.stop_requested:
            raise Interrupted


SILENT = Reporter()
"""A reporter that drops every event and never stops; the default of the Python API."""
