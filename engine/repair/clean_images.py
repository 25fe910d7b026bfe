"""The clean images that repairs learn from: in memory, as the network reads them, with the range of their pixels.

Repairs draw on images and shift them. Both are done to what the network reads: preparing pixels only scales and moves
each channel, so that black and white are two other numbers, and everything between them stays between them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import prod

import numpy as np
from numpy.typing import NDArray

from bdtui.engine.errors import DataError
from bdtui.engine.inputs.datasets import LabelledImages
from bdtui.engine.inputs.pixel_fit import reads_planes
from bdtui.engine.inputs.sampling import find_stored_range, spread_rows
from bdtui.engine.inputs.stored_range import StoredRange
from bdtui.engine.reporter import SILENT, Reporter

_SMALLEST_SIDE, _LONGEST_SIDE = 8, 4
"""An input of two axes is a grey picture from so many rows and columns, where neither has more than so many times the other's."""
_MOST_VALUES = 2**28
"""Values that are held in memory, 1 GiB; of a larger set, some images of every class are taken."""


@dataclass(frozen=True, eq=False)
class CleanImages:
    """Labelled images without a trigger.

    Attributes:
        pixels: as the network reads them, float32, shape (N, …).
        labels: their classes, int64, shape (N,).
        low: what the network reads for black, float32, of the shape of one image.
        high: what it reads for white.
    """

    pixels: NDArray[np.float32]
    labels: NDArray[np.int64]
    low: NDArray[np.float32]
    high: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def image_shape(self) -> tuple[int, ...]:
        """Of one image, as the network reads it."""
        return self.pixels.shape[1:]

    def some(self, rows: NDArray[np.intp] | slice) -> CleanImages:
        """Those with the given numbers."""
        return replace(self, pixels=self.pixels[rows], labels=self.labels[rows])

    def spread(self, most: int) -> CleanImages:
        """At most so many, from the beginning to the end."""
        return self.some(spread_rows(len(self), most))


@dataclass(frozen=True)
class Canvas:
    """How an image is looked at as rows, columns and channels.

    Attributes:
        height: rows; 1 for vectors.
        width: columns.
        channels: of a pixel.
        planes: whether the network reads the channels first.
        is_picture: whether neighbours in both directions are neighbours in what the image shows.
    """

    height: int
    width: int
    channels: int
    planes: bool
    is_picture: bool

    @classmethod
    def of(cls, image_shape: tuple[int, ...]) -> Canvas:
        """The canvas for images of a shape that a network reads."""
        if len(image_shape) == 3 and reads_planes(image_shape):
            return cls(image_shape[1], image_shape[2], image_shape[0], planes=True, is_picture=True)
        if len(image_shape) == 3:
            return cls(*image_shape, planes=False, is_picture=True)
        if len(image_shape) == 2 and _SMALLEST_SIDE <= min(image_shape) >= max(image_shape) / _LONGEST_SIDE:
            # A grey picture without an axis for its channel, e.g. 28×28 digits.
            return cls(*image_shape, channels=1, planes=False, is_picture=True)
        if len(image_shape) == 1:
            return cls(1, image_shape[0], 1, planes=False, is_picture=False)
        rows = prod(image_shape[:-2]) if len(image_shape) > 2 else 1
        return cls(rows, image_shape[-2], image_shape[-1], planes=False, is_picture=False)


@dataclass(frozen=True, eq=False)
class Parts:
    """Clean images in two parts.

    Attributes:
        fit: what methods train on.
        held_out: what none of them trains on, to choose by; may be empty.
    """

    fit: CleanImages
    held_out: CleanImages


def read_clean_images(images: LabelledImages, reporter: Reporter = SILENT) -> CleanImages:
    """Read a set of clean images into memory, of a very large one as many as 1 GiB holds.

    Raises:
        DataError: an image cannot be read, or is not finite.
        Interrupted: the reporter requested a stop.
    """
    stored = find_stored_range(images)
    low, high = (
        images.preprocessing.apply(np.full((1, *images.image_shape), value, np.float32))[0] for value in ends(stored)
    )
    most = max(1, _MOST_VALUES // prod(images.image_shape))
    wanted = np.ones(images.images, bool)
    if images.images > most:
        wanted[:] = False
        wanted[some_of_every_class(images.labels, most / images.images)] = True
    read = []
    for number, batch in enumerate(images.batches(256)):
        reporter.checkpoint()
        read.append(batch[wanted[256 * number : 256 * number + len(batch)]])
    return CleanImages(np.concatenate(read), images.labels[wanted], np.minimum(low, high), np.maximum(low, high))


def ends(stored: StoredRange) -> tuple[float, float]:
    """What black and white are in a file whose pixels lie in a range."""
    if stored.is_unit:
        return 0.0, 1.0
    if stored.is_bytes:
        return 0.0, 255.0
    # Prepared before they were stored: nobody knows more than what was seen.
    return stored.low, max(stored.high, stored.low + 1e-6)


def split_images(images: CleanImages, share: float, seed: int) -> Parts:
    """Hold a share of every class out; of classes with one image none, so that all of them are learnt.

    Raises:
        DataError: there are no images.
    """
    if not len(images):
        raise DataError("there are no clean images to repair with; expected at least one of every class")
    held = np.zeros(len(images), bool)
    held[some_of_every_class(images.labels, share, seed)] = True
    for label in np.unique(images.labels):
        rows = np.flatnonzero(images.labels == label)
        if held[rows].all():
            held[rows[0]] = False
    return Parts(images.some(np.flatnonzero(~held)), images.some(np.flatnonzero(held)))


def some_of_every_class(labels: NDArray[np.int64], share: float, seed: int = 0) -> NDArray[np.intp]:
    """Numbers of a share of the images of every class, drawn by lot, ascending; together as near the share as can be."""
    random = np.random.default_rng([seed, 20])
    taken: list[NDArray[np.intp]] = []
    owed = 0.0
    for label in random.permutation(np.unique(labels)):
        rows = np.flatnonzero(labels == label)
        owed += share * len(rows)
        number = min(len(rows), round(owed))
        owed -= number
        taken.append(random.permutation(rows)[:number])
    return np.sort(np.concatenate(taken)) if taken else np.empty(0, np.intp)
