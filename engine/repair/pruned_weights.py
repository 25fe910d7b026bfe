"""Channels pruned in a network that goes on learning: which weights have to stay zero."""

from __future__ import annotations

from collections.abc import Callable, Collection

import keras
import numpy as np
import tensorflow as tf

from bdtui.engine.network.channels import ChannelSource, silence
from bdtui.engine.network.copies import copy_model
from bdtui.engine.network.graph import trace_network


def in_model(source: ChannelSource, model: keras.Model) -> ChannelSource:
    """The same channels in a copy of the model in which they were found."""
    copied = {call.name: call.layer for call in trace_network(model).calls}
    return source.with_layers({id(call.layer): copied[call.name] for call in source.changed})


def kept_at_zero(network: keras.Model, source: ChannelSource, channels: Collection[int]) -> Callable[[], None]:
    """A function for the graph that sets to zero what is zero in a network with channels of a source pruned.

    Args:
        network: what is trained; a copy of the model in which the source was found.
        source: the channels.
        channels: those that are pruned.
    """
    marks = copy_model(network)
    for weight in marks.weights:
        weight.assign(tf.ones_like(weight.value))
    silence(in_model(source, marks), channels)
    masks = [
        (weight, np.asarray(mark.value))
        for weight, mark in zip(network.weights, marks.weights, strict=True)
        if not np.asarray(mark.value).all()
    ]

    def project() -> None:
        for weight, mask in masks:
            weight.assign(weight.value * mask)

    return project
