"""Which calls treat every channel by itself, so that a channel goes through them on its own."""

from __future__ import annotations

from typing import Any

import numpy as np
from keras import layers

from bdtui.engine.network.graph import Call, Network
from bdtui.engine.network.layer_kinds import ALONG_AXES, CHANNELWISE, ELEMENTWISE_ACTIVATIONS, WEIGHTED


def region_behind(network: Network, maker: Call, axis: int) -> tuple[Call, ...]:
    """The call that makes channels and all calls behind it that are reached, and left, channel by channel."""
    region = [maker]
    tensors = set(maker.outputs)
    for call in network.calls:
        if is_single_tensor(call) and call.inputs[0] in tensors and is_channelwise(call, axis):
            region.append(call)
            tensors.update(call.outputs)
    return tuple(region)


def channel_axis(network: Network, maker: Call) -> int:
    """Where the channels lie in what a call makes: where the nearest layer up to it that knows has them."""
    rank = len(maker.output_shapes[0])
    call: Call | None = maker
    while call is not None and rank > 2 and not isinstance(call.layer, layers.Dense):
        if hasattr(call.layer, "data_format") and len(call.output_shapes[0]) == rank:
            return 1 if call.layer.data_format == "channels_first" else -1
        call = network.maker(call.inputs[0]) if call.inputs else None
    return -1


def makers_side_by_side(network: Network, joining: Call, axis: int) -> list[tuple[Call, ...]] | None:
    """For each input of a Concatenate the calls from the weighted layer that makes it on.

    None where an input is made otherwise, or read by anything else: its channels are more than their part in the
    Concatenate.
    """
    pieces = [_piece(network, tensor, axis) for tensor in joining.inputs]
    made = [piece for piece in pieces if piece is not None]
    return made if len(made) == len(pieces) else None


def _piece(network: Network, tensor: int, axis: int) -> tuple[Call, ...] | None:
    """The calls from a weighted layer up to a tensor, where nothing else reads what they make."""
    call = network.maker(tensor)
    read_once = sum(other.inputs.count(tensor) for other in network.calls) == 1
    if call is None or not read_once or not is_single_tensor(call):
        return None
    if isinstance(call.layer, WEIGHTED):
        own = channel_axis(network, call) == axis and is_elementwise(getattr(call.layer, "activation", None))
        return (call,) if own else None
    before = _piece(network, call.inputs[0], axis) if is_channelwise(call, axis) else None
    return None if before is None else (*before, call)


def is_single_tensor(call: Call) -> bool:
    """Whether a call makes one tensor of one."""
    return len(call.inputs) == 1 and len(call.outputs) == 1


def may_be_channelwise(call: Call) -> bool:
    """Whether a call treats each channel by itself, if channels lie where it takes them to."""
    return isinstance(call.layer, (*CHANNELWISE, layers.Activation, layers.BatchNormalization))


def is_channelwise(call: Call, axis: int) -> bool:
    """Whether a call treats each channel by itself when channels lie on the given axis."""
    layer = call.layer
    if isinstance(layer, layers.Activation):
        return is_elementwise(layer.activation)
    if isinstance(layer, layers.BatchNormalization):
        rank = len(call.output_shapes[0])
        return bool(layer.axis % rank == axis % rank)
    if not isinstance(layer, CHANNELWISE):
        return False
    if isinstance(layer, ALONG_AXES):
        first = getattr(layer, "data_format", "channels_last") == "channels_first"
        return first == (axis == 1)
    return True


def is_elementwise(activation: Any) -> bool:
    """Whether an activation function makes each value of one value."""
    if activation is None or isinstance(activation, CHANNELWISE):
        return True
    if isinstance(activation, layers.Pipeline):
        # Keras 2's hard_sigmoid is one: a Rescaling and a ReLU.
        return all(is_elementwise(part) or _scales_all_alike(part) for part in activation.layers)
    return getattr(activation, "__name__", "") in ELEMENTWISE_ACTIVATIONS


def _scales_all_alike(layer: Any) -> bool:
    return isinstance(layer, layers.Rescaling) and np.ndim(layer.scale) == np.ndim(layer.offset) == 0
