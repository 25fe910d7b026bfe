"""What weights-pruned models predict, layer by layer as Keras computes it, without computing the same layers each time."""

from __future__ import annotations

from collections.abc import Mapping

import keras
import numpy as np
from numpy.typing import NDArray


class PrunedModels:
    """The layers in front of the pruned one run once: pruning leaves their weights alone, to the bit.

    Args:
        badnet: a chain of layers up to the pruned one.
        last_before: name of the layer in front of the pruned one.
        images: as the network reads them, by role.
    """

    def __init__(self, badnet: keras.Model, last_before: str, images: Mapping[str, NDArray[np.float32]]) -> None:
        self._last_before = last_before
        front = keras.Model(badnet.inputs, badnet.get_layer(last_before).output)
        self._weights = [np.asarray(weight) for weight in front.weights]
        self._values = {role: np.asarray(front(pixels, training=False)) for role, pixels in images.items()}

    def classes(self, pruned: keras.Model, role: str) -> NDArray[np.int64]:
        """Classes of the images of a role by a pruned model, shape (N,).

        Raises:
            AssertionError: a layer in front of the pruned one is not the BadNet's.
        """
        boundary = pruned.get_layer(self._last_before).output
        front = keras.Model(pruned.inputs, boundary)
        for mine, expected in zip(front.weights, self._weights, strict=True):
            assert np.array_equal(mine, expected), f"{mine.path} is not the BadNet's"
        back = keras.Model(boundary, pruned.outputs)
        return np.asarray(back(self._values[role], training=False)).argmax(axis=1)
