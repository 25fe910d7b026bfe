"""What is done to the pixels of a file before a network reads them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bdtui.engine.inputs.stored_range import StoredRange
from bdtui.engine.settings import BYTES, CAFFE, MEAN_STD, RAW, TF, TORCH, UNIT

_IMAGENET_MEAN = (0.485, 0.456, 0.406)
_IMAGENET_DEVIATION = (0.229, 0.224, 0.225)
_IMAGENET_MEAN_BGR = (103.939, 116.779, 123.68)


@dataclass(frozen=True)
class Preprocessing:
    """A way to prepare the pixels of one image set, in this order.

    Attributes:
        divisor: pixels are divided by this.
        multiplier: they are multiplied by this.
        reverses_channels: RGB becomes BGR.
        mean: subtracted; one number for all channels or one for each, empty for nothing.
        deviation: they are divided by it; one number for all channels or one for each, empty for nothing.
    """

    divisor: float = 1
    multiplier: float = 1
    reverses_channels: bool = False
    mean: tuple[float, ...] = ()
    deviation: tuple[float, ...] = ()

    def apply(self, pixels: NDArray[np.float32]) -> NDArray[np.float32]:
        """Prepare pixels, float32, shape (rows, …, channels); the array given may be changed, and returned."""
        if self.divisor != 1:
            pixels /= np.float32(self.divisor)
        if self.multiplier != 1:
            pixels *= np.float32(self.multiplier)
        if self.reverses_channels:
            pixels = np.ascontiguousarray(pixels[..., ::-1])
        if self.mean:
            pixels -= np.asarray(self.mean, np.float32)
        if self.deviation:
            pixels /= np.asarray(self.deviation, np.float32)
        return pixels


AS_STORED = Preprocessing()


@dataclass(frozen=True)
class PreprocessingMode:
    """A way to prepare the pixels of all image sets of a run, each from the range that it is stored in.

    Attributes:
        name: one of `bdtui.engine.settings.PREPROCESSINGS` but ``auto``, or ``mean-std``.
        mean: what ``--mean`` says, for ``mean-std``.
        deviation: what ``--std`` says, for ``mean-std``.
    """

    name: str
    mean: tuple[float, ...] = ()
    deviation: tuple[float, ...] = ()

    def of(self, stored: StoredRange) -> Preprocessing:
        """What is done to the pixels of a set; those in 0…1 are brought to 0…255 first where the mode wants that."""
        # What a network of 0…1 reads has to be divided by, and what one of 0…255 reads multiplied by.
        to_unit, to_bytes = (1, 255) if stored.is_unit else (255, 1)
        match self.name:
            case "raw":
                return AS_STORED
            case "unit":
                return Preprocessing(to_unit)
            case "bytes":
                return Preprocessing(multiplier=to_bytes)
            case "tf":
                return Preprocessing(to_unit / 2, mean=(1.0,))
            case "torch":
                return Preprocessing(to_unit, mean=_IMAGENET_MEAN, deviation=_IMAGENET_DEVIATION)
            case "caffe":
                return Preprocessing(multiplier=to_bytes, reverses_channels=True, mean=_IMAGENET_MEAN_BGR)
        in_unit = all(abs(number) <= 1 for number in (*self.mean, *self.deviation))
        return Preprocessing(
            to_unit if in_unit else 1, 1 if in_unit else to_bytes, mean=self.mean, deviation=self.deviation
        )

    @property
    def scale(self) -> int | None:
        """What ``--scale`` would say; None where it has no word for it."""
        return {RAW: 1, UNIT: 255}.get(self.name)

    def fits(self, channels: int) -> bool:
        """Whether images of so many channels can be prepared so."""
        if self.name in (TORCH, CAFFE):
            return channels == 3
        return all(len(numbers) in (0, 1, channels) for numbers in (self.mean, self.deviation))

    @property
    def words(self) -> str:
        """What is done, to be read after "pixels are"."""
        return PREPROCESSING_WORDS[self.name]


PREPROCESSING_WORDS = {
    RAW: "used as stored",
    UNIT: "brought to 0…1 (÷ 255)",
    BYTES: "brought to 0…255 (× 255)",
    TF: "brought to −1…1 (÷ 127.5 − 1)",
    TORCH: "divided by 255 and normalised with ImageNet's mean and deviation",
    CAFFE: "turned into BGR with ImageNet's mean subtracted",
    MEAN_STD: "normalised with the mean and deviation given",
}
"""What is done, by name, to be read after "pixels are"."""
