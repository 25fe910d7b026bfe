"""Images on disk that fit a network, with labels or without: what reading them needs to know."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray

from bdtui.engine.inputs.preprocessing import AS_STORED, Preprocessing
from bdtui.engine.inputs.stored_images import ReadImages, StoredImages


class ImageSet(Protocol):
    """Images that can be read in batches."""

    @property
    def path(self) -> Path:
        """The file or the folder."""
        ...

    @property
    def images(self) -> int:
        """How many there are, N."""
        ...

    @property
    def dtype(self) -> str:
        """Of the pixels as they are stored."""
        ...

    @property
    def image_shape(self) -> tuple[int, ...]:
        """Of one image as the model reads it, channel last."""
        ...

    @property
    def stored(self) -> StoredImages:
        """The pixels, where they are kept."""
        ...

    @property
    def preprocessing(self) -> Preprocessing:
        """What is done to them before the network reads them."""
        ...

    def prepared(self, preprocessing: Preprocessing) -> Self:
        """The same images, with their pixels prepared in another way."""
        ...


@contextmanager
def reader_of(images: ImageSet) -> Iterator[ReadImages]:
    """A function that reads the images from one number up to another, from any thread.

    They come as the network reads them: channel last, float32, prepared.

    Raises:
        DataError: a pixel is not a finite number, or the images cannot be read. The function raises it too.
    """
    with images.stored.reader() as read_stored:
        yield lambda start, stop: images.preprocessing.apply(read_stored(start, stop))


@dataclass(frozen=True)
class NamedImages:
    """Images without labels.

    Attributes:
        path: the file or the folder.
        names: of the images: of a folder the pictures' file names, of a file the numbers of the rows, from 0.
        dtype: of the pixels as they are stored.
        image_shape: of one image as the model reads it, channel last.
        stored: the pixels, where they are kept.
        preprocessing: what is done to them before the network reads them.
        readings: what was understood that a person should know, a sentence each.
    """

    path: Path
    names: tuple[str, ...]
    dtype: str
    image_shape: tuple[int, ...]
    stored: StoredImages
    preprocessing: Preprocessing = AS_STORED
    readings: tuple[str, ...] = ()

    @property
    def images(self) -> int:
        """How many there are."""
        return len(self.names)

    def prepared(self, preprocessing: Preprocessing) -> NamedImages:
        """The same images, with their pixels prepared in another way."""
        return replace(self, preprocessing=preprocessing)

    def batches(self, batch_size: int) -> Iterator[NDArray[np.float32]]:
        """Read the images in order, as the network reads them.

        Raises:
            DataError: a pixel is not a finite number, or the file cannot be read to its end.
        """
        with reader_of(self) as read:
            for start in range(0, self.images, batch_size):
                yield read(start, min(start + batch_size, self.images))
