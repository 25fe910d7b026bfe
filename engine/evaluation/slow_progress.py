"""Progress of work that is mostly too quick to speak of: shown from its second second on, once a second."""

from __future__ import annotations

import time
from collections.abc import Callable

from bdtui.engine.events import Progress
from bdtui.engine.reporter import Reporter


class SlowProgress:
    """How far some work is, emitted where it takes longer than a second.

    Args:
        reporter: receives the progress, and is asked whether to stop.
        stage: what is done.
        total: of how many.
        unit: what is counted.
        clock: seconds from anywhere.
    """

    def __init__(
        self, reporter: Reporter, stage: str, total: int, unit: str, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._reporter = reporter
        self._stage, self._total, self._unit = stage, total, unit
        self._clock = clock
        self._emitted = clock()
        self._done = 0
        self._shown = False

    def advance(self, done: int) -> None:
        """Count what was done since the last time.

        Raises:
            Interrupted: the reporter requested a stop.
        """
        self._reporter.checkpoint()
        self._done += done
        now = self._clock()
        # What was shown once is shown to its end: a bar would stay otherwise.
        if now - self._emitted >= 1 or (self._shown and self._done == self._total):
            self._emitted, self._shown = now, True
            self._reporter.emit(Progress(self._stage, self._done, self._total, self._unit))
