"""The GoodNet of a run: it answers N+1 where the network and its repaired twin disagree."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bdtui.engine.screen.given import GoodnetGiven
from bdtui.engine.screen.method import Score
from bdtui.engine.screen.subject import Array


def screen_by_goodnet(given: GoodnetGiven) -> Score:
    """1 where the GoodNet answers N+1, else 0."""

    def score(images: Array) -> NDArray[np.float64]:
        likely = given.goodnet.probabilities(images, given.reporter)
        return np.asarray(likely.argmax(axis=1) == likely.shape[1] - 1, np.float64)

    return score
