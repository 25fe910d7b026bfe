"""What the engine says while it works.

Every event is a frozen record of plain values, so that it can cross a thread, be written as JSON, and be
shown by either front without asking the engine anything.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bdtui.engine.errors import Interrupted


@dataclass(frozen=True)
class Event:
    """Root of all events."""

    def as_json(self) -> dict[str, Any]:
        """The event as a JSON object; ``event`` holds its name, e.g. ``step_finished``."""
        name = re.sub(r"(?<!^)(?=[A-Z])", "_", type(self).__name__).lower()
        return {"event": name, **dataclasses.asdict(self)}


@dataclass(frozen=True)
class Progress(Event):
    """How far a long piece of work is.

    Attributes:
        stage: what is done, e.g. ``profile``.
        done: how many units are done.
        total: of how many; None when unknown.
        unit: what is counted, e.g. ``images``.
    """

    stage: str
    done: int
    total: int | None
    unit: str


@dataclass(frozen=True)
class Notice(Event):
    """Something a person should know and need not act on."""

    text: str


@dataclass(frozen=True)
class LayerFound(Event):
    """A layer of the opened model; ``channels`` is None where it cannot be pruned."""

    name: str
    kind: str
    output_shape: tuple[int | None, ...]
    parameters: int
    channels: int | None


@dataclass(frozen=True)
class ModelOpened(Event):
    """A model was opened."""

    path: str
    sha256: str
    classes: int
    input_shape: tuple[int | None, ...]
    layers: tuple[LayerFound, ...]


@dataclass(frozen=True)
class DataOpened(Event):
    """An image set was opened; ``role`` is its option's name with underscores, e.g. ``clean_valid``."""

    role: str
    path: str
    images: int
    layout: str
    dtype: str
    true_labels: bool


@dataclass(frozen=True)
class ScaleDecided(Event):
    """What pixels are divided by, and the clean accuracies (percent) that speak for it when it was found."""

    scale: int
    accuracy_by_scale: dict[int, float] | None
    text: str


@dataclass(frozen=True)
class LayerChosen(Event):
    """The layer that is profiled and the weighted layer that is pruned for it."""

    profiled: str
    pruned: str
    channels: int
    silent: int


@dataclass(frozen=True)
class BaselineMeasured(Event):
    """Rates of the unpruned BadNet, in percent, by the names of results.json; None without such data."""

    valid: dict[str, float | None]
    test: dict[str, float | None]


@dataclass(frozen=True)
class StepFinished(Event):
    """A step of the curve; rates in percent, ``fraction`` between 0 and 1, channel None for step 0."""

    step: int
    channel: int | None
    fraction: float
    clean_accuracy: float
    attack_success_rate: float | None


@dataclass(frozen=True)
class ThresholdReached(Event):
    """The first step whose clean accuracy lies at least ``drop`` percentage points below the baseline."""

    drop: float
    step: int
    clean_accuracy: float
    attack_success_rate: float | None


@dataclass(frozen=True)
class ThresholdMissed(Event):
    """No step of the curve fell by ``drop`` percentage points."""

    drop: float
    largest_drop: float


@dataclass(frozen=True)
class ArtifactWritten(Event):
    """A file of the run lies under its final name."""

    path: str


@dataclass(frozen=True)
class RunFinished(Event):
    """All is written."""

    out: str
    seconds: float


Emit = Callable[[Event], None]
"""Where events go. Called in the engine's thread; must not block."""


class Reporter:
    """How engine code speaks and how it learns that it should stop.

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

    def checkpoint(self) -> None:
        """Stop here if somebody asked for it.

        Raises:
            Interrupted: somebody did.
        """
        if self.stop_requested:
            raise Interrupted("interrupted")


SILENT = Reporter()
"""A reporter that says nothing and never stops; the default of the Python API."""
