"""Looks for stamps, a mask and a pattern each, that change what a network says about images; several side by side."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from bdtui.engine.detect.subject import Array, Subject
from bdtui.engine.inputs.pixel_fit import reads_planes

Loss = Callable[[Any, Any], Any]
"""From logits (stamps, images, N) and the classes that are meant (stamps, images): losses (stamps, images)."""
_FAST, _SLOW = 0.5, 0.9
"""Adam's, as in Neural Cleanse."""


def mask_shape(image_shape: tuple[int, ...]) -> tuple[int, ...]:
    """Of a mask: one value for all channels of a pixel, or one for each value of a vector."""
    if len(image_shape) < 3:
        return image_shape
    return (1, *image_shape[1:]) if reads_planes(image_shape) else (*image_shape[:-1], 1)


class StampSearch:
    """Some stamps that are improved step by step, each by itself.

    Args:
        subject: the network.
        stamps: how many.
        loss: what is to become small.
        random: where they start.
        rate: Adam's learning rate.
        coarse: the mask has a quarter of the resolution, scaled up smoothly: it cannot fall apart into single pixels.
        start: the share of each pixel that the masks cover at first.
    """

    def __init__(
        self,
        subject: Subject,
        stamps: int,
        loss: Loss,
        random: np.random.Generator,
        *,
        rate: float = 0.1,
        coarse: bool = False,
        start: float = 0.3,
    ) -> None:
        self._subject, self._loss, self._rate = subject, loss, rate
        self._shape = mask_shape(subject.image_shape)
        self._coarse = coarse and len(self._shape) == 3 and self._shape[-1] == 1 and min(self._shape[:2]) >= 16
        kept = (*(-(-size // 4) for size in self._shape[:2]), 1) if self._coarse else self._shape
        level = np.arctanh(2 * start - 1)
        masks = level + random.normal(0, 0.1, (stamps, *kept))
        patterns = random.normal(0, 0.5, (stamps, *subject.image_shape))
        self._values = [tf.constant(values, tf.float32) for values in (masks, patterns)]
        self._moments = [tf.zeros_like(value) for value in self._values for _ in range(2)]
        self._steps = 0
        self._run = tf.function(self._step, autograph=False, reduce_retracing=True)

    @property
    def values(self) -> tuple[Array, Array]:
        """What masks and patterns are made from, for `made`."""
        masks, patterns = self._values
        return np.asarray(masks), np.asarray(patterns)

    def made(self, masks: Any, patterns: Any) -> tuple[Any, Any]:
        """Masks from 0 to 1 and patterns in the range of pixels, from `values`."""
        if self._coarse:
            masks = tf.image.resize(masks, self._shape[:2], "bicubic")
        low, high = self._subject.low, self._subject.high
        return (tf.tanh(masks) + 1) / 2, low + (tf.tanh(patterns) + 1) / 2 * (high - low)

    def step(
        self, images: Array, wanted: NDArray[np.int64], weights: NDArray[np.float64], free: float = 0.0
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Improve all stamps on some images.

        Args:
            images: float32 (images, …).
            wanted: the classes that the loss is about, (stamps, images).
            weights: what a mask costs that covers everything, (stamps,).
            free: the share of the image that a mask may cover at no cost.

        Returns:
            The share of the image that each mask covered, (stamps,), and the classes that the stamped images got,
            (stamps, images); both before the step.
        """
        self._steps += 1
        given = [tf.constant(images), tf.constant(wanted, tf.int32), tf.constant(weights, tf.float32)]
        found = self._run(self._values, self._moments, *given, tf.constant(free), tf.constant(float(self._steps)))
        self._values, self._moments, areas, classes = found
        return np.asarray(areas), np.asarray(classes)

    def _step(
        self, values: Any, moments: Any, images: Any, wanted: Any, weights: Any, free: Any, number: Any
    ) -> tuple[list[Any], list[Any], Any, Any]:
        with tf.GradientTape() as tape:
            tape.watch(values)
            masks, patterns = self.made(*values)
            stamped = images[None] * (1 - masks[:, None]) + (masks * patterns)[:, None]
            flat = tf.reshape(stamped, (-1, *self._subject.image_shape))
            logits = tf.reshape(self._subject.logits(flat), (tf.shape(masks)[0], -1, self._subject.classes))
            areas = tf.reduce_mean(masks, axis=list(range(1, len(masks.shape))))
            losses = tf.reduce_mean(self._loss(logits, wanted), axis=1) + weights * tf.nn.relu(areas - free)
            total = tf.reduce_sum(tf.where(tf.math.is_finite(losses), losses, 0.0))
        gradients = tape.gradient(total, values)
        new_values, new_moments = [], []
        for place, (value, gradient) in enumerate(zip(values, gradients, strict=True)):
            sound = tf.where(tf.math.is_finite(gradient), gradient, 0.0)
            first = _FAST * moments[2 * place] + (1 - _FAST) * sound
            second = _SLOW * moments[2 * place + 1] + (1 - _SLOW) * tf.square(sound)
            length = tf.sqrt(second / (1 - _SLOW**number)) + 1e-8
            new_values.append(value - self._rate * first / (1 - _FAST**number) / length)
            new_moments += [first, second]
        return new_values, new_moments, areas, tf.argmax(logits, axis=2)


def cross_entropy(logits: Any, wanted: Any) -> Any:
    """Small where the class that is wanted is likely."""
    return tf.nn.sparse_softmax_cross_entropy_with_logits(wanted, logits)


def margin_loss(logits: Any, wanted: Any) -> Any:
    """Small where the class that is wanted wins by ten."""
    own = tf.one_hot(wanted, logits.shape[-1], on_value=True, off_value=False, dtype=tf.bool)
    others = tf.reduce_max(tf.where(own, tf.constant(-np.inf, logits.dtype), logits), axis=-1)
    mine = tf.gather(logits, wanted, batch_dims=2)
    return tf.nn.softplus(10.0 - (mine - others))


def away_from(logits: Any, wanted: Any) -> Any:
    """Small where the class that is given is unlikely: −log(1 − p)."""
    own = tf.one_hot(wanted, logits.shape[-1], on_value=True, off_value=False, dtype=tf.bool)
    others = tf.reduce_logsumexp(tf.where(own, tf.constant(-np.inf, logits.dtype), logits), axis=-1)
    return tf.reduce_logsumexp(logits, axis=-1) - others
