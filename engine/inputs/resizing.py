"""Images of another size, resized as ``keras.utils.image_dataset_from_directory`` does: bilinear, without antialiasing.

Pillow's bilinear filter averages where it shrinks, and so gives other pixels than a network was trained on with Keras'
loader.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_AT_ONCE = 2**14
"""Values that are computed at once: fresh memory for larger arrays would cost more than the work."""


def resize(pixels: NDArray[np.generic], height: int, width: int) -> NDArray[np.float32]:
    """Resize images, shape (N, rows, columns, channels), of any integer or float type.

    The numbers are those of ``tf.image.resize(images, (height, width))``.
    """
    images, rows, columns, channels = pixels.shape
    upper, lower, down = _between(rows, height)
    first, second, between = _between(columns, width)
    # All channels of a column lie side by side.
    left, right = ((some[:, None] * channels + np.arange(channels)).ravel() for some in (first, second))
    across = between.repeat(channels)
    lines = pixels.reshape(images, rows, columns * channels)
    resized = np.empty((images, height, width * channels), np.float32)

    def interpolated(some: slice, chosen: NDArray[np.intp]) -> NDArray[np.float32]:
        of_rows = np.take(lines[some], chosen, axis=1)
        start: NDArray[np.float32] = np.take(of_rows, left, axis=2).astype(np.float32)
        end = np.take(of_rows, right, axis=2).astype(np.float32)
        end -= start
        end *= across
        start += end
        return start

    together = max(1, _AT_ONCE // (height * width * channels))
    step = max(1, _AT_ONCE // (together * width * channels))
    for image in range(0, images, together):
        some = slice(image, image + together)
        for row in range(0, height, step):
            part = slice(row, row + step)
            top, bottom = interpolated(some, upper[part]), interpolated(some, lower[part])
            bottom -= top
            bottom *= down[part, None]
            np.add(top, bottom, out=resized[some, part])
    return resized.reshape(images, height, width, channels)


def _between(before: int, after: int) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float32]]:
    """For every new place along an axis the two old ones that it lies between, and how far it is from the first."""
    scale = np.float32(before) / np.float32(after)
    places = (np.arange(after, dtype=np.float32) + np.float32(0.5)) * scale - np.float32(0.5)
    floor = np.floor(places)
    first = np.maximum(floor, 0).astype(np.intp)
    second = np.minimum(np.ceil(places), before - 1).astype(np.intp)
    return first, second, places - floor
