"""Which weights make the channels of a layer, or read them, and how one of its channels is silenced.

Pruning here is what the paper calls pruning: the weights that make a channel become zero, the shape of
the network stays. A convolution's kernel slice and bias go to zero, and so do gamma and beta of every
BatchNormalization that sees the channel before channels mix; otherwise a constant would remain.

A channel that several layers make, as behind a residual sum, is silenced where it is read instead: the slices of every
kernel that reads it become zero, and what it holds has no part in anything that follows.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Any

import keras
import numpy as np
from keras import layers
from numpy.typing import NDArray

from bdtui.engine.errors import ModelError
from bdtui.engine.machine.quoted_text import quoted
from bdtui.engine.network.default_layer import default_source
from bdtui.engine.network.graph import Call, Network
from bdtui.engine.network.kernel_slices import by_channel, has_plain_kernel, making_kernel
from bdtui.engine.network.layer_kinds import (
    JOINING,
    JOINING_OPERATIONS,
    WEIGHTED,
)
from bdtui.engine.network.readers import Reader, find_readers
from bdtui.engine.network.region import (
    channel_axis,
    is_elementwise,
    is_single_tensor,
    makers_side_by_side,
    may_be_channelwise,
    region_behind,
)

_MOST_NAMED, _LONGEST_COMPARED = 5, 200
"""Layers in an error; characters of a name in which the closest are sought."""


@dataclass(frozen=True)
class ChannelSource:
    """A layer that can be profiled and pruned, found in a network.

    Attributes:
        profiled: call whose output is read.
        maker: call in whose output the channels first are: a weighted layer, or what joins several (Add, Concatenate).
        region: calls, from ``maker`` on, that treat each channel by itself, in running order.
        channels: how many channels there are.
        axis: the channel axis in every tensor of the region, batch axis counted: -1, or 1 for channels-first.
        readers: the kernels in which a channel is silenced; none where it is silenced in the weights that make it.
        pieces: where ``maker`` puts the channels of several weighted layers side by side, for each of these the calls
            from it on; in the order of their channels.
    """

    profiled: Call
    maker: Call
    region: tuple[Call, ...]
    channels: int
    axis: int
    readers: tuple[Reader, ...] = ()
    pieces: tuple[tuple[Call, ...], ...] = ()

    @property
    def made(self) -> tuple[Call, ...]:
        """The calls through which the channels go one by one, from those that make them on."""
        return tuple(call for piece in self.pieces for call in piece) + self.region

    @property
    def makers(self) -> tuple[Call, ...]:
        """The calls that make the channels."""
        return tuple(piece[0] for piece in self.pieces) or (self.maker,)

    @property
    def changed(self) -> tuple[Call, ...]:
        """The calls of the layers whose weights are zeroed, among others that have none to zero."""
        return tuple(reader.call for reader in self.readers) or self.made

    @property
    def pruned(self) -> str:
        """The name of the layer that is pruned; where several make the channels, or read them, the names of these."""
        return ", ".join(call.name for call in [reader.call for reader in self.readers] or self.makers)

    def with_layers(self, copies: Mapping[int, Any]) -> ChannelSource:
        """The same channels in copied layers, given by ``id`` of the originals among those that are `changed`."""

        def copied(call: Call) -> Call:
            return replace(call, layer=copies[id(call.layer)])

        if self.readers:
            return replace(self, readers=tuple(replace(each, call=copied(each.call)) for each in self.readers))
        region = tuple(map(copied, self.region))
        pieces = tuple(tuple(map(copied, piece)) for piece in self.pieces)
        return replace(self, maker=region[0], region=region, pieces=pieces)


def find_source(
    network: Network, layer_name: str | None = None, sources: Sequence[ChannelSource] | None = None
) -> ChannelSource:
    """Find the channels of a layer, or of the layer that is profiled by default.

    Args:
        network: the traced model.
        layer_name: a layer's name; ``outer/inner`` (or just ``inner`` where that is unambiguous) inside a nested
            model. None for the default; see `bdtui.engine.network.default_layer`.
        sources: all of the network, where they are known (`prunable_sources`).

    Raises:
        ModelError: there is no such layer, or it cannot be pruned soundly. The message names those that can.
    """
    if layer_name is None:
        return default_source(network, prunable_sources(network) if sources is None else sources)
    calls = [call for call in network.calls if call.name == layer_name]
    calls = calls or [call for call in network.calls if call.name.rsplit("/", 1)[-1] == layer_name]
    if not calls:
        raise ModelError(
            f"there is no layer {quoted(layer_name)} in the model; {_prunable_sentence(network, layer_name)}"
        )
    found = _Finder(network).source_or_reason(calls)
    if isinstance(found, str):
        raise ModelError(
            f"layer {quoted(layer_name)} cannot be pruned: {found}; {_prunable_sentence(network, layer_name)}"
        )
    return found


def prunable_sources(network: Network) -> list[ChannelSource]:
    """Every layer whose channels can be pruned soundly, in running order."""
    by_name: dict[str, list[Call]] = {}
    for call in network.calls:
        by_name.setdefault(call.name, []).append(call)
    finder = _Finder(network)
    found = (finder.source_or_reason(calls) for calls in by_name.values())
    return [source for source in found if isinstance(source, ChannelSource)]


def silence(source: ChannelSource, channels: Collection[int]) -> None:
    """Set the weights that make, or read, some channels to zero, in place.

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
    for reader in source.readers:
        reader.forget(index)
    for each in _channel_variables(source):
        weights = each.variable.numpy().copy()
        own = index[(index >= each.first) & (index < each.first + each.channels)] - each.first
        by_channel(weights, each.axis, each.channels)[own] = 0
        each.variable.assign(weights)


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
    """Tell which channels have nothing but zeros in the weights that make, or read, them, shape (channels,)."""
    if source.readers:
        silent: NDArray[np.bool_] = _reading_norms(source) == 0
        return silent
    silent = np.ones(source.channels, bool)
    for each in _channel_variables(source):
        slices = by_channel(each.variable.numpy(), each.axis, each.channels)
        silent[each.first : each.first + each.channels] &= ~slices.reshape(each.channels, -1).any(axis=1)
    return silent


