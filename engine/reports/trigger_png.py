"""Reversed triggers as PNG pictures: one to look at and to lay over images with ``--trigger``, and the mask alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bdtui.engine.detect.evidence import ReversedTrigger
from bdtui.engine.machine.atomic_files import atomic_file


def write_trigger(path: Path, pixels: NDArray[np.uint8]) -> None:
    """Write a picture, uint8, atomically as PNG: (height, width, 4) in colour, (height, width) in grey."""
    # Not above: only what writes pictures waits for it.
    from PIL import Image

    with atomic_file(path) as partial:
        Image.fromarray(pixels).save(partial, format="PNG")


def trigger_pixels(
    trigger: ReversedTrigger, low: NDArray[np.float32], high: NDArray[np.float32], *, is_bgr: bool = False
) -> NDArray[np.uint8]:
    """The pattern in red, green and blue, and the mask as alpha, uint8 (height, width, 4).

    Args:
        trigger: of images (height, width, channels).
        low: what the network reads of black, of a shape that broadcasts to one image.
        high: what it reads of white.
        is_bgr: whether it reads blue before red.
    """
    shares = as_colours(trigger.pattern, low, high, is_bgr=is_bgr)
    return np.concatenate([_as_bytes(shares), _as_bytes(trigger.mask)], axis=-1)


def as_colours(
    pixels: NDArray[np.float32], low: NDArray[np.float32], high: NDArray[np.float32], *, is_bgr: bool = False
) -> NDArray[np.float32]:
    """Red, green and blue from 0 to 1, float32 (height, width, 3), of pixels as a network reads them.

    Args:
        pixels: of one image, shape (height, width, channels).
        low: what the network reads of black, of a shape that broadcasts to one image.
        high: what it reads of white.
        is_bgr: whether it reads blue before red.
    """
    shares = np.asarray((pixels - low) / np.maximum(high - low, np.finfo(np.float32).tiny), np.float32)
    if shares.shape[-1] != 3:
        return np.repeat(shares.mean(axis=-1, keepdims=True), 3, axis=-1)
    return shares[..., ::-1] if is_bgr else shares


def mask_pixels(trigger: ReversedTrigger) -> NDArray[np.uint8]:
    """The mask, white where it covers, uint8 (height, width)."""
    return _as_bytes(trigger.mask[..., 0])


def _as_bytes(shares: NDArray[np.float32]) -> NDArray[np.uint8]:
    return np.asarray(np.clip(np.rint(255 * shares), 0, 255), np.uint8)
