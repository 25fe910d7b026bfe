"""Some images of a set in place of all, from its beginning to its end: files are often ordered by class."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from bdtui.engine.inputs.image_set import ImageSet, reader_of
from bdtui.engine.inputs.preprocessing import AS_STORED
from bdtui.engine.inputs.stored_range import StoredRange

_LOOKED_AT = 64
"""Images of a set that tell its range."""
_TOGETHER = 8
"""Images of a sample that follow one another in the set, at most: those that are read at once."""


def sample_images(images: ImageSet, most: int) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """At most so many images of a set, spread over it, in runs of a few; the same ones every time.

    Args:
        images: the set.
        most: how many; of a smaller set all are taken.

    Yields:
        The number of the first image of a run, and the run as `reader_of` reads it.

    Raises:
        DataError: an image cannot be read, or is not finite.
    """
    taken = min(most, images.images)
    runs = -(-taken // _TOGETHER)
    with reader_of(images) as read:
        for run in range(runs):
            # Whole numbers: rounded ones could make runs overlap.
            start = run * _TOGETHER if taken == images.images else run * (images.images - _TOGETHER) // max(1, runs - 1)
            yield start, read(start, min(start + _TOGETHER, images.images))


def spread_rows(count: int, most: int) -> NDArray[np.intp]:
    """At most ``most`` numbers below ``count``, from the first to the last, ascending."""
    return np.unique(np.linspace(0, count - 1, min(most, count)).astype(np.intp))


def find_stored_range(images: ImageSet) -> StoredRange:
    """Look at some images of a set as they are stored.

    Raises:
        DataError: an image cannot be read, or is not finite.
    """
    ends = [(float(run.min()), float(run.max())) for _, run in sample_images(images.prepared(AS_STORED), _LOOKED_AT)]
    lows, highs = zip(*ends, strict=True)
    return StoredRange(min(lows), max(highs), np.dtype(images.dtype).kind in "uib")


def find_pixel_ends(images: ImageSet) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The darkest and the brightest values of prepared images, float32, of a shape that broadcasts to one image.

    Raises:
        DataError: an image cannot be read, or is not finite.
    """
    ends = find_stored_range(images).ends
    first, second = (images.preprocessing.apply(np.full((1, *images.image_shape), end, np.float32))[0] for end in ends)
    return np.minimum(first, second), np.maximum(first, second)