def weight_norms(source: ChannelSource) -> NDArray[np.float64]:
    """The L1 norm of the kernel that makes each channel, or of all that read it, shape (channels,)."""
    if source.readers:
        return _reading_norms(source)
    norms = []
    for maker in source.makers:
        kernel, axis = making_kernel(maker.layer)
        channels = maker.output_shapes[0][source.axis] or 0
        slices = by_channel(kernel.numpy().astype(np.float64), axis, channels)
        norms.append(np.abs(slices).reshape(channels, -1).sum(axis=1))
    return np.concatenate(norms)


def _reading_norms(source: ChannelSource) -> NDArray[np.float64]:
    norms = np.zeros(source.channels)
    for reader in source.readers:
        norms += reader.norms(source.channels)
    return norms


@dataclass(frozen=True)
class _ChannelVariable:
    """A variable whose slices along ``axis`` belong to so many channels, from the ``first`` on."""

    variable: Any
    axis: int | None
    first: int
    channels: int


def _channel_variables(source: ChannelSource) -> list[_ChannelVariable]:
    """The variables that make the channels, whose slices have to be zero for one to be silent."""
    if source.readers:
        return []
    found = []
    first = 0
    for piece in source.pieces:
        channels = piece[0].output_shapes[0][source.axis] or 0
        found += [_ChannelVariable(*each, first, channels) for call in piece for each in _variables(call.layer)]
        first += channels
    found += [_ChannelVariable(*each, 0, source.channels) for call in source.region for each in _variables(call.layer)]
    return found


def _variables(layer: keras.Layer) -> list[tuple[Any, int | None]]:
    """What a layer makes or keeps a channel of, each with the channel axis."""
    if isinstance(layer, WEIGHTED):
        return [making_kernel(layer), *([(layer.bias, 0)] if layer.use_bias else [])]
    if isinstance(layer, layers.BatchNormalization):
        # Without a gamma to take away the incoming value, the mean is what is subtracted from silence.
        kept = layer.gamma if layer.scale else layer.moving_mean
        return [(kept, 0), *([(layer.beta, 0)] if layer.center else [])]
    return []


def _prunable_sentence(network: Network, wanted: str) -> str:
    """Which layers can be pruned; of many, those whose names are closest to the one wanted, or else the last."""
    names = [source.profiled.name for source in prunable_sources(network)]
    if not names:
        return "no layer of the model can be pruned"
    if len(names) <= _MOST_NAMED:
        return f"layers that can be pruned: {', '.join(names)}"
    close = get_close_matches(wanted[:_LONGEST_COMPARED], names, _MOST_NAMED)
    which = "closest" if close else "last"
    return f"{len(names):,} layers can be pruned, the {which} of them: {', '.join(close or names[-_MOST_NAMED:])}"


