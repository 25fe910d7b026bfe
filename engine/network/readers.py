"""Which kernels read the channels of a layer, and which of their inputs are which channel.

A channel that no single layer makes, such as that of a residual sum, has no weights of its own. It is silenced where it
is read: with the slices of all kernels that read it at zero, it has no part in anything that follows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
import tensorflow as tf
from keras import layers
from numpy.typing import NDArray

from bdtui.engine.network.graph import Call, Network
from bdtui.engine.network.kernel_slices import by_input, reading_kernel
from bdtui.engine.network.layer_kinds import INACTIVE, PASSED_THROUGH


@dataclass(frozen=True)
class Reader:
    """A layer whose kernel reads channels.

    Attributes:
        call: the layer's.
        channels: which channel each of its inputs belongs to, -1 for inputs that are none of the channels.
    """

    call: Call
    channels: tuple[int, ...]

    def forget(self, silenced: Collection[int]) -> None:
        """Set the slices of the kernel that read some channels to zero, in place."""
        kernel = reading_kernel(self.call.layer)
        weights = kernel.numpy().copy()
        slices = by_input(self.call.layer, weights)
        inputs = np.flatnonzero(np.isin(self.channels, list(silenced)))
        slices[np.divmod(inputs, slices.shape[1])] = 0
        kernel.assign(weights)

    def norms(self, channels: int) -> NDArray[np.float64]:
        """The L1 norm of the slices that read each channel, shape (channels,); exactly 0 where all are zero."""
        layer = self.call.layer
        slices = np.abs(by_input(layer, reading_kernel(layer).numpy()))
        of_inputs = slices.reshape(len(self.channels), -1).sum(axis=1, dtype=np.float64)
        norms = np.zeros(channels + 1)
        np.add.at(norms, np.add(self.channels, 1), of_inputs)
        return norms[1:]


def find_readers(network: Network, region: Sequence[Call], channels: int, axis: int) -> tuple[Reader, ...] | str:
    """The kernels that alone read some channels, or why there are none such.

    Between the channels and a kernel, layers may put values elsewhere (Flatten, Concatenate), and do nothing to them.

    Args:
        network: the whole.
        region: the calls whose outputs carry the channels, each by itself.
        channels: how many there are.
        axis: of the channels in the outputs of the region.
    """
    inside = {id(call) for call in region}
    carried = {tensor for call in region for tensor in call.outputs}
    way: list[Call] = []
    reading: list[Call] = []
    moved: set[int] = set()
    for call in network.calls:
        if id(call) in inside or not (carried | moved).intersection(call.inputs):
            continue
        if type(call.layer) in (*PASSED_THROUGH, layers.Concatenate):
            way.append(call)
            moved.update(call.outputs)
        elif len(call.inputs) == 1 and reading_kernel(call.layer) is not None:
            reading.append(call)
        else:
            return f"{type(call.layer).__name__} {call.name!r} reads its channels, and has no kernel to silence them in"
    if network.output in carried | moved:
        return "its channels are the classes"
    places = _Places(network, carried, channels, axis, way)
    uses = Counter(id(call.layer) for call in network.calls)
    found = []
    for call in reading:
        if uses[id(call.layer)] > 1:
            return f"{call.name!r} reads its channels and is used several times"
        inputs = places.of_inputs(call)
        if inputs is None:
            return f"{call.name!r} reads several of its channels as one input"
        found.append(Reader(call, inputs))
    return tuple(found) or "no weighted layer behind it reads its channels"


class _Places:
    """Where the channels lie in the tensors behind them: their numbers, from 1 on, go the way that the values go."""

    def __init__(
        self, network: Network, carried: Collection[int], channels: int, axis: int, way: Sequence[Call]
    ) -> None:
        told = {
            tensor: shape[1:]
            for call in network.calls
            for tensor, shape in zip(call.outputs, call.output_shapes, strict=True)
        }
        told[network.input] = network.input_shape
        # Two rows and columns where any number will do: of one alone, nobody could tell whether they are mixed.
        self._shapes = {tensor: (1, *(size or 2 for size in shape)) for tensor, shape in told.items()}
        self._carried, self._channels, self._axis = carried, channels, axis
        self._known: dict[int, tf.Tensor] = {}
        for call in way:
            # These may regularize or draw lots, but do nothing to integers that are to stay as they are.
            if type(call.layer) in INACTIVE:
                self._known[call.outputs[0]] = self._at(call.inputs[0])
            else:
                values = {tensor: self._at(tensor) for tensor in call.inputs}
                call.run(values)
                self._known[call.outputs[0]] = values[call.outputs[0]]

    def of_inputs(self, call: Call) -> tuple[int, ...] | None:
        """The channel of each input of a call's kernel, -1 for none; None where an input is several of them."""
        axis = 1 if getattr(call.layer, "data_format", None) == "channels_first" else -1
        numbers = np.moveaxis(np.asarray(self._at(call.inputs[0])), axis, -1)
        numbers = numbers.reshape(-1, numbers.shape[-1])
        return tuple((numbers[0] - 1).tolist()) if (numbers == numbers[0]).all() else None

    def _at(self, tensor: int) -> tf.Tensor:
        if tensor in self._known:
            return self._known[tensor]
        numbers = np.zeros(self._shapes[tensor], np.int32)
        if tensor in self._carried:
            np.moveaxis(numbers, self._axis, -1)[...] = np.arange(1, self._channels + 1)
        return tf.constant(numbers)
