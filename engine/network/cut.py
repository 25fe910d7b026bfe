"""The cut: the part of a network that runs once (front) and the part that runs for every mask (back).

The cut lies where the pruned channels mix for the first time. What crosses it is the frontier: the
tensors that carry the channels, and every other tensor the back reads, such as a residual that goes
around the cut. A silenced channel is put into its tensors as the value its zeroed weights would make, or as zero where
zeroed weights read it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from bdtui.engine.network.channels import ChannelSource, silence
from bdtui.engine.network.copies import clone_built_layer
from bdtui.engine.network.graph import Call, Network, run_calls

Array = NDArray[Any]

_HALF_PRECISION = ("float16", "bfloat16")


@dataclass(frozen=True)
class Cut:
    """A network cut for the channels of one layer.

    Attributes:
        network: the whole.
        source: the channels.
        front: calls that run once per image set, in running order.
        back: calls that run again when a channel goes.
        frontier: numbers of the tensors that the back reads; those that carry channels first.
        carriers: how many of them carry channels.
    """

    network: Network
    source: ChannelSource
    front: tuple[Call, ...]
    back: tuple[Call, ...]
    frontier: tuple[int, ...]
    carriers: int


def cut_network(network: Network, source: ChannelSource) -> Cut:
    """Cut a network behind the channels of ``source``."""
    region = {id(call) for call in source.region}
    carried = {tensor for call in source.region for tensor in call.outputs}
    behind = [call for call in network.downstream(carried) if id(call) not in region]
    back = network.upstream([network.output], among=behind)
    made = {tensor for call in back for tensor in call.outputs}
    read = sorted({tensor for call in back for tensor in call.inputs} - made)
    carriers = [tensor for tensor in read if tensor in carried]
    frontier = carriers + [tensor for tensor in read if tensor not in carried]
    front = network.upstream([*frontier, *source.profiled.outputs])
    return Cut(network, source, tuple(front), tuple(back), tuple(frontier), len(carriers))


def shapes_of(network: Network, tensors: Sequence[int], image_shape: tuple[int, ...]) -> list[tuple[int, ...]]:
    """The shapes of some tensors for one image, without the batch axis.

    Args:
        network: it runs on a black image where it does not tell the shapes itself: it takes images of any size.
        tensors: their numbers.
        image_shape: shape of one input image, without the batch axis.
    """
    told = {
        tensor: shape for call in network.calls for tensor, shape in zip(call.outputs, call.output_shapes, strict=True)
    }
    told[network.input] = (None, *image_shape)
    shapes = [tuple(size for size in told[tensor][1:] if size is not None) for tensor in tensors]
    if all(len(shape) == len(told[tensor]) - 1 for shape, tensor in zip(shapes, tensors, strict=True)):
        return shapes
    values: dict[int, Any] = {network.input: tf.zeros((1, *image_shape), network.input_dtype)}
    run_calls(network.upstream(tensors), values)
    return [tuple(values[tensor].shape[1:]) for tensor in tensors]


def dtypes_of(network: Network, tensors: Sequence[int]) -> list[str]:
    """The types of some tensors, by Keras' names."""
    told = {
        tensor: dtype for call in network.calls for tensor, dtype in zip(call.outputs, call.output_dtypes, strict=True)
    }
    told[network.input] = network.input_dtype
    return [told[tensor] for tensor in tensors]


def kept_dtypes_of(network: Network, tensors: Sequence[int]) -> list[str]:
    """The types in which the values of some tensors are kept: their own, but float32 for half precision, exactly."""
    return ["float32" if dtype in _HALF_PRECISION else dtype for dtype in dtypes_of(network, tensors)]


def silent_values(cut: Cut, image_shape: tuple[int, ...]) -> list[Array]:
    """What every carrier of the frontier holds when all its channels are silenced.

    It is computed by the very layers of the network with their weights zeroed, so that sigmoid's 0.5 or the edge
    of a zero padding come out as the saved model will have them. It does not depend on the image. For channels that are
    silenced where they are read it is zero: weights times zero are what zeroed weights make of any finite value.

    Args:
        cut: the cut network.
        image_shape: shape of one input image, without the batch axis.

    Returns:
        For every carrier an array of its shape without the batch axis, of the type in which its values are kept.
    """
    source, carriers = cut.source, cut.frontier[: cut.carriers]
    dtypes = kept_dtypes_of(cut.network, carriers)
    if source.readers:
        shapes = shapes_of(cut.network, carriers, image_shape)
        return [np.zeros(shape, dtype) for shape, dtype in zip(shapes, dtypes, strict=True)]
    silenced = source.with_layers({id(call.layer): clone_built_layer(call.layer) for call in source.made})
    silence(silenced, range(source.channels))
    read = [tensor for maker in source.makers for tensor in maker.inputs]
    shapes = shapes_of(cut.network, read, image_shape)
    types = dtypes_of(cut.network, read)
    values = {tensor: tf.zeros((1, *shape), dtype) for tensor, shape, dtype in zip(read, shapes, types, strict=True)}
    run_calls(silenced.made, values)
    return [np.asarray(values[tensor][0]).astype(dtype) for tensor, dtype in zip(carriers, dtypes, strict=True)]
