"""What is done to the pixels of a file before a network reads them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Preprocessing:
    """A way to prepare pixels.

    Attributes:
        divisor: pixels are divided by this.
    """

    divisor: float = 1

    def apply(self, pixels: NDArray[np.float32]) -> NDArray[np.float32]:
        """Prepare pixels, float32, shape (rows, …, channels); the array given may be changed, and returned."""
        if self.divisor != 1:
            pixels /= np.float32(self.divisor)
        return pixels


AS_STORED = Preprocessing()
