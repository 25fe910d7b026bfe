"""Between which values a network reads pixels, and clean images in that range."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from keras import layers
from numpy.typing import NDArray

from bdtui.engine.inputs.datasets import LabelledImages
from bdtui.engine.inputs.sampling import find_stored_range, sample_images
from bdtui.engine.network.graph import Network

Array = NDArray[np.float32]


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
    def of_set(cls, images: LabelledImages, most: int = 1_000) -> CleanPictures:
        """At most so many images of a set, spread over it.

        Raises:
            DataError: an image cannot be read, or is not finite.
        """
        stored = find_stored_range(images)
        ends = (0.0, 1.0) if stored.is_unit else (0.0, 255.0) if stored.is_bytes else (stored.low, stored.high)
        low, high = (images.preprocessing.apply(np.full((1, *images.image_shape), end, np.float32))[0] for end in ends)
        runs = list(sample_images(images, most))
        labels = np.concatenate([images.labels[start : start + len(run)] for start, run in runs])
        pixels = PixelRange(np.minimum(low, high), np.maximum(low, high))
        return cls(np.concatenate([run for _, run in runs]), labels, pixels)


def guess_range(network: Network) -> PixelRange:
    """0 to 255 where the network scales pixels down itself, or where its first weights are as small as such pixels want.

    Weights start at about ±√(6 ÷ inputs) and stay near; training on bright pixels makes biases small beside them. There is
    nothing in a network that says more.
    """
    for call in network.own_calls:
        if isinstance(call.layer, layers.Rescaling):
            scale = float(np.max(np.abs(np.asarray(call.layer.scale, np.float64))))
            return _guessed(255.0 if scale < 0.1 else 1.0)
        if isinstance(call.layer, layers.Normalization):
            mean = np.asarray(call.layer.mean, np.float64)
            return _guessed(255.0 if np.abs(mean).max() > 2 else 1.0)
        kernel = getattr(call.layer, "kernel", None)
        if kernel is not None:
            values = np.asarray(kernel, np.float64)
            inputs = values.size // values.shape[-1]
            bias = getattr(call.layer, "bias", None)
            if bias is None:
                return _guessed(1.0)
            shift = float(np.abs(np.asarray(bias, np.float64)).mean())
            return _guessed(255.0 if shift < 0.02 * np.abs(values).mean() * inputs**0.5 else 1.0)
    return _guessed(1.0)


def _guessed(high: float) -> PixelRange:
    return PixelRange(np.asarray(0.0, np.float32), np.asarray(high, np.float32), guessed=True)
