"""Random changes that leave an image its class: what a network learns under them, no trigger of their kinds decides.

Most are patches; some warps and overlays. They are drawn blindly: nothing is known of the trigger.
"""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from bdtui.engine.repair.lots import Lots
from bdtui.engine.repair.overlays import overlay
from bdtui.engine.repair.patches import draw_patches
from bdtui.engine.repair.warps import warp

PATCHED = 0.5
"""Share of the images that get patches; the others are warped or get an overlay."""


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
    batch = images.shape[0]
    patched = batch - int(batch * (1 - PATCHED))
    warped = patched + (batch - patched) // 2 if are_pictures and min(images.shape[1:3]) > 1 else patched
    changed = [draw_patches(images[:patched], low, high, lots)]
    if warped > patched:
        changed.append(warp(images[patched:warped], lots))
    if batch > warped:
        changed.append(overlay(images[warped:], low, high, lots))
    return tf.concat(changed, axis=0)
