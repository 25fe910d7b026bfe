"""B′ without its pruned channels: smaller, where the graph allows it.

A pruned channel is zero everywhere, so that what reads it adds zeros. Where a layer makes the channels alone, and
kernels alone read them, the slices that make a pruned channel and those that read it can be left out. What follows is
computed of the same numbers, but for the order in which they are added up.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import keras
import numpy as np
from keras import layers
from numpy.typing import NDArray

from bdtui.engine.network.call_copies import NarrowLayer, UniqueNames, copy_calls
from bdtui.engine.network.channels import ChannelSource, check_channels, find_source
from bdtui.engine.network.cut import cut_network, silent_values
from bdtui.engine.network.graph import Call, Network, trace_network
from bdtui.engine.network.kernel_slices import making_kernel
from bdtui.engine.network.layer_kinds import DEPTHWISE, LINEAR_CONVOLUTIONS, SEPARABLE, TRANSPOSED
from bdtui.engine.network.readers import Reader, find_readers

_Kept = NDArray[np.intp]


class _Impossible(Exception):
    """The graph does not allow it; the message completes "the pruned channels stay, since …"."""


def compact_model(
    model: keras.Model, layer: str, channels: Collection[int], image_shape: tuple[int, ...]
) -> keras.Model | str:
    """A copy of a model without some channels of a layer; a nested model comes out as one flat one.

    Args:
        model: Functional or Sequential, untouched.
        layer: name of the layer whose channels are meant, e.g. ``pool_3``.
        channels: indices of the channels to leave out.
        image_shape: of one image, without the batch axis.

    Returns:
        The smaller model, or why there is none: half of a sentence.

    Raises:
        ModelError: the layer does not exist or cannot be pruned soundly, or a channel is out of range.
    """
    network = trace_network(model)
    narrow = narrow_layers(network, find_source(network, layer), channels, image_shape)
    if isinstance(narrow, str):
        return narrow
    names = UniqueNames()
    start = model.inputs[0]
    image = keras.Input(network.input_shape, dtype=network.input_dtype, name=names.take(start.name))
    values: dict[int, Any] = {network.input: image}
    copy_calls(network.upstream([network.output]), values, names, narrow=narrow)
    return keras.Model(image, values[network.output], name=model.name)


def narrow_layers(
    network: Network, source: ChannelSource, channels: Collection[int], image_shape: tuple[int, ...]
) -> dict[int, NarrowLayer] | str:
    """The layers that make some channels or read them, without these.

    Args:
        network: the whole.
        source: the channels in it.
        channels: indices of those to leave out.
        image_shape: of one image, without the batch axis.

    Returns:
        What has to take the place of a layer, by its ``id``; or why the graph does not allow it: half of a sentence.

    Raises:
        ModelError: a channel is out of range.
    """
    check_channels(source, channels)
    try:
        return _narrow_layers(network, source, channels, image_shape)
    except _Impossible as problem:
        return str(problem)


def _narrow_layers(
    network: Network, source: ChannelSource, channels: Collection[int], image_shape: tuple[int, ...]
) -> dict[int, NarrowLayer]:
    if source.readers or source.pieces:
        raise _Impossible(f"no layer makes the channels of {source.profiled.name!r} alone")
    readers = find_readers(network, source.region, source.channels, source.axis)
    if isinstance(readers, str):
        raise _Impossible(readers)
    _refuse_fixed_shapes(network, source, readers)
    if any(values.any() for values in silent_values(cut_network(network, source), image_shape)):
        raise _Impossible(f"a pruned channel of {source.profiled.name!r} is not 0, but what its activation makes of 0")
    kept = np.setdiff1d(np.arange(source.channels), list(channels))
    if not len(kept):
        raise _Impossible(f"all channels of {source.maker.name!r} are pruned, and a layer has at least one")
    maker, *behind = source.region
    return {
        id(maker.layer): _maker(maker, kept),
        **{id(call.layer): _with_channels(call, kept, source.axis) for call in behind},
        **{id(reader.call.layer): _reader(reader, channels) for reader in readers},
    }


def _refuse_fixed_shapes(network: Network, source: ChannelSource, readers: Sequence[Reader]) -> None:
    """Raise where a shape that counts the channels stands in a configuration."""
    exits = {tensor for call in source.region for tensor in call.outputs}
    way = network.upstream([tensor for reader in readers for tensor in reader.call.inputs], network.downstream(exits))
    for call in way:
        if isinstance(call.layer, layers.Reshape):
            raise _Impossible(f"Reshape {call.name!r} counts its channels")


def _maker(call: Call, kept: _Kept) -> NarrowLayer:
    layer = call.layer
    if type(layer) not in (layers.Dense, *LINEAR_CONVOLUTIONS, *TRANSPOSED, *SEPARABLE):
        raise _Impossible(f"{type(layer).__name__} {call.name!r} makes each of its channels of another")
    if getattr(layer, "groups", 1) > 1:
        raise _Impossible(f"{call.name!r} makes its channels in groups")
    kernel, axis = making_kernel(layer)
    cuts = {id(kernel): (axis, kept)}
    if layer.use_bias:
        cuts[id(layer.bias)] = (0, kept)
    return NarrowLayer(_cut(layer, cuts), {"units" if type(layer) is layers.Dense else "filters": len(kept)})


def _with_channels(call: Call, kept: _Kept, axis: int) -> NarrowLayer:
    """A layer that treats each channel by itself, for those that are kept."""
    layer = call.layer
    if isinstance(layer, layers.BatchNormalization):
        return NarrowLayer(_cut(layer, {id(weight): (0, kept) for weight in layer.weights}))
    if isinstance(layer, layers.PReLU):
        axis = axis if axis < 0 else axis - 1
        shared = layer.alpha.shape[axis] == 1
        return NarrowLayer(_cut(layer, {} if shared else {id(layer.alpha): (axis, kept)}))
    if [weight for weight in getattr(layer, "weights", ()) if "seed" not in weight.path]:
        raise _Impossible(f"{type(layer).__name__} {call.name!r} has weights for its channels")
    return NarrowLayer(_cut(layer, {}))


def _reader(reader: Reader, channels: Collection[int]) -> NarrowLayer:
    call, layer = reader.call, reader.call.layer
    if type(layer) in DEPTHWISE:
        raise _Impossible(
            f"{type(layer).__name__} {call.name!r} makes channels of each of them, which would have to go as well"
        )
    if getattr(layer, "groups", 1) > 1:
        raise _Impossible(f"{call.name!r} reads its channels in groups")
    kept = np.flatnonzero(~np.isin(reader.channels, list(channels)))
    if type(layer) in SEPARABLE:
        several = layer.depth_multiplier
        read = (kept[:, np.newaxis] * several + np.arange(several)).ravel()
        return NarrowLayer(
            _cut(layer, {id(layer.depthwise_kernel): (-2, kept), id(layer.pointwise_kernel): (-2, read)})
        )
    axis = 0 if type(layer) is layers.Dense else -1 if type(layer) in TRANSPOSED else -2
    return NarrowLayer(_cut(layer, {id(layer.kernel): (axis, kept)}))


def _cut(layer: Any, cuts: Mapping[int, tuple[int | None, _Kept]]) -> list[NDArray[Any]]:
    """The weights of a layer, of those in ``cuts`` only some slices along an axis."""

    def slices(weight: Any) -> NDArray[Any]:
        values = np.asarray(weight.numpy())
        if id(weight) not in cuts:
            return values
        axis, kept = cuts[id(weight)]
        return np.take(values, kept, axis)

    return [slices(weight) for weight in getattr(layer, "weights", ())]
