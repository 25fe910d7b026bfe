"""What a detector found, as plain values: nothing here needs TensorFlow."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]


@dataclass(frozen=True)
class ReversedTrigger:
    """A small change that sends clean images to one class, found from the network alone.

    Attributes:
        target: the class.
        mask: how much of each pixel it covers, 0–1, float32, of one image's shape with one channel.
        pattern: what it covers them with, as the network reads pixels, float32, of one image's shape.
        size: sum of the mask, in pixels.
        fooled: of the images that were looked at, so many are sent to the target.
        images: how many those were, images that are sent there anyway left out.
    """

    target: int
    mask: Array
    pattern: Array
    size: float
    fooled: int
    images: int

    def stamp(self, images: Array) -> Array:
        """Images (n, …) with the trigger on them, float32."""
        return np.asarray(images * (1 - self.mask) + self.pattern * self.mask, np.float32)


@dataclass(frozen=True)
class Evidence:
    """What one method says.

    Attributes:
        scores: one a class, the larger the more suspicious, float64 (N,); NaN where a class was not looked at, empty
            where the method says nothing of classes.
        statistic: the number that calibrated lines are drawn on.
        p: the chance of such a largest score if no class had a backdoor, as the method reckons; None where it does not.
        triggers: what was reversed, the most suspicious first.
        seconds: it took.
    """

    scores: NDArray[np.float64]
    statistic: float
    p: float | None
    seconds: float
    triggers: tuple[ReversedTrigger, ...] = field(default=())
