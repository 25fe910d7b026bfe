"""Seconds by stage, as results.json has them."""

from __future__ import annotations

import time
from collections.abc import Mapping


class Stopwatch:
    """Adds up what each stage takes.

    Args:
        seconds: by stage, of work that was done before.
    """

    def __init__(self, seconds: Mapping[str, float] | None = None) -> None:
        self._last = time.perf_counter()
        self.seconds: dict[str, float] = dict(seconds or {})

    def lap(self, stage: str) -> None:
        """Count the time since the last lap as that of a stage."""
        now = time.perf_counter()
        self.seconds[stage] = round(self.seconds.get(stage, 0) + now - self._last, 3)
        self._last = now

    @property
    def total(self) -> float:
        """Of all stages."""
        return round(sum(self.seconds.values()), 3)
