"""Which slices of a layer's weights make a channel, and which read one."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import layers
from numpy.typing import NDArray

from bdtui.engine.network.layer_kinds import DEPTHWISE, LINEAR_CONVOLUTIONS, SEPARABLE, TRANSPOSED

Weights = NDArray[Any]


def making_kernel(layer: keras.Layer) -> tuple[Any, int | None]:
    """The variable whose slices make the channels, and its channel axis; see `by_channel`."""
    if isinstance(layer, DEPTHWISE):
        return layer.kernel, None
    if isinstance(layer, SEPARABLE):
        return layer.pointwise_kernel, -1
    return layer.kernel, -2 if isinstance(layer, TRANSPOSED) else -1


def by_channel(weights: Weights, axis: int | None, channels: int) -> Weights:
    """A view of an array in which the first axis runs over the channels that it makes.

    An ``axis`` of None stands for a depthwise kernel, whose two last axes together number the channels.
    """
    if axis is None:
        weights, axis = weights.reshape(*weights.shape[:-2], channels), -1
    return np.moveaxis(weights, axis, 0)


def reading_kernel(layer: Any) -> Any:
    """The variable whose slices read the layer's inputs; None where no slice belongs to one input alone."""
    # Exactly these classes: how a subclass reads its inputs, nobody knows.
    if type(layer) not in (layers.Dense, *LINEAR_CONVOLUTIONS, *TRANSPOSED, *DEPTHWISE, *SEPARABLE):
        return None
    if not has_plain_kernel(layer):
        return None
    return layer.depthwise_kernel if type(layer) in SEPARABLE else layer.kernel


def by_input(layer: keras.Layer, weights: Weights) -> Weights:
    """A view of a reading kernel's values in which the two first axes number the inputs: groups, and inputs of each."""
    groups = layer.groups if type(layer) in LINEAR_CONVOLUTIONS else 1
    if groups > 1:
        *window, inputs, units = weights.shape
        return np.moveaxis(weights.reshape(*window, inputs, groups, units // groups), (-2, -3), (0, 1))
    axis = 0 if type(layer) is layers.Dense else -1 if type(layer) in TRANSPOSED else -2
    return np.moveaxis(weights, axis, 0)[np.newaxis]


def has_plain_kernel(layer: Any) -> bool:
    """Whether a layer's kernel, if it has one, is a variable of its own: a quantized or adapted one is made of several."""
    return not getattr(layer, "quantization_mode", None) and not getattr(layer, "lora_enabled", False)