class _Finder:
    """Finds the channels that layers of a network show; layers behind the same makers are looked into once."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self._regions: dict[int, ChannelSource | str] = {}
        self._sources: dict[int, ChannelSource | str] = {}

    def source_or_reason(self, calls: list[Call]) -> ChannelSource | str:
        """The channels that a layer shows, or why they cannot be pruned."""
        if len(calls) > 1:
            return f"it is used {len(calls)} times, so its channels mean something else each time"
        profiled = calls[0]
        maker = self._maker(profiled)
        if isinstance(maker, str):
            return maker
        found = self._known(self._regions, maker, self._region)
        if isinstance(found, str):
            return found
        if profiled not in found.region:
            return f"the channels of {maker.name!r} do not reach it one by one"
        source = self._known(self._sources, maker, lambda maker: self._silenced(found))
        return source if isinstance(source, str) else replace(source, profiled=profiled)

    def _known(
        self, known: dict[int, ChannelSource | str], maker: Call, find: Callable[[Call], ChannelSource | str]
    ) -> ChannelSource | str:
        if id(maker) not in known:
            known[id(maker)] = find(maker)
        return known[id(maker)]

    def _maker(self, call: Call) -> Call | str:
        while not isinstance(call.layer, WEIGHTED) and not _joins(call):
            if not is_single_tensor(call) or not may_be_channelwise(call):
                return f"{_kind(call)} {call.name!r} mixes channels or has none of its own"
            before = self._network.maker(call.inputs[0])
            if before is None:
                return "no weighted layer stands before it"
            call = before
        return call

    def _region(self, maker: Call) -> ChannelSource | str:
        """The channels of a maker, without how they are silenced."""
        axis = channel_axis(self._network, maker)
        if not is_elementwise(getattr(maker.layer, "activation", None)):
            return f"the activation of {maker.name!r} mixes its channels"
        channels = maker.output_shapes[0][axis]
        if channels is None:
            return f"{maker.name!r} has no fixed number of channels"
        return ChannelSource(maker, maker, region_behind(self._network, maker, axis), channels, axis)

    def _silenced(self, source: ChannelSource) -> ChannelSource | str:
        """The same channels with how they are silenced, or why they cannot be."""
        network, maker, axis = self._network, source.maker, source.axis
        if not _joins(maker):
            return _unsound(network, source) or source
        if not _joins_channels(maker, axis):
            return f"{_kind(maker)} {maker.name!r} mixes channels or has none of its own"
        readers = find_readers(network, source.region, source.channels, axis)
        if not isinstance(readers, str):
            return replace(source, readers=readers)
        pieces = makers_side_by_side(network, maker, axis) if isinstance(maker.layer, layers.Concatenate) else None
        side_by_side = replace(source, pieces=tuple(pieces or ()))
        return side_by_side if pieces and not _unsound(network, side_by_side) else readers


def _joins(call: Call) -> bool:
    """Whether a call makes channels that no kernel of its own makes one by one."""
    if len(call.outputs) != 1 or len(call.output_shapes[0]) < 2:
        return False
    operation = not isinstance(call.layer, keras.Layer) and _kind(call) in JOINING_OPERATIONS
    return operation or isinstance(call.layer, (*JOINING, layers.Concatenate))


def _joins_channels(call: Call, axis: int) -> bool:
    """Whether channels along an axis are what it joins: a Concatenate may put images side by side."""
    rank = len(call.output_shapes[0])
    return not isinstance(call.layer, layers.Concatenate) or bool(call.layer.axis % rank == axis % rank)


def _unsound(network: Network, source: ChannelSource) -> str | None:
    """Why zeroing the source's weights would not do what pruning promises, or None."""
    for call in source.made:
        uses = sum(other.layer is call.layer for other in network.calls)
        if uses > 1 and call.layer.weights:
            return f"{_kind(call)} {call.name!r} is shared: it is used {uses} times"
        if not has_plain_kernel(call.layer):
            return f"the kernel of {call.name!r} is quantized or adapted (LoRA)"
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


def _kind(call: Call) -> str:
    return type(call.layer).__name__
