"""Untargeted stamp: does one small stamp change all classes, and is what it makes of each still told by the class?

A backdoor from all classes to all others is no short way to one class, so nothing that asks for a target sees it. But a
stamp that fools such a network leaves its predictions as well ordered as before: each class goes to one other class.
"""

from __future__ import annotations

import time

import numpy as np
from numpy.typing import NDArray

from bdtui.engine.detect.evidence import Evidence
from bdtui.engine.detect.given import LabelledGiven
from bdtui.engine.detect.stamp_search import StampSearch, away_from
from bdtui.engine.evaluation.slow_progress import SlowProgress

_RESTARTS, _STEPS, _BATCH = 3, 120, 32
_GOAL = 0.85
_COUNTED = 1_000


def find_by_mutual_information(given: LabelledGiven) -> Evidence:
    """The largest I(true class; predicted class) ÷ H(true class) under a stamp that fools most images, 0–1.

    Raises:
        Interrupted: the reporter requested a stop.
    """
    started = time.monotonic()
    subject, random = given.subject, np.random.default_rng([given.subject.seed, 3])
    restarts = max(1, min(_RESTARTS, subject.rows // _BATCH))
    search = StampSearch(subject, restarts, away_from, random)
    right = np.flatnonzero(subject.predict(given.images, given.reporter) == given.labels)
    if len(right) < 2:
        return Evidence(np.empty(0), 0.0, None, time.monotonic() - started)
    weights, best_area = np.full(restarts, 3.0), np.full(restarts, np.inf)
    best = [values.copy() for values in search.values]
    progress = SlowProgress(given.reporter, "detect: mutual information", _STEPS, "steps")
    hits: list[NDArray[np.float64]] = []
    for step in range(_STEPS):
        rows = random.choice(right, min(_BATCH, len(right)), replace=False)
        before = search.values
        areas, classes = search.step(given.images[rows], np.tile(given.labels[rows], (restarts, 1)), weights)
        fooled = (classes != given.labels[rows]).mean(axis=1)
        hits.append(fooled)
        better = (fooled >= _GOAL) & (areas < best_area)
        best_area[better] = areas[better]
        for kept, values in zip(best, before, strict=True):
            kept[better] = values[better]
        if step % 10 == 9:
            reached = np.mean(hits[-10:], axis=0) >= _GOAL
            weights = np.where(reached, weights * 1.5, weights / 1.5**1.5)
        progress.advance(1)
    found = [0.0]
    counted = right[:_COUNTED]
    masks, patterns = (np.asarray(values) for values in search.made(*best))
    for mask, pattern, area in zip(masks, patterns, best_area, strict=True):
        if np.isfinite(area):
            stamped = given.images[counted] * (1 - mask) + mask * pattern
            found.append(
                information_share(given.labels[counted], subject.predict(stamped, given.reporter), subject.classes)
            )
    return Evidence(np.empty(0), max(found), None, time.monotonic() - started)


def information_share(labels: NDArray[np.int64], predicted: NDArray[np.int64], classes: int) -> float:
    """I(label; prediction) ÷ H(label), 0–1, less what chance gives for so few images (Miller–Madow)."""
    table = np.zeros((classes, classes))
    np.add.at(table, (labels, predicted), 1)
    total = table.sum()

    def entropy(counts: NDArray[np.float64]) -> float:
        shares = counts[counts > 0] / total
        return float(-(shares * np.log(shares)).sum() + (len(shares) - 1) / (2 * total))

    of_labels = entropy(table.sum(axis=1))
    shared = of_labels + entropy(table.sum(axis=0)) - entropy(table.ravel())
    return max(0.0, shared / of_labels) if of_labels > 0 else 0.0
