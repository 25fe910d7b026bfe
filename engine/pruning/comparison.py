"""What pruning in one order came to, in a few numbers, so that layers and rankings can be held side by side."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import pairwise

from bdtui.engine.event_values import ComparedOrder, ComparedThreshold, Threshold
from bdtui.engine.pruning.curve import Step, find_threshold


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
        tuple(_compared(find_threshold(curve, order, Threshold(drop))) for drop in drops),
        _area((step.fraction, step.rates.clean_accuracy) for step in curve),
        _area((step.fraction, step.rates.attack_success_rate) for step in curve),
    )


def _compared(threshold: Threshold) -> ComparedThreshold:
    # Without what only a GoodNet has.
    rates = replace(threshold.rates, clean_flagged=None, poisoned_flagged=None)
    return ComparedThreshold(threshold.drop, threshold.step, rates)


def best_first(compared: Iterable[ComparedOrder]) -> list[ComparedOrder]:
    """Orders by the largest margin of a threshold (clean accuracy minus ASR), of equals by the area under the ASR curve.

    Not by the ASR alone: a single step may cost far more than the drop, and a network that is broken has no ASR either.
    Without poisoned images: by how much is pruned at the largest drop.
    """
    return sorted(compared, key=_rank)


def _rank(one: ComparedOrder) -> tuple[float, float]:
    if one.asr_area is None:
        last = one.thresholds[-1] if one.thresholds else None
        return (1.0 if last is None or last.step is None else 1 - last.step / one.channels), 0.0
    return (math.inf if one.margin is None else -one.margin), one.asr_area


def _area(points: Iterable[tuple[float, float | None]]) -> float | None:
    """Area under points (x between 0 and 1, y in percent) by trapezoids; None where a y is not known."""
    known = [(x, y) for x, y in points if y is not None]
    if len(known) < 2:
        return None
    return sum((x2 - x1) * (y1 + y2) / 2 for (x1, y1), (x2, y2) in pairwise(known))
