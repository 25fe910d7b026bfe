"""Images of another size, resized as ``keras.utils.image_dataset_from_directory`` does: bilinear, without antialiasing.

Pillow's bilinear filter averages where it shrinks, and so gives other pixels than a network was trained on with Keras'
loader.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def resize(pixels: NDArray[np.generic], height: int, width: int) -> NDArray[np.float32]:
    """Resize images, shape (…, rows, columns, channels), of any integer or float type.

    The numbers are those of ``tf.image.resize(images, (height, width))``.
    """
    upper, lower, down = _between(pixels.shape[-3], height)
    left, right, across = _between(pixels.shape[-2], width)

    def interpolated(rows: NDArray[np.intp]) -> NDArray[np.float32]:
        of_rows = pixels[..., rows, :, :]
        start = of_rows[..., left, :].astype(np.float32)
        end = of_rows[..., right, :].astype(np.float32)
        end -= start
        end *= across[:, None]
        start += end
        return start

    top, bottom = interpolated(upper), interpolated(lower)
    bottom -= top
    bottom *= down[:, None, None]
    top += bottom
    return top


def _between(before: int, after: int) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float32]]:
    """For every new place along an axis the two old ones that it lies between, and how far it is from the first."""
    scale = np.float32(before) / np.float32(after)
    places = (np.arange(after, dtype=np.float32) + np.float32(0.5)) * scale - np.float32(0.5)
    floor = np.floor(places)
    first = np.maximum(floor, 0).astype(np.intp)
    second = np.minimum(np.ceil(places), before - 1).astype(np.intp)
    return first, second, places - floor
