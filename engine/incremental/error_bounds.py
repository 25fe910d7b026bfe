"""How far the scores of a network can move when the values inside it move a little: a bound from the weights' norms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, prod, sqrt
from typing import Any

import numpy as np
from keras import layers
from numpy.typing import NDArray

from bdtui.engine.network.graph import Call
from bdtui.engine.network.layer_kinds import COPIES, GLOBAL_POOLINGS, LINEAR_CONVOLUTIONS, NO_FARTHER, WINDOWED_POOLINGS

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
ROUNDING = 2.0**-24
"""Half the distance from 1 to the next float32."""
_MOST_AVERAGED = 2**16
"""Values of one channel that a global pooling averages, at most, for its rounding."""


class NoBound(Exception):
    """A layer is of a kind for which no bound is known."""


@dataclass(frozen=True)
class Rounding:
    """How far what a call makes of some inputs is off by rounding.

    The Euclidean distance is at most ``roundings · u · (weight · ‖inputs‖ + bias)``, u half the distance from 1 to the
    next float32.
    """

    roundings: float
    weight: float
    bias: float


def score_gains(calls: Sequence[Call], output: int) -> dict[int, float]:
    """How far two scores can move apart for each 1 by which a tensor moves, by Euclidean distance.

    Args:
        calls: the last calls of a network, in running order.
        output: number of the tensor that holds the scores. Where the last call is a Dense layer with a softmax, the
            scores are what goes into the softmax.

    Returns:
        The bound by number of tensor, for all tensors on the way.

    Raises:
        NoBound: the way leads through a layer for which no bound is known.
    """
    gains = {output: sqrt(2)}
    for call in reversed(calls):
        if call.outputs[0] not in gains:
            continue
        if call.outputs[0] == output and type(call.layer) is layers.Dense:
            kernel = call.layer.kernel.numpy().astype(np.float64)
            by_input = slope(call.layer.activation) * min(2 * _longest(kernel), sqrt(2) * spectral_norm(kernel))
        else:
            by_input = gains[call.outputs[0]] * _norm_of_call(call)
        for tensor in call.inputs:
            gains[tensor] = gains.get(tensor, 0.0) + by_input
    return gains


def rounding_of_sum(terms: float) -> float:
    """By how many roundings of the size of its terms a sum of so many may be off, in whatever order it is taken.

    Not the worst case, in which all roundings go the same way and which grows with the number of terms: with
    probability, they grow with its root. The paper's factor is 1 here; that the size is taken as a product of norms,
    and the direction in which an error lies as the worst, leaves ten times as much room.

    References:
        N. J. Higham, T. Mary, "A New Approach to Probabilistic Rounding Error Analysis", SIAM J. Sci. Comput. 41 (2019).
    """
    return sqrt(terms + 1)


def rounding_of(call: Call, output: int) -> Rounding | None:
    """How a call rounds, before an activation function in it; None where it copies values or chooses among them.

    Args:
        call: of a layer that has a bound.
        output: number of the tensor that holds the scores; of these, only two count.
    """
    layer, kind = call.layer, type(call.layer)
    if kind in COPIES or (kind is layers.ReLU and not layer.negative_slope):
        return None
    if kind is layers.Activation and getattr(layer.activation, "__name__", "") in ("relu", "linear"):
        return None
    shape = [size or 1 for size in call.output_shapes[0][1:]]
    if kind is layers.Dense or kind in LINEAR_CONVOLUTIONS:
        kernel = layer.kernel.numpy().astype(np.float64)
        bias = layer.bias.numpy().astype(np.float64) if layer.use_bias else np.zeros(1)
        roundings = rounding_of_sum(kernel.size / kernel.shape[-1])
        if call.outputs[0] == output and kind is layers.Dense:
            return Rounding(roundings, sqrt(2) * _longest(kernel), sqrt(2) * float(np.abs(bias).max()))
        overlap = _windows_over(layer) if kind in LINEAR_CONVOLUTIONS else 1
        return Rounding(roundings, _length(kernel) * sqrt(overlap), _length(bias) * sqrt(prod(shape[:-1])))
    if kind is layers.BatchNormalization:
        mean, variance = (weights.numpy().astype(np.float64) for weights in (layer.moving_mean, layer.moving_variance))
        scale = np.abs((layer.gamma.numpy() if layer.scale else 1.0) / np.sqrt(variance + layer.epsilon))
        shift = np.abs(mean) * scale + np.abs(layer.beta.numpy() if layer.center else 0.0)
        return Rounding(rounding_of_sum(4), float(scale.max()), _length(shift) * sqrt(prod(shape) / len(shift)))
    terms = (
        prod(layer.pool_size)
        if kind in WINDOWED_POOLINGS
        else _MOST_AVERAGED
        if kind in GLOBAL_POOLINGS
        else len(call.inputs) + 1
    )
    return Rounding(rounding_of_sum(terms), max(1.0, _norm_of_call(call)), sqrt(prod(shape)))


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


def _norm_of_call(call: Call) -> float:
    """How far what a call makes can move for each 1 by which one of its inputs moves."""
    kind = type(call.layer)
    if kind in (layers.Add, layers.Subtract, layers.Concatenate, layers.Maximum, layers.Minimum):
        return 1.0
    if kind is layers.Average:
        return 1.0 / len(call.inputs)
    if len(call.inputs) != 1:
        raise NoBound(kind.__name__)
    return _norm(call.layer)


def _norm(layer: Any) -> float:
    kind = type(layer)
    if kind is layers.Dense:
        return spectral_norm(layer.kernel.numpy()) * slope(layer.activation)
    if kind in LINEAR_CONVOLUTIONS:
        kernel = layer.kernel.numpy()
        if layer.groups != 1:
            raise NoBound(kind.__name__)
        matrix = kernel.reshape(-1, kernel.shape[-1])
        return spectral_norm(matrix) * sqrt(_windows_over(layer)) * slope(layer.activation)
    if kind is layers.BatchNormalization:
        scale = 1.0 / np.sqrt(layer.moving_variance.numpy().astype(np.float64) + layer.epsilon)
        return float(np.abs(scale * (layer.gamma.numpy() if layer.scale else 1.0)).max())
    if kind in WINDOWED_POOLINGS:
        return sqrt(_overlap(layer.pool_size, layer.strides))
    if kind in NO_FARTHER:
        return 1.0
    if kind is layers.Rescaling:
        return float(np.abs(np.asarray(layer.scale, np.float64)).max())
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


def _windows_over(layer: Any) -> int:
    """How many windows of a convolution read one value: as many as overlap; dilated, one for each tap at most."""
    dilated = any(rate != 1 for rate in layer.dilation_rate)
    return prod(layer.kernel_size) if dilated else _overlap(layer.kernel_size, layer.strides)


def _longest(kernel: NDArray[np.float64]) -> float:
    """The Euclidean norm of the weights of one unit, at most."""
    return float(np.linalg.norm(kernel, axis=0).max())


def _length(values: NDArray[np.float64]) -> float:
    return float(np.linalg.norm(values.ravel()))


def _overlap(window: Any, strides: Any) -> int:
    sizes = window if isinstance(window, tuple | list) else (window,)
    steps = strides if isinstance(strides, tuple | list) else (strides,) * len(sizes)
    return prod(ceil(size / step) for size, step in zip(sizes, steps, strict=True))
