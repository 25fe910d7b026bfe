"""How far the scores of a network can move when the values inside it move a little: a bound from the weights' norms."""

from __future__ import annotations

from collections.abc import Iterable
from math import ceil, prod, sqrt
from typing import Any

import numpy as np
from keras import layers
from numpy.typing import NDArray

from bdtui.engine.channels import EDGES, INACTIVE, POOLINGS
from bdtui.engine.graph import Call

_LARGEST_SPECTRUM = 1024
"""Matrices with more rows and columns than that have their spectral norm bounded instead of computed."""
# The steepest slope of Keras' activation functions, rounded up.
_SLOPES = {
    **dict.fromkeys(
        "linear relu relu6 tanh hard_tanh sigmoid hard_sigmoid softplus softsign elu leaky_relu".split(), 1.0
    ),
    **dict.fromkeys("log_sigmoid tanh_shrink soft_shrink softmax".split(), 1.0),
    **dict.fromkeys("gelu silu swish mish".split(), 1.13),
    **{"selu": 1.76, "hard_silu": 1.5, "hard_swish": 1.5},
}
_GLOBAL = tuple(pooling for pooling in POOLINGS if pooling.__name__.startswith("Global"))
_WINDOWED = tuple(pooling for pooling in POOLINGS if pooling not in _GLOBAL)
# Layers behind which values lie no farther apart than before.
_NO_FARTHER = (*INACTIVE, *EDGES, *_GLOBAL, layers.Flatten, layers.Reshape, layers.Permute)


class NoBound(Exception):
    """A layer is of a kind for which no bound is known."""


def radius_at(calls: Iterable[Call], radii: dict[int, float], tensor: int) -> float:
    """The largest Euclidean distance by which a tensor of an image can move.

    Args:
        calls: in running order.
        radii: for tensors that move, by number, the distance; all others stand still. Filled in on the way.
        tensor: number of the tensor that is asked for.

    Raises:
        NoBound: the way leads through a layer for which no bound is known.
    """
    for call in calls:
        moving = [radii[read] for read in call.inputs if radii.get(read)]
        if moving:
            radius = _radius_behind(call, moving)
            radii.update((made, radius) for made in call.outputs)
    return radii.get(tensor, 0.0)


def slope(activation: Any) -> float:
    """The steepest slope of an activation function.

    Raises:
        NoBound: it is not known.
    """
    if isinstance(activation, layers.Layer):
        return _slope_of_layer(activation)
    name = "linear" if activation is None else getattr(activation, "__name__", "")
    if name not in _SLOPES:
        raise NoBound(name)
    return _SLOPES[name]


def spectral_norm(matrix: NDArray[Any]) -> float:
    """An upper bound of the largest singular value of a matrix; exact but for rounding where that is quick."""
    matrix = np.asarray(matrix, np.float64)
    if min(matrix.shape) > _LARGEST_SPECTRUM:
        by_sums = float(np.abs(matrix).sum(axis=0).max() * np.abs(matrix).sum(axis=1).max())
        return min(float(np.linalg.norm(matrix)), sqrt(by_sums))
    gram = matrix @ matrix.T if matrix.shape[0] < matrix.shape[1] else matrix.T @ matrix
    return 1.0001 * sqrt(max(0.0, float(np.linalg.eigvalsh(gram)[-1])))


def _radius_behind(call: Call, moving: list[float]) -> float:
    layer = call.layer
    kind = type(layer)
    if kind in (layers.Add, layers.Subtract, layers.Concatenate):
        return sum(moving)
    if kind is layers.Average:
        return sum(moving) / len(call.inputs)
    if kind in (layers.Maximum, layers.Minimum):
        return sqrt(sum(radius**2 for radius in moving))
    if len(call.inputs) != 1:
        raise NoBound(kind.__name__)
    return _norm(layer) * moving[0]


def _norm(layer: Any) -> float:
    kind = type(layer)
    if kind is layers.Dense:
        return spectral_norm(layer.kernel.numpy()) * slope(layer.activation)
    if kind in (layers.Conv1D, layers.Conv2D, layers.Conv3D):
        kernel = layer.kernel.numpy()
        if layer.groups != 1:
            raise NoBound(kind.__name__)
        # A value of the input is read by as many windows as overlap there; dilated, by one for each tap at most.
        dilated = any(rate != 1 for rate in layer.dilation_rate)
        overlap = prod(layer.kernel_size) if dilated else _overlap(layer.kernel_size, layer.strides)
        return spectral_norm(kernel.reshape(-1, kernel.shape[-1])) * sqrt(overlap) * slope(layer.activation)
    if kind is layers.BatchNormalization:
        scale = 1.0 / np.sqrt(layer.moving_variance.numpy().astype(np.float64) + layer.epsilon)
        return float(np.abs(scale * (layer.gamma.numpy() if layer.scale else 1.0)).max())
    if kind in _WINDOWED:
        return sqrt(_overlap(layer.pool_size, layer.strides))
    if kind in _NO_FARTHER:
        return 1.0
    return _slope_of_layer(layer)


def _slope_of_layer(layer: Any) -> float:
    kind = type(layer)
    if kind is layers.Activation:
        return slope(layer.activation)
    if kind is layers.ReLU:
        # With a threshold it jumps there, and no slope bounds that.
        if layer.threshold:
            raise NoBound(kind.__name__)
        return max(1.0, abs(float(layer.negative_slope or 0)))
    if kind is layers.LeakyReLU:
        return max(1.0, abs(float(layer.negative_slope)))
    if kind is layers.PReLU:
        return max(1.0, float(np.abs(layer.alpha.numpy()).max()))
    if kind is layers.ELU:
        return max(1.0, abs(float(layer.alpha)))
    if kind is layers.Softmax:
        return 1.0
    raise NoBound(kind.__name__)


def _overlap(window: Any, strides: Any) -> int:
    sizes = window if isinstance(window, tuple | list) else (window,)
    steps = strides if isinstance(strides, tuple | list) else (strides,) * len(sizes)
    return prod(ceil(size / step) for size, step in zip(sizes, steps, strict=True))
