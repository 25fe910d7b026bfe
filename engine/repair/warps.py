"""Smooth random warps: they teach a network that no bend of the picture decides."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from bdtui.engine.repair.lots import Lots

FARTHEST = 0.08
"""Share of a side that a place moves by at most."""
PLACES = 4
"""In each direction: how far they move is drawn, and what lies between them follows."""


def warp(images: Any, lots: Lots) -> Any:
    """Images with a smooth warp, each its own.

    Args:
        images: float32, shape (batch, height, width, channels), of two rows and columns at least.
        lots: random numbers.

    Returns:
        Of the shape of ``images``; every value lies between values of its image.
    """
    batch = tf.shape(images)[0]
    strength = FARTHEST * lots.uniform((batch, 1, 1, 1))
    return bend(images, lots.uniform((batch, PLACES, PLACES, 2), -1.0, 1.0) * strength)


def bend(images: Any, moves: Any) -> Any:
    """Images whose places have moved, as far as is told, and what lies between them with them.

    Args:
        images: float32, shape (batch, height, width, channels), of two rows and columns at least.
        moves: shape (batch, places, places, 2): down and to the right, as a share of a side.

    Returns:
        Of the shape of ``images``; every value lies between values of its image.
    """
    batch, (height, width, channels) = tf.shape(images)[0], images.shape[1:]
    flow = tf.image.resize(moves, (height, width))
    rows = tf.range(height, dtype=tf.float32)[None, :, None] + height * flow[..., 0]
    columns = tf.range(width, dtype=tf.float32)[None, None, :] + width * flow[..., 1]
    # Of four neighbours the first one is never in the last row or column.
    top = tf.clip_by_value(tf.floor(rows), 0.0, height - 2.0)
    left = tf.clip_by_value(tf.floor(columns), 0.0, width - 2.0)
    down = tf.clip_by_value(rows - top, 0.0, 1.0)[..., None]
    across = tf.clip_by_value(columns - left, 0.0, 1.0)[..., None]
    first = tf.range(batch)[:, None, None] * (height * width) + tf.cast(top, tf.int32) * width + tf.cast(left, tf.int32)
    pixels = tf.reshape(images, (-1, channels))
    above = tf.gather(pixels, first) * (1 - across) + tf.gather(pixels, first + 1) * across
    below = tf.gather(pixels, first + width) * (1 - across) + tf.gather(pixels, first + width + 1) * across
    return above * (1 - down) + below * down
