"""What screening found, as plain values: reports and screens read them without TensorFlow."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bdtui.engine.rates import Share
from bdtui.engine.screen.methods import BY_GOODNET

ENOUGH = 200
"""Clean images from which the share of false alarms holds to some points."""


@dataclass(frozen=True)
class Screening:
    """What was found of each image.

    Attributes:
        method: its name.
        names: of the images.
        scores: the larger the more suspicious, float64 (n,).
        classes: what the network says of each, int64 (n,).
        line: images above it are flagged.
        clean: of the clean images, how many are flagged.
    """

    method: str
    names: tuple[str, ...]
    scores: NDArray[np.float64]
    classes: NDArray[np.int64]
    line: float
    clean: Share

    @property
    def flagged(self) -> NDArray[np.bool_]:
        """Whether each is flagged, (n,)."""
        return np.asarray(self.scores > self.line)

    def why(self, number: int) -> str:
        """Why an image is flagged or not, for a person."""
        score, is_flagged = self.scores[number], bool(self.flagged[number])
        if self.method == BY_GOODNET:
            return "the GoodNet answers N+1" if is_flagged else "the GoodNet answers a class"
        of_clean = f"{self.clean.images - self.clean.hits:,} of {self.clean.images:,} clean images are not above"
        return f"score {score:.4f} is {'above' if is_flagged else 'not above'} {self.line:.4f}; {of_clean}"

    @property
    def sentences(self) -> tuple[str, ...]:
        """What was found, and how far it can be relied on."""
        flagged, images = int(self.flagged.sum()), len(self.names)
        low, high = self.clean.wilson_interval()
        found = (
            f"{flagged:,} of {images:,} image{'' if images == 1 else 's'} {'is' if flagged == 1 else 'are'} flagged by "
            f"{self.method}; of clean images about {self.clean.percent:.0f} % would be "
            f"({self.clean.hits:,} of {self.clean.images:,} given; 95 % interval {low:.0f}–{high:.0f} %)."
        )
        said = [found]
        if self.clean.images < ENOUGH:
            said.append(
                f"The line comes from {self.clean.images:,} clean image{'' if self.clean.images == 1 else 's'}: up to "
                f"{high:.0f} % of clean images may be flagged, and no share is promised."
            )
        if self.method != BY_GOODNET:
            said.append(
                "A flag is a reason to look, no proof; triggers of attacks all-to-all, and some that cover the whole image, "
                "are not seen (docs/detection.md)."
            )
        return tuple(said)
