"""What pruning in one order came to, in a few numbers, so that layers and rankings can be held side by side."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from bdtui.engine.event_values import Threshold
from bdtui.engine.pruning.curve import Step, find_threshold


@dataclass(frozen=True)
class ComparedOrder:
    """One layer, pruned to its end in the order of one ranking; rates are of the validation images.

    Attributes:
        layer: whose activations were read.
        pruned: the layer whose channels were pruned.
        channels: how many it has.
        ranking: that gave the order.
        thresholds: in ascending order of the drop, with the rates of B′.
        accuracy_area: area under the curve of clean accuracy over the fraction pruned, in percent.
        asr_area: the same of the ASR; None without poisoned validation images.
    """

    layer: str
    pruned: str
    channels: int
    ranking: str
    thresholds: tuple[Threshold, ...]
    accuracy_area: float | None
    asr_area: float | None

    def as_json(self) -> dict[str, Any]:
        """As results.json has it."""
        return {
            **{"layer": self.layer, "pruned": self.pruned, "channels": self.channels, "ranking": self.ranking},
            "thresholds": [
                {"drop": threshold.drop, "step": threshold.step, **threshold.rates.as_json()}
                for threshold in self.thresholds
            ],
            **{"accuracy_area": self.accuracy_area, "asr_area": self.asr_area},
        }


def summarise_curve(
    layer: str, pruned: str, ranking: str, order: Sequence[int], curve: Sequence[Step], drops: Sequence[float]
) -> ComparedOrder:
    """The numbers of a whole curve.

    Args:
        layer: whose activations were read.
        pruned: the layer whose channels were pruned.
        ranking: that gave the order.
        order: every channel once.
        curve: all its steps.
        drops: of the thresholds, ascending.
    """
    return ComparedOrder(
        layer,
        pruned,
        len(order),
        ranking,
        tuple(find_threshold(curve, order, Threshold(drop)) for drop in drops),
        _area((step.fraction, step.rates.clean_accuracy) for step in curve),
        _area((step.fraction, step.rates.attack_success_rate) for step in curve),
    )


def best_first(compared: Iterable[ComparedOrder]) -> list[ComparedOrder]:
    """Orders by what is left of the attack at the largest drop that all reached, or failing that in all.

    Where there are no poisoned images: by how much could be pruned.
    """
    return sorted(compared, key=_rank)


def _rank(one: ComparedOrder) -> tuple[float, float]:
    last = one.thresholds[-1] if one.thresholds else Threshold(0)
    asr = last.rates.attack_success_rate
    if asr is None or one.asr_area is None:
        left = 100.0 if one.asr_area is not None or last.step is None else 100 - 100 * last.step / one.channels
        return left, one.asr_area or 0.0
    return asr, one.asr_area


def _area(points: Iterable[tuple[float, float | None]]) -> float | None:
    """Area under points (x between 0 and 1, y in percent) by trapezoids; None where a y is not known."""
    known = [(x, y) for x, y in points if y is not None]
    if len(known) < 2:
        return None
    return sum((x2 - x1) * (y1 + y2) / 2 for (x1, y1), (x2, y2) in pairwise(known))
