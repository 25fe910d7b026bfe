"""How unusual the largest of one score for each class is, if all others are ordinary."""

from __future__ import annotations

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

Scores = NDArray[np.float64]


def robust_z(scores: Scores) -> Scores:
    """Each score's distance from the median in robust deviations (1.4826 · MAD), shape (N,).

    0 where all are equal, or where one is not finite.
    """
    if not np.isfinite(scores).all():
        return np.zeros_like(scores)
    distance = scores - np.median(scores)
    deviation = 1.4826 * np.median(np.abs(distance))
    return distance / deviation if deviation > 0 else np.zeros_like(distance)


def gamma_p(scores: Scores) -> float:
    """The chance that the largest of N ordinary scores is as large: a gamma distribution fitted to all others.

    Args:
        scores: shape (N,), N ≥ 3; those below zero count as (nearly) zero.

    References:
        H. Wang, Z. Xiang, D. J. Miller, G. Kesidis, "MM-BD: Post-Training Detection of Backdoor Attacks with Arbitrary
        Backdoor Pattern Types Using a Maximum Margin Statistic", IEEE S&P 2024.
    """
    if len(scores) < 3 or not np.isfinite(scores).all():
        return 1.0
    ordered = np.sort(scores)
    floor = max(1e-3 * float(np.abs(ordered).max()), 1e-9)
    rest, largest = np.maximum(ordered[:-1], floor), ordered[-1]
    if largest <= floor:
        return 1.0
    spread = np.log(rest.mean()) - np.log(rest).mean()
    if spread < 1e-9:
        return 1.0
    # Minka's closed form is within 1.5 % of the most likely shape.
    shape = (3 - spread + np.sqrt((spread - 3) ** 2 + 24 * spread)) / (12 * spread)
    tail = float(tf.math.igammac(np.float64(shape), np.float64(largest * shape / rest.mean())))
    return float(-np.expm1(len(scores) * np.log1p(-min(tail, 1 - 1e-12))))


def exponential_p(scores: Scores, next_ones: int = 64) -> Scores:
    """For each of many classes the chance that a class of N has such a score: an exponential tail.

    Args:
        scores: shape (N,), N > 2 · ``next_ones``.
        next_ones: the tail is fitted to so many scores below the largest.
    """
    ordered = np.sort(scores)[::-1]
    tail = ordered[1 : next_ones + 1]
    scale = max(float((tail[:-1] - tail[-1]).mean()), 1e-12)
    at_tail = np.clip((scores - tail[-1]) / scale, -50, 700)
    return np.asarray(-np.expm1(-np.minimum(next_ones * np.exp(-at_tail), 700)))
