"""Random numbers of a training step: the same for the same seed and step, whatever was computed before.

So a training that was killed and resumed draws what it would have drawn.
"""

from __future__ import annotations

from typing import Any

import tensorflow as tf


class Lots:
    """Random tensors, each of its own.

    Args:
        seed: of the training; two whole numbers, int32, shape (2,), of which one is the step's.
    """

    def __init__(self, seed: Any) -> None:
        self._seed = seed
        self._drawn = 0

    def uniform(self, shape: Any, low: float = 0.0, high: float = 1.0) -> Any:
        """Numbers between two, float32."""
        return tf.random.stateless_uniform(shape, self._next(), low, high)

    def normal(self, shape: Any) -> Any:
        """Numbers of a standard normal distribution, float32."""
        return tf.random.stateless_normal(shape, self._next())

    def whole(self, shape: Any, below: int) -> Any:
        """Whole numbers from 0, int32."""
        return tf.random.stateless_uniform(shape, self._next(), 0, below, tf.int32)

    def chance(self, shape: Any, probability: float) -> Any:
        """True with a probability."""
        return self.uniform(shape) < probability

    def _next(self) -> Any:
        self._drawn += 1
        return tf.random.experimental.stateless_fold_in(self._seed, self._drawn)
