"""Which weighted layer makes the channels of a layer, and how one of its channels is silenced.

Pruning here is what the paper calls pruning: the weights that make a channel become zero, the shape of
the network stays. A convolution's kernel slice and bias go to zero, and so do gamma and beta of every
BatchNormalization that sees the channel before channels mix; otherwise a constant would remain.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

import keras
import numpy as np
from keras import layers
from numpy.typing import NDArray

from bdtui.engine.errors import ModelError
from bdtui.engine.network.graph import Call, Network
from bdtui.engine.network.layer_kinds import (
    ALONG_AXES,
    CHANNELWISE,
    CONVOLUTIONS,
    ELEMENTWISE_ACTIVATIONS,
    POOLINGS,
    WEIGHTED,
)


@dataclass(frozen=True)
class ChannelSource:
    """A layer that can be profiled and pruned, found in a network.

    Attributes:
        profiled: call whose output is read.
        pruned: call of the weighted layer that makes the channels.
        region: calls, from ``pruned`` on, that treat each channel by itself, in running order.
        channels: how many channels there are.
        axis: the channel axis in every tensor of the region, batch axis counted: -1, or 1 for channels-first.
    """

    profiled: Call
    pruned: Call
    region: tuple[Call, ...]
    channels: int
    axis: int

    def with_layers(self, copies: Mapping[int, Any]) -> ChannelSource:
        """The same channels in copied layers, given by ``id`` of the originals."""
        region = tuple(replace(call, layer=copies[id(call.layer)]) for call in self.region)
        return replace(self, pruned=region[0], region=region)

    @property
    def normalisations(self) -> list[keras.Layer]:
        """The BatchNormalization layers that see the channels before they mix."""
        return [call.layer for call in self.region if isinstance(call.layer, layers.BatchNormalization)]


def find_source(network: Network, layer_name: str | None = None) -> ChannelSource:
    """Find the channels of a layer, or of the layer that is profiled by default.

    Args:
        network: the traced model.
        layer_name: a layer's name; ``outer/inner`` (or just ``inner`` where that is unambiguous) inside a nested
            model. None for the default: the deepest pooling layer fed by a convolution, else the last convolution,
            else (a network without convolutions) the last layer that can be pruned.

    Raises:
        ModelError: there is no such layer, or it cannot be pruned soundly. The message names those that can.
    """
    if layer_name is None:
        return _default_source(network)
    calls = [call for call in network.calls if call.name == layer_name]
    calls = calls or [call for call in network.calls if call.name.rsplit("/", 1)[-1] == layer_name]
    if not calls:
        raise ModelError(f"there is no layer {layer_name!r} in the model; {_prunable_sentence(network)}")
    found = _source_or_reason(network, calls)
    if isinstance(found, str):
        raise ModelError(f"layer {layer_name!r} cannot be pruned: {found}; {_prunable_sentence(network)}")
    return found


def prunable_sources(network: Network) -> list[ChannelSource]:
    """Every layer whose channels can be pruned soundly, in running order."""
    by_name: dict[str, list[Call]] = {}
    for call in network.calls:
        by_name.setdefault(call.name, []).append(call)
    found = (_source_or_reason(network, calls) for calls in by_name.values())
    return [source for source in found if isinstance(source, ChannelSource)]


def silence(source: ChannelSource, channels: Collection[int]) -> None:
    """Set the weights that make some channels to zero, in place.

    Args:
        source: channels of the network that is changed.
        channels: indices between 0 and ``source.channels - 1``.

    Raises:
        ModelError: a channel is out of range.

    References:
        K. Liu, B. Dolan-Gavitt, S. Garg, "Fine-Pruning: Defending Against Backdooring Attacks on Deep Neural
        Networks", RAID 2018.
    """
    index = check_channels(source, channels)
    for variable, axis in _channel_variables(source):
        weights = variable.numpy().copy()
        _slices(weights, axis, source.channels)[index] = 0
        variable.assign(weights)


def check_channels(source: ChannelSource, channels: Collection[int]) -> NDArray[np.int64]:
    """The channels as a sorted array of indices.

    Raises:
        ModelError: one is out of range.
    """
    outside = [channel for channel in channels if not 0 <= channel < source.channels]
    if outside:
        raise ModelError(
            f"layer {source.profiled.name!r} has no channel {outside[0]}; expected 0 to {source.channels - 1}"
        )
    return np.asarray(sorted(channels), dtype=np.int64)


def silent_channels(source: ChannelSource) -> NDArray[np.bool_]:
    """Tell which channels have nothing but zeros in the weights that make them, shape (channels,)."""
    silent = np.ones(source.channels, bool)
    for variable, axis in _channel_variables(source):
        slices = _slices(variable.numpy(), axis, source.channels)
        silent &= ~slices.reshape(source.channels, -1).any(axis=1)
    return silent


def weight_norms(source: ChannelSource) -> NDArray[np.float64]:
    """The L1 norm of the kernel that makes each channel, shape (channels,)."""
    kernel, axis = _kernel(source.pruned.layer)
    slices = _slices(kernel.numpy().astype(np.float64), axis, source.channels)
    norms: NDArray[np.float64] = np.abs(slices).reshape(source.channels, -1).sum(axis=1)
    return norms


def _slices(weights: NDArray[Any], axis: int | None, channels: int) -> NDArray[Any]:
    """A view of an array in which the first axis runs over the channels.

    An ``axis`` of None stands for a depthwise kernel, whose two last axes together number the channels.
    """
    if axis is None:
        view = weights.reshape(*weights.shape[:-2], channels)
        axis = -1
    else:
        view = weights
    return np.moveaxis(view, axis, 0)


def _kernel(layer: keras.Layer) -> tuple[Any, int | None]:
    """The variable whose slices make the channels, and its channel axis."""
    if isinstance(layer, layers.DepthwiseConv1D | layers.DepthwiseConv2D):
        return layer.kernel, None
    if isinstance(layer, layers.SeparableConv1D | layers.SeparableConv2D):
        return layer.pointwise_kernel, -1
    if isinstance(layer, layers.Conv1DTranspose | layers.Conv2DTranspose | layers.Conv3DTranspose):
        return layer.kernel, -2
    return layer.kernel, -1


def _channel_variables(source: ChannelSource) -> list[tuple[Any, int | None]]:
    """The variables whose slices have to be zero for a channel to be silent, each with its channel axis."""
    layer = source.pruned.layer
    variables = [_kernel(layer)]
    if layer.use_bias:
        variables.append((layer.bias, 0))
    for normalisation in source.normalisations:
        # Without a gamma to take away the incoming value, the mean is what is subtracted from silence.
        first = normalisation.gamma if normalisation.scale else normalisation.moving_mean
        variables.append((first, 0))
        if normalisation.center:
            variables.append((normalisation.beta, 0))
    return variables


def _default_source(network: Network) -> ChannelSource:
    sources = prunable_sources(network)
    if not sources:
        raise ModelError("no layer of the model can be pruned: expected a convolution or Dense layer before the last")
    convolutional = [source for source in sources if isinstance(source.pruned.layer, CONVOLUTIONS)]
    pooled = [source for source in convolutional if isinstance(source.profiled.layer, POOLINGS)]
    if not pooled:
        convolutional = [source for source in convolutional if source.profiled is source.pruned] or convolutional
    depth = _depths(network)
    # max() keeps the first of equals; the later of two equally deep layers is the one nearer the output.
    return max(reversed(pooled or convolutional or sources), key=lambda source: depth[source.profiled.name])


def _depths(network: Network) -> dict[str, int]:
    """For every call's name, the length of the longest way from the input to it."""
    at_tensor = {network.input: 0}
    at_call = {}
    for call in network.calls:
        depth = 1 + max((at_tensor[tensor] for tensor in call.inputs), default=0)
        at_call[call.name] = depth
        at_tensor.update((tensor, depth) for tensor in call.outputs)
    return at_call


