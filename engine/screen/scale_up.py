"""SCALE-UP: a trigger still decides when pixels are multiplied until most of them are as bright as can be.

Guo et al., "SCALE-UP: An Efficient Black-box Input-level Backdoor Detection via Analyzing Scaled Prediction
Consistency", ICLR 2023.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bdtui.engine.screen.given import CleanGiven
from bdtui.engine.screen.method import Score
from bdtui.engine.screen.subject import Array

_FACTORS = (3, 5, 7, 9, 11)


def screen_by_scaling_pixels(given: CleanGiven) -> Score:
    """Mean probability, over the factors, of the class that the image has by itself.

    The paper counts how often the class stays; its probability orders images where that is the same for many.
    """
    subject = given.subject

    def score(images: Array) -> NDArray[np.float64]:
        own = subject.probabilities(images, given.reporter).argmax(axis=1)
        kept = np.zeros(len(images))
        for factor in _FACTORS:
            brighter = np.minimum(subject.low + factor * (images - subject.low), subject.high).astype(np.float32)
            kept += subject.probabilities(brighter, given.reporter)[np.arange(len(images)), own]
        return kept / len(_FACTORS)

    return score
