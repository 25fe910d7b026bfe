"""Towards which class an attack leads, from what the network predicts for poisoned images."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

ALL_TO_ALL = "all-to-all"
"""The target of an attack that wants another class for each."""


def find_target(predictions: NDArray[np.int64], labels: NDArray[np.int64]) -> int | str:
    """The class that most poisoned images get, or `ALL_TO_ALL`.

    An attack is all-to-all where the attacker's labels are of several classes and no class gets half of the images.

    Args:
        predictions: classes that the network gives to poisoned images, shape (N,) with N ≥ 1.
        labels: the attacker's, shape (N,).
    """
    classes, counts = np.unique(predictions, return_counts=True)
    most = int(np.argmax(counts))
    several = len(np.unique(labels)) > 1
    return ALL_TO_ALL if several and 2 * counts[most] <= len(predictions) else int(classes[most])
