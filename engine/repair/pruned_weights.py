"""Channels pruned by a repair: how many clean accuracy allows, and which weights have to stay zero."""

from __future__ import annotations

from collections.abc import Callable, Collection

import keras
import numpy as np
import tensorflow as tf

from bdtui.engine.network.channels import ChannelSource, silence
from bdtui.engine.network.copies import copy_model
from bdtui.engine.network.graph import trace_network
from bdtui.engine.network.score_runner import ScoreRunner
from bdtui.engine.repair.method import RepairInput
from bdtui.engine.repair.result import FEW_HELD_OUT

_MEASURED_ON = 512
_MOST_STOPS = 64
"""Numbers of pruned channels that are tried."""


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


def most_within_tolerance(
    given: RepairInput, network: keras.Model, channels: int, prune: Callable[[int], object]
) -> int:
    """How many channels can be pruned at the tolerated cost: the most before accuracy first falls below it.

    Accuracy is that of images which nothing was trained on, where there are enough of them.

    Args:
        given: the images and the tolerance.
        network: in which they are pruned.
        channels: how many there are, in order; at most all but one are pruned, and not every number is tried.
        prune: prunes so many of the first of them.
    """
    images = (given.held_out if len(given.held_out) >= FEW_HELD_OUT else given.images).spread(_MEASURED_ON)
    runner = ScoreRunner(network, images.image_shape, given.reporter)

    def accuracy() -> float:
        return 100 * float(np.mean(runner.scores(images.pixels).argmax(axis=1) == images.labels))

    floor, most = accuracy() - given.options.tolerance, 0
    for number in np.unique(np.linspace(1, channels - 1, min(_MOST_STOPS, max(0, channels - 1))).astype(int)):
        prune(int(number))
        if accuracy() < floor:
            break
        most = int(number)
    return most
