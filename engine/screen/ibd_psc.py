"""IBD-PSC: a trigger still decides when the network's own layers are made louder, while benign features drown.

Hou et al., "IBD-PSC: Input-level Backdoor Detection via Parameter-oriented Scaling Consistency", ICML 2024. There the
weights of BatchNormalization are multiplied; the same is done here by multiplying what those layers make, and what
layers with a kernel make where there is no BatchNormalization.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bdtui.engine.screen.given import CleanGiven
from bdtui.engine.screen.method import Score
from bdtui.engine.screen.subject import Array

FACTOR = 1.5
_WRONG = 0.6
"""Share of clean images that a network with louder layers has to get another class for."""
_NETWORKS = 5
_CHOSEN_BY = 100
"""Clean images that the layers are chosen by."""


def screen_by_scaling_layers(given: CleanGiven, factor: float = FACTOR) -> Score:
    """Mean probability, over some networks with louder layers, of the class that the network has for the image.

    From the last layer towards the first one more is made louder each time, until most clean images change their class;
    that network and those with a few layers more are asked.
    """
    subject = given.subject
    layers = len(subject.scalable_layers)
    images = given.images[:_CHOSEN_BY]
    before = subject.probabilities(images, given.reporter).argmax(axis=1)
    first = layers
    for louder in range(1, layers + 1):
        chosen = _last(louder, layers)
        after = subject.probabilities(images, given.reporter, chosen, factor).argmax(axis=1)
        if np.mean(before != after) >= _WRONG:
            first = louder
            break
    asked = [_last(louder, layers) for louder in range(first, min(first + _NETWORKS, layers + 1))]

    def score(images: Array) -> NDArray[np.float64]:
        own = subject.probabilities(images, given.reporter).argmax(axis=1)
        kept = np.zeros(len(images))
        for chosen in asked:
            found = subject.probabilities(images, given.reporter, chosen, factor)
            kept += found[np.arange(len(images)), own]
        return kept / len(asked)

    return score


def _last(number: int, layers: int) -> tuple[int, ...]:
    """The numbers of the last so many of some layers."""
    return tuple(range(layers - number, layers))
