"""Towards which class an attack leads, from what the network predicts for poisoned images."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

ALL_TO_ALL = "all-to-all"
"""The target of an attack that wants another class for each."""


def find_target(predictions: NDArray[np.int64], labels: NDArray[np.int64]) -> int | str:
    """The class that the attacker wants, or `ALL_TO_ALL`.

    Where all labels are of one class, it is that class, which the attack success counts. Where they are of several, an
    attack is all-to-all unless one class gets more than half of the images.

    Args:
        predictions: classes that the network gives to poisoned images, shape (N,) with N ≥ 1.
        labels: the attacker's, shape (N,).
    """
    wanted = np.unique(labels)
    if len(wanted) == 1:
        return int(wanted[0])
    classes, counts = np.unique(predictions, return_counts=True)
    most = int(np.argmax(counts))
    return ALL_TO_ALL if 2 * counts[most] <= len(predictions) else int(classes[most])
