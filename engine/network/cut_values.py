"""What is kept of images at the cut: of every channel its values for those images alone for which it fires.

Everywhere else a channel holds what it holds when it is silenced. Most channels fire for few images, so this takes a
third of the room on the lab's faces, and the values of one channel lie one behind the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import prod

import numpy as np
from numpy.typing import NDArray

from bdtui.engine.machine.array_store import ArrayStore, let_go
from bdtui.engine.network.cut import Array, Cut, kept_dtypes_of, shapes_of, silent_values

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class FrontierBlock:
    """Some images of a set at the cut.

    Attributes:
        images: their numbers in the set.
        fires: whether a channel differs anywhere from its silenced value, bool, shape (rows, channels).
        carriers: for every carrier of the frontier the values of channels that fire, channel by channel and in each
            image by image: shape (pairs that fire, positions).
        others: for every other tensor of the frontier an array (rows, …).
    """

    images: slice
    fires: Mask
    carriers: list[Array]
    others: list[Array]

    @cached_property
    def firing(self) -> NDArray[np.intp]:
        """The channels that fire for any image of the block."""
        return np.flatnonzero(self.fires.any(axis=0))

    @cached_property
    def starts(self) -> NDArray[np.intp]:
        """Where each channel's values begin among those of all, shape (channels + 1,)."""
        return np.concatenate([[0], np.cumsum(np.count_nonzero(self.fires, axis=0))])

    def of_channel(self, channel: int) -> slice:
        """Where the values of one channel lie."""
        return slice(self.starts[channel], self.starts[channel + 1])

    @classmethod
    def joined(cls, blocks: Sequence[FrontierBlock], fires: Mask) -> FrontierBlock:
        """Blocks of images that follow one another as one; ``fires`` is that of the whole set."""
        first, *others = blocks
        if not others:
            return first
        images = slice(first.images.start, blocks[-1].images.stop)
        # Of each block the channels' numbers in the order of its values; of one channel, the first block comes first.
        channels = np.concatenate(
            [np.repeat(np.arange(len(block.starts) - 1), np.diff(block.starts)) for block in blocks]
        )
        order = np.argsort(channels, kind="stable")
        return cls(
            images,
            fires[images],
            [np.concatenate(arrays)[order] for arrays in zip(*(block.carriers for block in blocks), strict=True)],
            [np.concatenate(arrays) for arrays in zip(*(block.others for block in blocks), strict=True)],
        )

    def stored(self, store: ArrayStore) -> FrontierBlock:
        """The same block where a store keeps it."""
        carriers, others = ([store.keep(array) for array in arrays] for arrays in (self.carriers, self.others))
        return FrontierBlock(self.images, self.fires, carriers, others)

    def let_go(self) -> None:
        """Let the system take back memory in which a stored block was read."""
        for array in (*self.carriers, *self.others):
            let_go(array)


class Frontier:
    """How the tensors of a cut become blocks, and blocks tensors again.

    Args:
        cut: the cut network.
        image_shape: of one input image, without the batch axis.

    Attributes:
        shapes: of the frontier's tensors for one image.
        dtypes: in which their values are kept, by Keras' names.
        silent: for every carrier what its channels hold when they are silenced, (channels, …); see `silent_values`.
        silent_tensors: the same as the carriers of one image, (1, …).
    """

    def __init__(self, cut: Cut, image_shape: tuple[int, ...]) -> None:
        self._axis = cut.source.axis
        self._carriers = cut.carriers
        self.shapes = shapes_of(cut.network, cut.frontier, image_shape)
        self.dtypes = kept_dtypes_of(cut.network, cut.frontier)
        self.silent_tensors = [values[np.newaxis] for values in silent_values(cut, image_shape)]
        self.silent = [np.moveaxis(values, self._axis, 0)[:, 0] for values in self.silent_tensors]

    def block(self, images: slice, tensors: Sequence[Array], fires: Mask) -> FrontierBlock:
        """Keep of the tensors (rows, …) of the frontier what `fires` (rows, channels) says."""
        carriers = []
        for values in tensors[: self._carriers]:
            firing = np.moveaxis(values, self._axis, 0)[fires.T]
            carriers.append(firing.reshape(len(firing), prod(firing.shape[1:])))
        return FrontierBlock(images, fires, carriers, list(tensors[self._carriers :]))

    def tensors(self, block: FrontierBlock, rows: NDArray[np.intp], silenced: Mask) -> list[Array]:
        """The tensors (len(rows), …) of the frontier for some rows of a block.

        Args:
            block: the images.
            rows: which of them; one may stand there several times.
            silenced: for each of ``rows`` the channels that are silent, shape (len(rows), channels).
        """
        shown = (block.fires[rows] & ~silenced).T
        place = np.cumsum(block.fires.T).reshape(block.fires.shape[::-1]) - 1
        chosen = place[:, rows][shown]
        tensors = []
        for silent, values in zip(self.silent, block.carriers, strict=True):
            tensor = np.broadcast_to(silent[:, np.newaxis], (len(silent), len(rows), *silent.shape[1:])).copy()
            tensor[shown] = values[chosen].reshape(-1, *silent.shape[1:])
            tensors.append(np.moveaxis(tensor, 0, self._axis))
        return tensors + [values[rows] for values in block.others]
