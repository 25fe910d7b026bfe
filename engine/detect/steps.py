"""Steps of gradient ascent on the margin of a class, for many images and classes at once."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from bdtui.engine.detect.subject import Array, Subject


def margins_of(logits: Any, classes: Any) -> Any:
    """Score of a class less the best of all others, (batch,), from logits (batch, N) and classes (batch,)."""
    own = tf.one_hot(classes, logits.shape[1], dtype=tf.bool, on_value=True, off_value=False)
    others = tf.where(own, tf.constant(-np.inf, logits.dtype), logits)
    return tf.gather(logits, classes, batch_dims=1) - tf.reduce_max(others, axis=1)


def lengths(values: Any) -> Any:
    """The Euclidean norm of each row, shape (batch, 1, …), of values (batch, …)."""
    axes = list(range(1, len(values.shape)))
    return tf.sqrt(tf.reduce_sum(tf.square(values), axis=axes, keepdims=True))


class Ascent:
    """Moves values at some place of a network so that the margin of a class grows.

    Args:
        subject: the network.
        tensor: where in it; see `Subject.logits_behind`.
        low: values never fall below, of a shape that broadcasts; None for no bound.
        high: nor rise above.
    """

    def __init__(self, subject: Subject, tensor: int, low: Array | None = None, high: Array | None = None) -> None:
        self._subject, self._tensor, self._low, self._high = subject, tensor, low, high
        self._run = tf.function(self._margins_and_directions, autograph=False, reduce_retracing=True)

    def _margins_and_directions(self, values: Any, classes: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(values)
            margins = margins_of(self._subject.logits_behind(self._tensor, values), classes)
        gradient = tape.gradient(margins, values)
        gradient = tf.where(tf.math.is_finite(gradient), gradient, 0.0)
        return margins, gradient / (lengths(gradient) + 1e-12)

    def directions(self, values: Any, classes: NDArray[np.int64]) -> tuple[NDArray[np.float32], Any]:
        """Margins (batch,) and the unit directions (batch, …) in which they grow most, for values (batch, …)."""
        margins, directions = self._run(values, tf.constant(classes, tf.int32))
        return np.nan_to_num(np.asarray(margins), nan=-np.inf), directions

    def step(self, values: Any, classes: NDArray[np.int64], length: float) -> tuple[Any, NDArray[np.float32]]:
        """Values moved by a length towards their class, and the margins before."""
        margins, directions = self.directions(values, classes)
        values = values + length * directions
        if self._low is not None:
            values = tf.clip_by_value(values, self._low, self._high)
        return values, margins