def _prunable_sentence(network: Network) -> str:
    names = [source.profiled.name for source in prunable_sources(network)]
    return f"layers that can be pruned: {', '.join(names)}" if names else "no layer of the model can be pruned"


def _source_or_reason(network: Network, calls: list[Call]) -> ChannelSource | str:
    """The channels that a layer shows, or why they cannot be pruned."""
    if len(calls) > 1:
        return f"it is used {len(calls)} times, so its channels mean something else each time"
    profiled = calls[0]
    pruned = profiled
    while not isinstance(pruned.layer, WEIGHTED):
        if not _is_single_tensor(pruned) or not _may_be_channelwise(pruned):
            return f"{_kind(pruned)} {pruned.name!r} mixes channels or has none of its own"
        maker = network.maker(pruned.inputs[0])
        if maker is None:
            return "no weighted layer stands before it"
        pruned = maker
    rank = len(pruned.output_shapes[0])
    axis = 1 if getattr(pruned.layer, "data_format", None) == "channels_first" and rank > 2 else -1
    if not _is_elementwise(getattr(pruned.layer, "activation", None)):
        return f"the activation of {pruned.name!r} mixes its channels"
    channels = pruned.output_shapes[0][axis]
    if channels is None:
        return f"{pruned.name!r} has no fixed number of channels"
    region = _region(network, pruned, axis)
    source = ChannelSource(profiled, pruned, tuple(region), channels, axis)
    if profiled not in region:
        return f"the channels of {pruned.name!r} do not reach it one by one"
    return _unsound(network, source) or source


