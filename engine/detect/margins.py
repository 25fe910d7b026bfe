"""Margins (MM-BD): how much surer than of any other class a network can be made of each, from nothing but noise.

A backdoor gives its target class a direction in which its score grows without bound.

References:
    H. Wang, Z. Xiang, D. J. Miller, G. Kesidis, "MM-BD: Post-Training Detection of Backdoor Attacks with Arbitrary
    Backdoor Pattern Types Using a Maximum Margin Statistic", IEEE S&P 2024.
"""

from __future__ import annotations

import time

import numpy as np
import tensorflow as tf

from bdtui.engine.detect.class_statistics import gamma_p
from bdtui.engine.detect.evidence import Evidence
from bdtui.engine.detect.given import WeightsGiven
from bdtui.engine.detect.steps import Ascent
from bdtui.engine.evaluation.slow_progress import SlowProgress


def find_by_margins(given: WeightsGiven) -> Evidence:
    """The largest margin of each class, all classes side by side.

    Raises:
        Interrupted: the reporter requested a stop.
    """
    started = time.monotonic()
    subject = given.subject
    starts, steps = (8, 100) if subject.classes <= 64 else (2, 40)
    random = np.random.default_rng([subject.seed, 1])
    classes = np.repeat(np.arange(subject.classes), starts)
    rows = subject.rows
    progress = SlowProgress(given.reporter, "detect: margins", -(-len(classes) // rows) * steps, "steps")
    ascent = Ascent(subject, subject.network.input, subject.low, subject.high)
    found = np.empty(len(classes))
    for start in range(0, len(classes), rows):
        some = classes[start : start + rows]
        images = tf.constant(subject.noise(len(some), random))
        best = np.full(len(some), -np.inf)
        for step in range(steps):
            images, margins = ascent.step(images, some, 2 * subject.span * (1 - step / steps))
            best = np.maximum(best, margins)
            progress.advance(1)
        found[start : start + rows] = best
    scores = found.reshape(subject.classes, starts).max(axis=1)
    p = gamma_p(scores)
    return Evidence(scores, -float(np.log10(max(p, 1e-12))), p, time.monotonic() - started)
