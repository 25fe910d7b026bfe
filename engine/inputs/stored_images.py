"""Where the pixels of an image set are kept, and how they are read from there: in batches, never all at once."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bdtui.engine.errors import DataError
from bdtui.engine.inputs.hdf5 import PackedChunks, explain_damage, open_hdf5, own_dataset

ReadImages = Callable[[int, int], NDArray[np.float32]]
"""Reads the images from a number up to another, shape (images, …), into an array that the caller may change."""
WHOLE_IMAGES = "whole images and labels"
"""What is expected of a corrupted file."""


class StoredImages(ABC):
    """The images of a set as they are kept: pixels untouched, channel last."""

    @abstractmethod
    def reader(self) -> AbstractContextManager[ReadImages]:
        """A function that reads the images from one number up to another, from any thread: float32, as stored.

        Raises:
            DataError: a pixel is not a finite number, or the images cannot be read. The function raises it too.
        """


@dataclass(frozen=True)
class Hdf5Images(StoredImages):
    """Images in a data set of an HDF5 file.

    Attributes:
        path: the file.
        key: name of the data set, (N, …).
        images: how many there are, N.
        layout: ``nchw`` (channel first) or ``nhwc`` (channel last) order of the data set.
        image_shape: of one image, channel last.
    """

    path: Path
    key: str
    images: int
    layout: str
    image_shape: tuple[int, ...]

    @contextmanager
    def reader(self) -> Iterator[ReadImages]:
        """See `StoredImages.reader`."""
        with open_hdf5(self.path, DataError, chunk_cache=64 * 1024**2) as file:
            with explain_damage(self.path, DataError, WHOLE_IMAGES):
                data = own_dataset(file, self.key, self.path, DataError)
                packed = PackedChunks(data, f"{self.path}: {self.key!r}", DataError)
            # Used again by each thread: fresh memory costs more than what is read into it.
            own = threading.local()

            def read(start: int, stop: int) -> NDArray[np.float32]:
                images = max(0, min(stop, len(data)) - start)
                if len(getattr(own, "buffer", ())) < images:
                    own.buffer = np.empty((images, *data.shape[1:]), data.dtype)
                raw = own.buffer[:images]
                try:
                    packed.check(start, start + images)
                    data.read_direct(raw, np.s_[start : start + images])
                except (OSError, RuntimeError) as problem:
                    raise DataError(
                        f"{self.path}: images from number {start} on cannot be read ({first_line(problem)}); "
                        f"expected {self.images} whole images"
                    ) from problem
                if len(raw) != min(stop, self.images) - start:
                    raise DataError(f"{self.path}: changed while it was being read; expected {self.images} images")
                return self._channel_last(raw, start)

            yield read

    def _channel_last(self, raw: NDArray[Any], start: int) -> NDArray[np.float32]:
        pixels = np.empty((len(raw), *self.image_shape), np.float32)
        with np.errstate(over="ignore", invalid="ignore"):
            if self.layout == "nchw":
                # One channel after the other: numpy is twice as fast with that.
                for channel in range(raw.shape[1]):
                    pixels[..., channel] = raw[:, channel]
            else:
                pixels[...] = raw
        if raw.dtype.kind == "f":
            refuse_not_finite(pixels, start, self.path)
        return pixels


def refuse_not_finite(pixels: NDArray[np.float32], start: int, path: Path) -> None:
    """Refuse images, shape (rows, …), of which a pixel is not a finite number; ``start`` is the number of the first.

    Raises:
        DataError: there is one.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        # One number that is not finite makes the sum so; the other way round, a sum may be too large by itself.
        if np.isfinite(pixels.sum()):
            return
    finite = np.isfinite(pixels).reshape(len(pixels), -1).all(axis=1)
    if not finite.all():
        worst = start + int(np.argmin(finite))
        raise DataError(f"{path}: image {worst} holds NaN or infinite pixels; expected finite numbers")


def first_line(problem: BaseException) -> str:
    """The first line of what an exception says, or its class where it says nothing."""
    return str(problem).splitlines()[0] if str(problem) else type(problem).__name__
