"""What follows the sums behind the cut, computed for a few hundred images at a time by one thread.

At that size the values of a layer stay in a core's cache, and numpy, called from several threads, is twice as quick as
TensorFlow. What numpy has no short word for is left to TensorFlow, layer by layer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from math import prod
from typing import Any

import numpy as np
import tensorflow as tf
from keras import layers
from numpy.typing import NDArray

from bdtui.engine.incremental.error_bounds import ROUNDING, Rounding, rounding_of, slope
from bdtui.engine.machine.batches import padded
from bdtui.engine.network.cut import Array
from bdtui.engine.network.graph import Call, Network
from bdtui.engine.network.layer_kinds import INACTIVE

_MOST_AWAKE = 0.8
"""Share of a layer's inputs past which the plain product is quicker than picking out those that are not zero."""
_FEWEST_INPUTS = 32

_Function = Callable[[list[Array]], Array]


@dataclass(frozen=True)
class _Step:
    """One call, and what it does to the last bits.

    Attributes:
        call: reads and makes tensors by number.
        function: makes the call's output of its inputs.
        rounding: how it rounds; None where it does not.
        gain: how far two scores move apart for each 1 by which that moves what is made, before an activation function.
    """

    call: Call
    function: _Function
    rounding: Rounding | None
    gain: float


class Tail:
    """The last calls of a network.

    Args:
        network: the whole.
        calls: its last calls, in running order. Their weights must not change as long as this is used.
        made: shapes (units, …) of one image's tensors that the calls read from outside, by number.
        gains: how far two scores move apart for each 1 by which a tensor moves, by number; see `score_gains`.
    """

    def __init__(
        self,
        network: Network,
        calls: Sequence[Call],
        made: Mapping[int, tuple[int | None, ...]],
        gains: dict[int, float],
    ) -> None:
        self._output = network.output
        shapes = dict(made)
        self._steps = []
        for call in calls:
            last = network.output in call.outputs
            function = _function_of(call, [shapes[read] for read in call.inputs], last)
            rounding = None if function is _first else rounding_of(call, network.output)
            gain = gains.get(call.outputs[0], 0.0)
            if rounding is not None and hasattr(call.layer, "kernel"):
                gain *= slope(call.layer.activation)
            self._steps.append(_Step(call, function, rounding, gain))
            shapes[call.outputs[0]] = units_of(call)

    def scores(self, values: dict[int, Array]) -> tuple[Array, NDArray[np.float64]]:
        """The scores (rows, N) of some images; where the network ends in a softmax, what goes into it.

        Args:
            values: of the tensors that the calls read from outside, by number; more are put in.

        Returns:
            The scores, and for every image how far two of them may lie farther apart for a library that adds up in
            another order, (rows,).
        """
        rounded = np.zeros(len(next(iter(values.values()))))
        for step in self._steps:
            read = [values[tensor] for tensor in step.call.inputs]
            if (rounding := step.rounding) is not None:
                size = rounding.weight * sum(map(lengths, read)) + rounding.bias
                # Once here, and once where somebody computes it in another order.
                rounded += 2 * step.gain * rounding.roundings * ROUNDING * size
            values[step.call.outputs[0]] = step.function(read)
        return values[self._output], rounded


def lengths(values: Array) -> NDArray[np.float64]:
    """For values (rows, …) the Euclidean norm of each row, a little too large."""
    flat = values.reshape(len(values), -1)
    squares: NDArray[np.float64] = np.vecdot(flat, flat).astype(np.float64)
    return 1.001 * np.sqrt(squares)


def best_two(scores: Array) -> tuple[Array, Array, NDArray[np.int64]]:
    """The best and the second best of scores (rows, N), and the number of the best, of equals the first.

    Scores that nobody else looks at are spoiled on the way.
    """
    if not (scores.flags.owndata and scores.flags.writeable):
        scores = scores.copy()
    rows, classes = np.arange(len(scores)), scores.argmax(axis=1)
    best = scores[rows, classes]
    scores[rows, classes] = -np.inf
    return best, scores.max(axis=1), classes


def units_of(call: Call) -> tuple[int | None, ...]:
    """The shape of what a call makes of one image, None where it is not known."""
    return call.output_shapes[0][1:]


