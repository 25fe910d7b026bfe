"""Which layer is pruned when nobody says: the feature map before the classifier, where a backdoor lives."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from keras import layers

from bdtui.engine.errors import ModelError
from bdtui.engine.network.graph import Network
from bdtui.engine.network.layer_kinds import (
    ATTENTIONS,
    CONVOLUTIONS,
    EDGES,
    INACTIVE,
    NORMALISATIONS_OVER_CHANNELS,
    POOLINGS,
)
from bdtui.engine.network.readers import find_readers

if TYPE_CHECKING:
    from bdtui.engine.network.channels import ChannelSource


def default_source(network: Network, sources: Sequence[ChannelSource]) -> ChannelSource:
    """Choose among all sources of a network, given in running order.

    - In a network with attention, the deepest hidden units: a Dense layer that only kernels read.
    - Else the deepest pooling layer of feature maps, or the normalisation over the channels that follows it.
    - Where a sum or concatenation of feature maps comes later, as in a residual network that ends in Flatten, the
      deepest feature map.
    - Without pooling the last convolution, and without convolutions the last layer that can be pruned.

    Raises:
        ModelError: there is no source.
    """
    if not sources:
        raise ModelError("no layer of the model can be pruned: expected a convolution or Dense layer before the last")
    depth = _depths(network)

    def deepest(found: Iterable[ChannelSource]) -> ChannelSource:
        # max() keeps the first of equals; the later of two equally deep layers is the one nearer the output.
        return max(reversed(list(found)), key=lambda source: depth[source.profiled.name])

    if any(isinstance(call.layer, ATTENTIONS) for call in network.calls):
        units = [source for source in sources if _are_units(network, source)]
        if units:
            return deepest(units)
    maps = [source for source in sources if _are_feature_maps(network, source)]
    pooled = [source for source in maps if _is_pooled(network, source)]
    joined = [source for source in maps if source.readers and len(source.profiled.output_shapes[0]) > 2]
    last = [source for source in maps if not isinstance(source.profiled.layer, (*INACTIVE, *EDGES))]
    if joined and not (pooled and depth[deepest(pooled).profiled.name] > depth[deepest(joined).profiled.name]):
        return deepest(last)
    if pooled:
        return deepest(pooled)
    return deepest([source for source in maps if source.profiled is source.maker] or maps or sources)


def _are_units(network: Network, source: ChannelSource) -> bool:
    """Whether channels are the units of a Dense layer that only kernels read: nothing goes around them."""
    if not isinstance(source.maker.layer, layers.Dense) or isinstance(source.profiled.layer, INACTIVE):
        return False
    return not isinstance(find_readers(network, source.region, source.channels, source.axis), str)


def _are_feature_maps(network: Network, source: ChannelSource) -> bool:
    if not source.readers:
        return isinstance(source.maker.layer, CONVOLUTIONS)
    if len(source.profiled.output_shapes[0]) == 2 and not _is_pooled(network, source):
        return False
    return any(isinstance(call.layer, CONVOLUTIONS) for call in network.upstream(source.maker.outputs))


def _is_pooled(network: Network, source: ChannelSource) -> bool:
    if isinstance(source.profiled.layer, POOLINGS):
        return True
    before = network.maker(source.profiled.inputs[0])
    normalised = isinstance(source.profiled.layer, NORMALISATIONS_OVER_CHANNELS)
    return normalised and before is not None and isinstance(before.layer, POOLINGS)


def _depths(network: Network) -> dict[str, int]:
    """For every call's name, the length of the longest way from the input to it."""
    at_tensor = {network.input: 0}
    at_call = {}
    for call in network.calls:
        depth = 1 + max((at_tensor[tensor] for tensor in call.inputs), default=0)
        at_call[call.name] = depth
        at_tensor.update((tensor, depth) for tensor in call.outputs)
    return at_call
