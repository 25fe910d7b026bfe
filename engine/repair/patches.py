"""Random patches on images: they teach a network that no small region decides.

One or two rectangles, ellipses or stripes on every image, of 2 to 25 % of its area, filled with a colour, with noise
or with a piece of another image, opaque or translucent. All images of a batch are drawn on at once.
"""

from __future__ import annotations

import math
from typing import Any

import tensorflow as tf

from bdtui.engine.repair.lots import Lots

SMALLEST, LARGEST = 0.02, 0.25
"""Share of the area that a patch covers."""
_PATCHES = 2


def draw_patches(images: Any, low: Any, high: Any, lots: Lots) -> Any:
    """Images with patches.

    Args:
        images: float32, shape (batch, height, width, channels).
        low: black, shape (height, width, channels).
        high: white, of the same shape.
        lots: random numbers.

    Returns:
        Of the shape of ``images``.
    """
    batch, height, width, channels = (tf.shape(images)[axis] for axis in range(4))
    rows = (tf.range(height, dtype=tf.float32) + 0.5)[None, :, None]
    columns = (tf.range(width, dtype=tf.float32) + 0.5)[None, None, :]
    tall, wide = tf.cast(height, tf.float32), tf.cast(width, tf.float32)
    # Drawn once, it being most of the work; the second patch takes another image's.
    filling = _filling(images, low, high, lots, (batch, height, width, channels))
    for number in range(_PATCHES):
        one_each = (batch, 1, 1)
        area = lots.uniform(one_each, SMALLEST, LARGEST) * tall * wide
        aspect = tf.exp(lots.uniform(one_each, -1.0, 1.0))
        half_height = tf.minimum(tf.sqrt(area * aspect) / 2, tall)
        half_width = area / (4 * half_height)
        down = (rows - lots.uniform(one_each) * tall) / half_height
        across = (columns - lots.uniform(one_each) * wide) / half_width
        rectangle = tf.maximum(tf.abs(down), tf.abs(across)) <= 1
        ellipse = down**2 + across**2 <= 4 / math.pi
        angle, period = lots.uniform(one_each, 0.0, math.pi), lots.uniform(one_each, 3.0, 9.0)
        phase = (tf.cos(angle) * rows + tf.sin(angle) * columns) / period + lots.uniform(one_each)
        stripes = rectangle & (phase - tf.floor(phase) < 0.5)
        kind = lots.whole(one_each, 3)
        covered = tf.where(kind == 0, rectangle, tf.where(kind == 1, ellipse, stripes))
        if number:
            covered &= lots.chance(one_each, 0.5)
        opacity = tf.where(lots.chance(one_each, 0.5), 1.0, lots.uniform(one_each, 0.2, 0.9))
        alpha = (tf.cast(covered, tf.float32) * opacity)[..., None]
        images += alpha * (tf.roll(filling, number, 0) - images)
    return images


def _filling(images: Any, low: Any, high: Any, lots: Lots, shape: tuple[Any, ...]) -> Any:
    """A colour, noise, or another image of the batch moved around, for each image."""
    batch, height, width, channels = shape
    colour = low + (high - low) * lots.uniform((batch, 1, 1, channels))
    noise = low + (high - low) * lots.uniform(shape)
    moves = [lots.whole((), 2**20) % size for size in (batch, height, width)]
    other = tf.roll(images, moves, (0, 1, 2))
    kind = lots.whole((batch, 1, 1, 1), 3)
    return tf.where(kind == 0, colour, tf.where(kind == 1, noise, other))