def multiplications(call: Call) -> int:
    """About how many multiplications a call takes for one image."""
    units = [size or 1 for size in units_of(call)]
    kernel = getattr(call.layer, "kernel", None)
    return prod(units) if kernel is None else prod(kernel.shape) * prod(units[:-1])


def is_softmax(activation: Any) -> bool:
    """Whether an activation function is the softmax."""
    return getattr(activation, "__name__", "") == "softmax"


def ends_in_softmax(call: Call) -> bool:
    """Whether a call makes scores of which a softmax is the last that becomes of them."""
    layer = call.layer
    if type(layer) is layers.Softmax:
        return layer.axis in (-1, 1) and len(call.output_shapes[0]) == 2
    return type(layer) in (layers.Dense, layers.Activation) and is_softmax(layer.activation)


def activated(activation: Any, shape: Sequence[int | None]) -> Callable[[Array], Array]:
    """An activation function for values (rows, *shape)."""
    name = "linear" if activation is None else getattr(activation, "__name__", "")
    if name == "linear":
        return _itself
    if name == "relu":
        return partial(np.maximum, np.float32(0))
    by_tensorflow = _by_tensorflow(lambda values: activation(values[0]), [shape])
    return lambda values: by_tensorflow([values])


def product_of_awake(values: Array, matrix: Array) -> Array:
    """The matrix product, without the inputs that are zero for all images.

    Behind a ReLU most are, and the more channels are silent, the more of its units are zero.

    Args:
        values: shape (images, inputs).
        matrix: finite, shape (inputs, units).
    """
    if len(matrix) < _FEWEST_INPUTS:
        return values @ matrix
    # The bits of all images together: what is not a number is not zero, either.
    awake = np.flatnonzero(np.bitwise_or.reduce(values.view(np.int32), axis=0))
    if len(awake) > _MOST_AWAKE * len(matrix):
        return values @ matrix
    return values.take(awake, axis=1) @ matrix.take(awake, axis=0)


def _function_of(call: Call, shapes: list[tuple[int | None, ...]], last: bool) -> _Function:
    layer, kind = call.layer, type(call.layer)
    scores = last and ends_in_softmax(call)
    if kind in INACTIVE or (scores and kind is not layers.Dense):
        return _first
    if kind is layers.Dense and len(shapes[0]) == 1 and not getattr(layer, "quantization_mode", None):
        return _dense(layer, _itself if scores else activated(layer.activation, units_of(call)))
    if kind is layers.Flatten and layer.data_format == "channels_last":
        return _flat
    if kind is layers.Add and len(set(shapes)) == 1:
        return _sum
    if kind is layers.ReLU and layer.max_value is None and not layer.negative_slope and not layer.threshold:
        return _only(activated(tf.nn.relu, shapes[0]))
    if kind is layers.Activation:
        return _only(activated(layer.activation, shapes[0]))
    return _by_tensorflow(partial(_run, call), shapes)


def _dense(layer: layers.Dense, activation: Callable[[Array], Array]) -> _Function:
    kernel = layer.kernel.numpy()
    bias = layer.bias.numpy() if layer.use_bias else None

    def apply(values: list[Array]) -> Array:
        made = product_of_awake(values[0], kernel)
        if bias is not None:
            made += bias
        return activation(made)

    return apply


def _by_tensorflow(run: Callable[[list[Any]], Any], shapes: Sequence[Sequence[int | None]]) -> _Function:
    # Traced now and here: Keras keeps state by thread, and these are called from several.
    like = [tf.TensorSpec((None, *shape), tf.float32) for shape in shapes]
    function = tf.function(run, autograph=False).get_concrete_function(like)

    def apply(values: list[Array]) -> Array:
        made: Array = function([padded(value) for value in values]).numpy()
        return made[: len(values[0])]

    return apply


def _run(call: Call, values: list[Any]) -> Any:
    held = dict(zip(call.inputs, values, strict=True))
    call.run(held)
    return held[call.outputs[0]]


def _only(function: Callable[[Array], Array]) -> _Function:
    return lambda values: function(values[0])


def _itself(values: Array) -> Array:
    return values


def _first(values: list[Array]) -> Array:
    return values[0]


def _flat(values: list[Array]) -> Array:
    return values[0].reshape(len(values[0]), -1)


def _sum(values: list[Array]) -> Array:
    total = values[0] + values[1]
    for value in values[2:]:
        total += value
    return total
