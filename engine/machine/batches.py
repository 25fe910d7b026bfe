"""How many rows are computed at once, and how a batch is padded to one of few sizes."""

from __future__ import annotations

from collections.abc import Iterable
from math import prod
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray


def rows_at_once(shapes: Iterable[tuple[int | None, ...]], most: int) -> int:
    """How many images to compute at once: a power of two from 8 that keeps the two largest tensors within 64 MiB.

    It depends on the network alone, so that one machine computes what another does.

    Args:
        shapes: of the tensors of one image, the first one's without unknown axes; any other unknown axis is taken to
            be as long as its longest.
        most: the largest answer, a power of two.
    """
    known, *others = shapes
    sizes = sorted(
        [
            prod(size or 1 for size in known),
            *(prod(size or max(s for s in known if s) for size in shape) for shape in others),
        ]
    )
    rows = most
    while rows > 8 and rows * 4 * sum(sizes[-2:]) > 64 * 1024**2:
        rows //= 2
    return rows


def padded(values: NDArray[Any], most: int | None = None) -> Any:
    """A tensor of the values (rows, …), filled up with zeros to one of few numbers of rows, at most to ``most``.

    TensorFlow prepares its kernels anew for every number of rows it meets.
    """
    rows = max(16, 1 << (len(values) - 1).bit_length()) if len(values) <= 512 else -(-len(values) // 512) * 512
    missing = (rows if most is None else min(most, rows)) - len(values)
    if missing > 0:
        values = np.concatenate([values, np.zeros((missing, *values.shape[1:]), values.dtype)])
    return tf.constant(values)
