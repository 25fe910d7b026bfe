"""Random changes that leave an image its class: what a network learns under them, no trigger of their kinds decides.

Every image gets patches, some a warp or an overlay before. They are drawn blindly: nothing is known of the trigger.
"""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from bdtui.engine.repair.lots import Lots
from bdtui.engine.repair.overlays import overlay
from bdtui.engine.repair.patches import draw_patches
from bdtui.engine.repair.warps import warp

_SHARE = 0.25
"""Of the images that are warped, and of those that get an overlay."""


def change(images: Any, low: Any, high: Any, lots: Lots, *, are_pictures: bool) -> Any:
    """Images with random changes, each its own.

    Args:
        images: float32, shape (batch, height, width, channels), of a batch known in advance.
        low: black, shape (height, width, channels).
        high: white, of the same shape.
        lots: random numbers.
        are_pictures: whether neighbours in both directions are neighbours in what an image shows; others are not warped.

    Returns:
        Of the shape of ``images``.
    """
    some = int(images.shape[0] * _SHARE)
    if some:
        warped, overlaid, others = images[:some], images[some : 2 * some], images[2 * some :]
        if are_pictures and min(images.shape[1:3]) > 1:
            warped = warp(warped, lots)
        images = tf.concat([warped, overlay(overlaid, low, high, lots), others], axis=0)
    return draw_patches(images, low, high, lots)
