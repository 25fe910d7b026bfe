"""Copies of layers and of whole models that share no variable with the original."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

import keras

from bdtui.engine.network.channels import ChannelSource, find_source, silence
from bdtui.engine.network.graph import trace_network


def clone_layer(layer: Any, name: str | None = None, settings: Mapping[str, Any] | None = None) -> Any:
    """A layer of the same class and settings (but for some), unbuilt and with weights of its own, under a new name."""
    clone = type(layer).from_config({**layer.get_config(), **(settings or {})})
    if name is not None:
        clone.name = name
    return clone


def clone_built_layer(layer: keras.Layer) -> keras.Layer:
    """A layer of the same class, settings and weights that shares no variable with the original."""
    clone: keras.Layer = clone_layer(layer)
    clone.build_from_config(layer.get_build_config())
    clone.set_weights(layer.get_weights())
    finalize_layers([clone])
    return clone


def finalize_layers(layers: Iterable[Any]) -> None:
    """Let layers that derive something from their weights (Normalization) do so anew, after weights were set."""
    for layer in layers:
        if hasattr(layer, "finalize_state"):
            layer.finalize_state()


def copy_model(model: keras.Model) -> keras.Model:
    """A model of the same layers and weights that shares no variable with the original."""
    copy = keras.models.clone_model(model)
    copy.set_weights(model.get_weights())
    finalize_layers(call.layer for call in trace_network(copy).calls)
    return copy


def silenced_copy(model: keras.Model, layer: str, channels: Collection[int]) -> keras.Model:
    """A copy of a model in which some channels of a layer are silenced in the weights.

    Args:
        model: Functional or Sequential, untouched.
        layer: name of the layer whose channels are meant, e.g. ``pool_3``; the weights that make or read them change.
        channels: indices of the channels.

    Raises:
        ModelError: the layer does not exist or cannot be pruned soundly, or a channel is out of range.
    """
    return copy_with_pruned(model, find_source(trace_network(model), layer), channels)


def copy_with_pruned(model: keras.Model, source: ChannelSource, channels: Collection[int]) -> keras.Model:
    """`silenced_copy` for channels that were found in the model already."""
    copy = copy_model(model)
    copied = {call.name: call.layer for call in trace_network(copy).calls}
    silence(source.with_layers({id(call.layer): copied[call.name] for call in source.changed}), channels)
    return copy
