"""Images of a set as pictures for looking at, so that a person sees the trigger."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from bdtui.engine.event_values import Picture
from bdtui.engine.inputs.datasets import LabelledImages
from bdtui.engine.inputs.preprocessing import AS_STORED

_LARGEST_SIDE = 256
"""Of a picture, in pixels, roughly."""


def take_pictures(
    images: LabelledImages,
    numbers: Sequence[int] | NDArray[np.intp],
    predicted: NDArray[np.int64] | None = None,
    certainties: NDArray[np.float64] | None = None,
) -> tuple[Picture, ...]:
    """Some images of a set; none where its images are not height × width × channels.

    Pixels that lie in 0–1 or in 0–255 are shown as they are; any other range is stretched over the whole of it.

    Args:
        images: the set.
        numbers: of the images, from 0.
        predicted: class that the network gives to each, where that is known.
        certainties: probability of each of those classes, in percent.
    """
    if len(images.image_shape) != 3 or not len(numbers):
        return ()
    with images.prepared(AS_STORED).reader() as read:
        pixels = np.concatenate([read(int(number), int(number) + 1) for number in numbers])
    # No terminal shows more; and six images of a camera's size are hundreds of megabytes.
    every = max(1, max(pixels.shape[1:3]) // _LARGEST_SIDE)
    pixels = pixels[:, ::every, ::every]
    shown = _as_bytes(pixels if pixels.shape[-1] == 3 else pixels.mean(axis=-1, keepdims=True).repeat(3, axis=-1))
    true_labels = images.true_labels
    return tuple(
        Picture(
            width=picture.shape[1],
            height=picture.shape[0],
            rgb=picture.tobytes(),
            label=int(images.labels[number]),
            true_label=None if true_labels is None else int(true_labels[number]),
            number=int(number),
            predicted=None if predicted is None else int(predicted[place]),
            certainty=None if certainties is None else float(certainties[place]),
        )
        for place, (number, picture) in enumerate(zip(numbers, shown, strict=True))
    )


def _as_bytes(pixels: NDArray[np.float32]) -> NDArray[np.uint8]:
    low, high = float(pixels.min()), float(pixels.max())
    if low < 0 or high > 255:
        stretched = (pixels - low) * (255 / max(high - low, 1e-9))
    else:
        stretched = pixels * (255 if high <= 1 else 1)
    return np.asarray(np.clip(np.rint(stretched), 0, 255), np.uint8)
