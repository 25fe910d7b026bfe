"""Between which values a network reads pixels, and clean images in that range."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from keras import layers
from numpy.typing import NDArray

from bdtui.engine.detect.methods import MOST_PICTURES
from bdtui.engine.detect.subject import look_at
from bdtui.engine.inputs.datasets import LabelledImages
from bdtui.engine.inputs.sampling import find_pixel_ends, sample_images
from bdtui.engine.network.graph import Network

Array = NDArray[np.float32]
_PICTURES = 64
_USUAL_LEAD = 4.0
"""Logits that the first class is ahead of the second."""


@dataclass(frozen=True)
class PixelRange:
    """The darkest and the brightest values that a network reads.

    Attributes:
        low: float32, of a shape that broadcasts to one image.
        high: likewise.
        guessed: whether nothing said so.
    """

    low: Array
    high: Array
    guessed: bool = False


@dataclass(frozen=True)
class CleanPictures:
    """Clean images in memory.

    Attributes:
        images: as the network reads them, float32 (n, …), n ≥ 1.
        labels: their classes, int64 (n,); None where they are not known.
        pixels: the range of their values.
    """

    images: Array
    labels: NDArray[np.int64] | None
    pixels: PixelRange

    @classmethod
    def of_arrays(
        cls, images: Array, labels: NDArray[np.int64] | None = None, low: float | None = None, high: float | None = None
    ) -> CleanPictures:
        """Images that were prepared already; where the range is not said it is that of the values."""
        darkest = np.asarray(images.min() if low is None else low, np.float32)
        brightest = np.asarray(images.max() if high is None else high, np.float32)
        return cls(images, labels, PixelRange(darkest, brightest))

    @classmethod
    def of_set(cls, images: LabelledImages, most: int = MOST_PICTURES) -> CleanPictures:
        """At most so many images of a set, spread over it.

        Raises:
            DataError: an image cannot be read, or is not finite.
        """
        low, high = find_pixel_ends(images)
        runs = list(sample_images(images, most))
        labels = np.concatenate([images.labels[start : start + len(run)] for start, run in runs])
        pixels = PixelRange(low, high)
        return cls(np.concatenate([run for _, run in runs]), labels, pixels)


def guess_range(network: Network) -> PixelRange:
    """0 to 1 or 0 to 255: where the network is as sure of pictures that show nothing as networks are.

    It leads by some units then. Fed with pixels 255 times too bright it leads by hundreds, too dark by next to nothing.
    Ranges that lie closer together, as −1 to 1 and 0 to 1, are not told apart. A layer that scales pixels down says more.
    """
    for call in network.own_calls:
        if isinstance(call.layer, layers.Rescaling):
            scale = float(np.max(np.abs(np.asarray(call.layer.scale, np.float64))))
            return _guessed(255.0 if scale < 0.1 else 1.0)
    return _guessed(min((1.0, 255.0), key=lambda high: abs(np.log(_lead(network, high) / _USUAL_LEAD))))


def _lead(network: Network, high: float) -> float:
    """By how much the first class leads, in the middle of some smooth random pictures; a little above 0 at least."""
    subject = look_at(network, high=high)
    logits = np.asarray(subject.logits(subject.smooth(_PICTURES, np.random.default_rng(7))), np.float64)
    second, first = np.sort(logits, axis=1)[:, -2:].T
    lead = float(np.median(first - second))
    return max(lead, 1e-9) if np.isfinite(lead) else np.inf


def _guessed(high: float) -> PixelRange:
    return PixelRange(np.asarray(0.0, np.float32), np.asarray(high, np.float32), guessed=True)
