"""Faint random patterns over whole images: they teach a network that no overlay decides.

Waves and slow changes of brightness are added; noise and another image shine through.
"""

from __future__ import annotations

import math
from typing import Any

import tensorflow as tf

from bdtui.engine.repair.lots import Lots

_STRONGEST = 0.25
"""Of what is added, as a share of the range of pixels."""
_MOST_SHINES_THROUGH = 0.4
_SHORTEST, _LONGEST = 2.0, 12.0
"""Pixels from one crest of a wave to the next."""
_PLACES = 4
"""Of a slow change, in each direction."""


def overlay(images: Any, low: Any, high: Any, lots: Lots) -> Any:
    """Images with a faint pattern, each its own.

    Args:
        images: float32, shape (batch, height, width, channels).
        low: black, shape (height, width, channels).
        high: white, of the same shape.
        lots: random numbers.

    Returns:
        Of the shape of ``images``, between ``low`` and ``high``.
    """
    batch, (height, width, channels) = tf.shape(images)[0], images.shape[1:]
    one_each = (batch, 1, 1, 1)
    strength = lots.uniform(one_each, 0.2, 1.0) * _STRONGEST * (high - low)
    wave = strength * _waves(batch, height, width, lots)
    slow = lots.uniform((batch, _PLACES, _PLACES, channels), -1.0, 1.0)
    slow = strength * tf.image.resize(slow, (height, width), tf.image.ResizeMethod.BICUBIC)
    through = lots.uniform(one_each, 0.25, 1.0) * _MOST_SHINES_THROUGH
    noise = low + (high - low) * lots.uniform((batch, height, width, channels))
    other = tf.roll(images, 1 + lots.whole((), 2**20) % tf.maximum(1, batch - 1), 0)
    kind = lots.whole(one_each, 4)
    added = tf.where(kind == 0, wave, slow)
    shining = through * (tf.where(kind == 2, noise, other) - images)
    return tf.clip_by_value(images + tf.where(kind < 2, added, shining), low, high)


def _waves(batch: Any, height: int, width: int, lots: Lots) -> Any:
    """From −1 to 1, shape (batch, height, width, 1)."""
    one_each = (batch, 1, 1)
    rows = tf.range(height, dtype=tf.float32)[None, :, None]
    columns = tf.range(width, dtype=tf.float32)[None, None, :]
    angle, period = lots.uniform(one_each, 0.0, math.pi), lots.uniform(one_each, _SHORTEST, _LONGEST)
    phase = (tf.cos(angle) * rows + tf.sin(angle) * columns) / period + lots.uniform(one_each)
    return tf.sin(2 * math.pi * phase)[..., None]
