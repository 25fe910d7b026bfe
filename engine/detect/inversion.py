"""Trigger inversion: the smallest stamp that sends clean images to a class, all classes side by side.

References:
    B. Wang et al., "Neural Cleanse: Identifying and Mitigating Backdoor Attacks in Neural Networks", IEEE S&P 2019.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from bdtui.engine.detect.evidence import Evidence, ReversedTrigger
from bdtui.engine.detect.given import ImagesGiven
from bdtui.engine.detect.stamp_search import Loss, StampSearch, cross_entropy, margin_loss
from bdtui.engine.evaluation.slow_progress import SlowProgress

_GOAL = 0.95
_BATCH = 16
_JUDGED, _WORKS = 25, 10.0
"""Steps whose success a strong trigger is judged by, and what that weighs against the share of the image it covers."""
_VERIFIED = 200
"""Images that a reversed trigger is tried on in the end."""


def find_by_inversion(given: ImagesGiven, targets: Sequence[int] | None = None, steps: int = 150) -> Evidence:
    """Reverse a trigger for each class, and compare their sizes.

    Args:
        given: network and images.
        targets: the classes that are tried; None for all.
        steps: of the search.

    Raises:
        Interrupted: the reporter requested a stop.
    """
    started = time.monotonic()
    wanted = list(range(given.subject.classes)) if targets is None else list(targets)
    triggers = reverse_triggers(given, wanted, steps)
    scores = np.full(given.subject.classes, np.nan)
    for trigger in triggers:
        scores[trigger.target] = -np.log(max(trigger.size, 1e-3))
    ordered = sorted(triggers, key=lambda trigger: trigger.size)
    return Evidence(scores, size_gap(triggers), None, time.monotonic() - started, tuple(ordered))


def size_gap(triggers: Sequence[ReversedTrigger]) -> float:
    """ln(median ÷ smallest size); 0 where there are fewer than three."""
    sizes = np.log([max(trigger.size, 1e-3) for trigger in triggers])
    return float(np.median(sizes) - sizes.min()) if len(sizes) > 2 else 0.0


def reverse_triggers(
    given: ImagesGiven, targets: Sequence[int], steps: int = 150, *, strong: bool = False
) -> list[ReversedTrigger]:
    """A reversed trigger for each of some classes.

    Args:
        given: network and images.
        targets: the classes.
        steps: of the search.
        strong: a coarse mask, and the target has to win by far; else Neural Cleanse's.

    Raises:
        Interrupted: the reporter requested a stop.
    """
    together = max(1, given.subject.rows // min(_BATCH, len(given.images)))
    stage = "detect: strong inversion" if strong else "detect: inversion"
    pieces = -(-len(targets) // together)
    progress = SlowProgress(given.reporter, stage, pieces * steps, "steps")
    found: list[ReversedTrigger] = []
    predicted = given.subject.predict(given.images[:_VERIFIED], given.reporter)
    for piece in np.array_split(np.asarray(targets), pieces):
        found += _reverse(given, piece, predicted, steps, progress, strong=strong)
    return found


def _reverse(
    given: ImagesGiven,
    targets: NDArray[np.int64],
    predicted: NDArray[np.int64],
    steps: int,
    progress: SlowProgress,
    *,
    strong: bool,
) -> list[ReversedTrigger]:
    subject = given.subject
    random = np.random.default_rng([subject.seed, 4, int(targets[0])])
    loss: Loss = margin_loss if strong else cross_entropy
    start = 0.05 if strong else 0.3
    rate = 0.2 if len(given.images) < 2 * _BATCH else 0.1
    search = StampSearch(subject, len(targets), loss, random, coarse=strong, start=start, rate=rate)
    free = 0.06 if strong else 0.0
    weights = np.full(len(targets), 200.0 if strong else 2.4)
    best_area = np.full(len(targets), np.inf)
    best = [values.copy() for values in search.values]
    hits: list[NDArray[np.float64]] = []
    for step in range(steps):
        rows = random.choice(len(given.images), min(_BATCH, len(given.images)), replace=False)
        before = search.values
        areas, classes = search.step(given.images[rows], np.repeat(targets[:, None], len(rows), axis=1), weights, free)
        success = (classes == targets[:, None]).mean(axis=1)
        hits.append(success)
        area, reliable = areas, success
        if strong:
            # One batch of sixteen tells too little of how well it works.
            reliable = np.mean(hits[-_JUDGED:], axis=0)
            area = np.maximum(areas, free) - _WORKS * reliable
        better = (reliable >= _GOAL) & (area < best_area)
        best_area[better] = area[better]
        for kept, values in zip(best, before, strict=True):
            kept[better] = values[better]
        if step % 10 == 9 and not strong:
            reached = np.mean(hits[-10:], axis=0) >= _GOAL
            weights = np.where(reached, weights * 1.5, weights / 1.5**1.5)
        progress.advance(1)
    never = ~np.isfinite(best_area)
    for kept, values in zip(best, search.values, strict=True):
        kept[never] = values[never]
    masks, patterns = (np.asarray(values) for values in search.made(*best))
    return [
        _verified(given, int(target), mask, pattern, predicted)
        for target, mask, pattern in zip(targets, masks, patterns, strict=True)
    ]


def _verified(
    given: ImagesGiven,
    target: int,
    mask: NDArray[np.float32],
    pattern: NDArray[np.float32],
    predicted: NDArray[np.int64],
) -> ReversedTrigger:
    """A trigger with what it does to images that the network does not take for its target anyway."""
    others = given.images[:_VERIFIED][predicted != target]
    trigger = ReversedTrigger(target, mask, pattern, float(mask.sum()), 0, len(others))
    if not len(others):
        return trigger
    hits = given.subject.predict(trigger.stamp(others), given.reporter) == target
    return ReversedTrigger(target, mask, pattern, trigger.size, int(hits.sum()), len(others))