def _unsound(network: Network, source: ChannelSource) -> str | None:
    """Why zeroing the source's weights would not do what pruning promises, or None."""
    for call in source.region:
        uses = sum(other.layer is call.layer for other in network.calls)
        if uses > 1 and call.layer.weights:
            return f"{_kind(call)} {call.name!r} is shared: it is used {uses} times"
    if any(network.output in call.outputs for call in source.region):
        return "its channels are the classes"
    exits = {tensor for call in source.region for tensor in call.outputs}
    behind = [call for call in network.downstream(exits) if call not in source.region]
    behind = network.upstream([network.output], among=behind)
    if not any(network.output in call.outputs for call in behind):
        return "nothing behind it leads to the output"
    if not any(getattr(weight, "path", "").endswith("kernel") for call in behind for weight in _weights(call)):
        return "no weighted layer behind it reads its channels"
    return None


def _weights(call: Call) -> list[Any]:
    return list(getattr(call.layer, "weights", ()))


def _region(network: Network, pruned: Call, axis: int) -> list[Call]:
    """The weighted call and all calls behind it that are reached, and left, channel by channel."""
    region = [pruned]
    tensors = set(pruned.outputs)
    for call in network.calls:
        if _is_single_tensor(call) and call.inputs[0] in tensors and _is_channelwise(call, axis):
            region.append(call)
            tensors.update(call.outputs)
    return region


def _is_single_tensor(call: Call) -> bool:
    return len(call.inputs) == 1 and len(call.outputs) == 1


def _may_be_channelwise(call: Call) -> bool:
    return isinstance(call.layer, (*CHANNELWISE, layers.Activation, layers.BatchNormalization))


def _is_channelwise(call: Call, axis: int) -> bool:
    """Whether a call treats each channel by itself when channels lie on the given axis."""
    layer = call.layer
    if isinstance(layer, layers.Activation):
        return _is_elementwise(layer.activation)
    if isinstance(layer, layers.BatchNormalization):
        rank = len(call.output_shapes[0])
        return bool(layer.axis % rank == axis % rank)
    if not isinstance(layer, CHANNELWISE):
        return False
    if isinstance(layer, ALONG_AXES):
        first = getattr(layer, "data_format", "channels_last") == "channels_first"
        return first == (axis == 1)
    return True


def _is_elementwise(activation: Any) -> bool:
    if activation is None or isinstance(activation, CHANNELWISE):
        return True
    if isinstance(activation, layers.Pipeline):
        # Keras 2's hard_sigmoid is one: a Rescaling and a ReLU.
        return all(_is_elementwise(part) or _scales_all_alike(part) for part in activation.layers)
    return getattr(activation, "__name__", "") in ELEMENTWISE_ACTIVATIONS


def _scales_all_alike(layer: Any) -> bool:
    return isinstance(layer, layers.Rescaling) and np.ndim(layer.scale) == np.ndim(layer.offset) == 0


def _kind(call: Call) -> str:
    return type(call.layer).__name__
