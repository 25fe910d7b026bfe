"""Feature scan: how far a small push inside the network, behind a layer, carries it towards each class.

Behind the layer that a trigger fires in, its target is a short step away from everything.
"""

from __future__ import annotations

import time

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from bdtui.engine.detect.class_statistics import gamma_p
from bdtui.engine.detect.evidence import Evidence
from bdtui.engine.detect.given import ImagesGiven, WeightsGiven
from bdtui.engine.detect.steps import Ascent, lengths
from bdtui.engine.detect.subject import Array, Passage, Subject, passages
from bdtui.engine.evaluation.slow_progress import SlowProgress
from bdtui.engine.reporter import Reporter

_STEPS = 8
_IMAGES = 100
_VALUES = 2**22
"""Values of a tensor that are computed at once."""


def scanned_layers(subject: Subject, number: int = 2) -> list[Passage]:
    """Where the scan looks: the deepest feature maps, each larger than the one behind it; deepest first.

    In a network without feature maps: the deepest hidden layers.
    """
    found: list[Passage] = []
    inside = passages(subject.network)
    maps = [each for each in inside if len(each.shape) > 1 and each.positions > 1] or inside
    for each in reversed(maps):
        if not found or each.positions > found[-1].positions or len(each.shape) == 1:
            found.append(each)
        if len(found) == number:
            break
    return found


def find_by_scan(given: WeightsGiven) -> Evidence:
    """The scan from images of noise."""
    random = np.random.default_rng([given.subject.seed, 2])
    return _scan(given.subject, given.subject.noise(_IMAGES, random), given.reporter)


def find_by_scan_of_images(given: ImagesGiven) -> Evidence:
    """The scan from clean images."""
    return _scan(given.subject, given.images[:_IMAGES], given.reporter)


def _scan(subject: Subject, images: Array, reporter: Reporter) -> Evidence:
    started = time.monotonic()
    p, scores = [], []
    for passage in scanned_layers(subject):
        found = scan_layer(subject, passage, images, reporter)
        scores.append(found)
        p.append(gamma_p(found))
    if not scores:
        return Evidence(np.empty(0), 0.0, None, time.monotonic() - started)
    statistic = -float(np.sum(np.log10(np.maximum(p, 1e-12))))
    usable = [found for found in scores if np.isfinite(found).all()] or [np.full(subject.classes, np.nan)]
    total = np.sum([found / max(float(np.abs(found).mean()), 1e-12) for found in usable], axis=0)
    return Evidence(total, statistic, min(1.0, len(p) * min(p)), time.monotonic() - started)


def scan_layer(
    subject: Subject, passage: Passage, images: Array, reporter: Reporter, steps: int = _STEPS
) -> NDArray[np.float64]:
    """For each class the mean margin that a push behind a layer reaches, float64 (N,).

    The push is at most half as long as what the layer makes of an image is on average.
    """
    values = np.asarray(subject.values_at(passage.tensor, tf.constant(images)))
    axes = tuple(range(1, values.ndim))
    radius = 0.5 * float(np.sqrt((values.astype(np.float64) ** 2).sum(axis=axes)).mean())
    ascent = Ascent(subject, passage.tensor)
    together = max(1, _VALUES // max(1, values.size))
    progress = SlowProgress(reporter, "detect: scan", subject.classes, "classes")
    scores = np.empty(subject.classes)
    for start in range(0, subject.classes, together):
        some = np.arange(start, min(start + together, subject.classes))
        classes = np.repeat(some, len(values))
        origin = tf.constant(np.tile(values, (len(some), *(1,) * len(axes))))
        push = tf.zeros_like(origin)
        for step in range(steps):
            reporter.checkpoint()
            _, directions = ascent.directions(origin + push, classes)
            push = push + radius * (1 - step / steps) / 2 * directions
            push = push * tf.minimum(1.0, radius / (lengths(push) + 1e-12))
        margins, _ = ascent.directions(origin + push, classes)
        scores[some] = margins.reshape(len(some), -1).mean(axis=1)
        progress.advance(len(some))
    return scores
