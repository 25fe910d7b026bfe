"""What a network may weigh while Keras builds it.

A configuration of two hundred bytes can ask for a layer of a billion units, and Keras allocates it before anything holds
it against the weights in the file. So every weight is counted when it is asked for: there are no more than the file has.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import keras

from bdtui.engine.errors import ModelError

_LARGEST_OUTPUT = 2**27
"""Values that a layer may make of one image: half a gigabyte."""
_UNSTORED = 2**20
"""Weights that may be missing in the file, so that Keras can say which."""


@contextmanager
def bounded_weights(stored: int, name: str) -> Iterator[None]:
    """Let layers be built that have no more weights than a file.

    Their values at the start are zeros, since the file's take their place: an initialiser may compute for hours.

    Args:
        stored: how many numbers the file's weights are.
        name: of the file, for messages.

    Raises:
        ModelError: a layer asks for more.
    """
    add_weight = keras.layers.Layer.add_weight
    left = stored + _UNSTORED

    def add_bounded_weight(layer: Any, shape: Any = None, initializer: Any = None, *rest: Any, **settings: Any) -> Any:
        nonlocal left
        sizes = (shape,) if isinstance(shape, int) else shape or ()
        left -= math.prod(abs(size) for size in sizes if isinstance(size, int))
        if left < 0:
            raise ModelError(
                f"{name}: layer {layer.name!r} has weights of shape {tuple(sizes)}, and the file stores {stored:,} numbers "
                "in all; expected weights that fit the layers"
            )
        return add_weight(layer, shape, "zeros", *rest, **settings)

    keras.layers.Layer.add_weight = add_bounded_weight
    try:
        yield
    finally:
        keras.layers.Layer.add_weight = add_weight


def refuse_large_output(shape: Sequence[int | None], layer: str, name: str) -> None:
    """Refuse a layer that blows an image up to more than memory takes; axes of open length do not count.

    Raises:
        ModelError: it does.
    """
    if math.prod(size for size in shape[1:] if size) > _LARGEST_OUTPUT:
        raise ModelError(
            f"{name}: layer {layer!r} makes an output of shape {tuple(shape)}; expected at most {_LARGEST_OUTPUT:,} values"
        )
