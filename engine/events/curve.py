"""How the rates fall while channels are pruned."""

from __future__ import annotations

from dataclasses import dataclass

from bdtui.engine.event_values import Estimate
from bdtui.engine.events.event import Event
from bdtui.engine.rates import Rates


@dataclass(frozen=True)
class BaselineMeasured(Event):
    """Rates of the unpruned BadNet."""

    valid: Rates
    test: Rates


@dataclass(frozen=True)
class StepFinished(Event):
    """A step of the curve; rates in percent, ``fraction`` between 0 and 1, channel None for step 0.

    ``estimate`` is what reversed triggers do where there are no poisoned images; None without.
    """

    step: int
    channel: int | None
    fraction: float
    clean_accuracy: float | None
    attack_success_rate: float | None
    estimate: Estimate | None = None


@dataclass(frozen=True)
class ThresholdReached(Event):
    """The first step whose clean accuracy lies at least ``drop`` percentage points below the baseline."""

    drop: float
    step: int
    clean_accuracy: float | None
    attack_success_rate: float | None


@dataclass(frozen=True)
class ThresholdMissed(Event):
    """No step of the curve fell by ``drop`` percentage points."""

    drop: float
    largest_drop: float
