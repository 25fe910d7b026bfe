"""STRIP: a trigger decides whatever else is to be seen, so that answers stay sure when other pictures are laid over.

Gao et al., "STRIP: A Defence Against Trojan Attacks on Deep Neural Networks", ACSAC 2019. The paper adds pictures, which
keeps a faint trigger on a dark ground; the mean of two keeps a patch on a bright one. Both are done here.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bdtui.engine.screen.given import CleanGiven
from bdtui.engine.screen.method import Score
from bdtui.engine.screen.subject import Array

OVERLAYS = 16
"""Clean images that are laid over each image, each in both ways."""


def screen_by_strip(given: CleanGiven) -> Score:
    """Minus the mean entropy, in nats, of the answers to an image mixed with clean ones."""
    subject, random = given.subject, np.random.default_rng([given.subject.seed, 11])
    overlays = given.images[random.permutation(len(given.images))[:OVERLAYS]]

    def score(images: Array) -> NDArray[np.float64]:
        sure = np.zeros(len(images))
        for overlay in overlays:
            added = np.minimum(images + overlay - subject.low, subject.high)
            for mixed in (0.5 * (images + overlay), added):
                likely = subject.probabilities(mixed.astype(np.float32), given.reporter)
                sure += np.sum(likely * np.log(np.maximum(likely, 1e-300)), axis=1)
        return sure / (2 * len(overlays))

    return score
