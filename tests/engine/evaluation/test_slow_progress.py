"""Progress of work that is mostly quick, and stops in the middle of it."""

from __future__ import annotations

import pytest

from bdtui.engine.errors import Interrupted
from bdtui.engine.evaluation.slow_progress import SlowProgress
from bdtui.engine.events import Event, Progress
from bdtui.engine.reporter import Reporter


def shown(seconds: list[float], total: int = 4) -> list[int]:
    """What is shown of work whose parts are done at some seconds."""
    events: list[Event] = []
    clock = iter([0.0, *seconds])
    progress = SlowProgress(Reporter(events.append), "predictions", total, "images", clock=lambda: next(clock))
    for _ in seconds:
        progress.advance(1)
    assert all(isinstance(event, Progress) and event.total == total for event in events)
    return [event.done for event in events if isinstance(event, Progress)]


def test_quick_work_shows_no_progress() -> None:
    assert shown([0.1, 0.2, 0.3, 0.9]) == []


def test_slow_work_shows_progress_once_a_second_and_its_end() -> None:
    assert shown([0.9, 1.1, 1.3, 1.4]) == [2, 4]
    assert shown([1, 2, 3, 4]) == [1, 2, 3, 4]


def test_a_stop_is_obeyed_between_any_two_parts() -> None:
    asked = iter([False, True])
    progress = SlowProgress(Reporter(stop_requested=lambda: next(asked)), "predictions", 4, "images")
    progress.advance(1)
    with pytest.raises(Interrupted):
        progress.advance(1)
