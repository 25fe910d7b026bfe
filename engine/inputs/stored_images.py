"""Where the pixels of an image set are kept, and how they are read from there: in batches, never all at once."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from bdtui.engine.errors import DataError

if TYPE_CHECKING:
    from bdtui.engine.inputs.pixel_fit import PixelFit
    from bdtui.engine.inputs.stored_arrays import StoredArray

ReadImages = Callable[[int, int], NDArray[np.float32]]
"""Reads the images from a number up to another, shape (images, …), into an array that the caller may change."""
WHOLE_IMAGES = "whole images and labels"
"""What is expected of a corrupted file."""


class StoredImages(ABC):
    """The images of a set as they are kept: of the shape that the network reads, channel last, values untouched."""

    @abstractmethod
    def reader(self) -> AbstractContextManager[ReadImages]:
        """A function that reads the images from one number up to another, from any thread: float32, as stored.

        Raises:
            DataError: a pixel is not a finite number, or the images cannot be read. The function raises it too.
        """


@dataclass(frozen=True, eq=False)
class ArrayImages(StoredImages):
    """Images in one array.

    Attributes:
        path: the file, for messages.
        array: the pixels, (N, …).
        fit: how one image of it becomes what the network reads.
    """

    path: Path
    array: StoredArray
    fit: PixelFit

    @contextmanager
    def reader(self) -> Iterator[ReadImages]:
        """See `StoredImages.reader`."""
        with self.array.rows() as read_rows:

            def read(start: int, stop: int) -> NDArray[np.float32]:
                pixels = self.fit.apply(read_rows(start, stop))
                if self.array.dtype.kind == "f":
                    refuse_not_finite(pixels, start, self.path)
                return pixels

            yield read


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
