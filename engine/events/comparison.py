"""Layers and rankings held side by side."""

from __future__ import annotations

from dataclasses import dataclass

from bdtui.engine.event_values import ComparedOrder
from bdtui.engine.events.event import Event
from bdtui.engine.rates import Rates


@dataclass(frozen=True)
class OrderCompared(Event):
    """One layer was pruned to its end in the order of one ranking, to be held beside others.

    Attributes:
        order: what that came to.
        place: among those so far, from the best; 0 is the best.
        done: how many there are so far, this one included.
        total: of how many.
    """

    order: ComparedOrder
    place: int
    done: int
    total: int


@dataclass(frozen=True)
class ComparisonBegun(Event):
    """Layers and rankings are held side by side from here on, none so far.

    Attributes:
        drops: of the thresholds, ascending, in percentage points.
        poisoned: whether there are poisoned validation images.
        total: how many orders there are to compare.
        baseline: of B, unpruned, on the validation images.
    """

    drops: tuple[float, ...]
    poisoned: bool
    total: int
    baseline: Rates


@dataclass(frozen=True)
class ComparisonEnded(Event):
    """No further order will be compared; ``sentence`` says which is the best so far, or that the work was stopped."""

    sentence: str
