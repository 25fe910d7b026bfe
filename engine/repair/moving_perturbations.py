"""Perturbations that many images share and that follow a network while it learns: what fools it as it now is."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from bdtui.engine.network.logits import Logits
from bdtui.engine.repair.clean_images import CleanImages
from bdtui.engine.repair.lots import Lots

_RESTART = 20
"""Steps after which the search begins anew, elsewhere."""


class MovingPerturbations:
    """Some shared perturbations within L2 radii; every step goes uphill once.

    Args:
        images: what they are for.
        radii: L2, in pixels from 0 for black to 1 for white.

    Attributes:
        deltas: shape (radii, …), in those pixels; belongs to the state of a training.
    """

    def __init__(self, images: CleanImages, radii: tuple[float, ...]) -> None:
        self.deltas = tf.Variable(tf.zeros((len(radii), *images.image_shape)), trainable=False)
        self._radii = np.array(radii, np.float32).reshape(-1, *[1] * len(images.image_shape))
        self._low, self._high = tf.constant(images.low), tf.constant(images.high)

    def on(self, images: Any, labels: Any, logits: Logits, step: Any, lots: Lots) -> Any:
        """Perturbed images, each by one of them, after a step uphill. In the graph.

        Args:
            images: shape (batch, …), as the network reads them.
            labels: int32, (batch,).
            logits: of the network as it now is.
            step: number of the training step.
            lots: random numbers.
        """
        which = lots.whole((tf.shape(images)[0],), len(self._radii))
        begun = self._within(lots.normal(self.deltas.shape), exactly=True) / 2
        deltas = tf.where(step % _RESTART == 0, begun, self.deltas.value())
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(deltas)
            answers = logits(self._perturbed(images, tf.gather(deltas, which)))
            loss = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=answers)
            loss = tf.reduce_sum(loss)
        gradient = tape.gradient(loss, deltas)
        if gradient is not None:
            # Of a gather, it lists the rows that were taken.
            uphill = self._within(tf.convert_to_tensor(gradient), exactly=True)
            deltas = self._within(deltas + 0.3 * uphill)
        deltas = tf.stop_gradient(deltas)
        self.deltas.assign(deltas)
        return self._perturbed(images, tf.gather(deltas, which))

    def _perturbed(self, images: Any, deltas: Any) -> Any:
        return tf.clip_by_value(images + deltas * (self._high - self._low), self._low, self._high)

    def _within(self, deltas: Any, *, exactly: bool = False) -> Any:
        axes = tuple(range(1, len(deltas.shape)))
        length = tf.sqrt(tf.reduce_sum(deltas**2, axes, keepdims=True)) + 1e-12
        factor = self._radii / length
        return deltas * (factor if exactly else tf.minimum(1.0, factor))
