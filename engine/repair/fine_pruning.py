"""Fine-pruning: prune what stays inactive on clean images up to a tolerated drop, then fine-tune what is left.

K. Liu, B. Dolan-Gavitt, S. Garg, "Fine-Pruning: Defending Against Backdooring Attacks on Deep Neural Networks", RAID 2018.
Here the layer is bdtui's default layer, the drop is measured on clean images that are not trained on where there are
enough, and pruned channels are held at zero after every step.
"""

from __future__ import annotations

import keras
import numpy as np
from numpy.typing import NDArray

from bdtui.engine.network.channels import ChannelSource, find_source, silence
from bdtui.engine.network.copies import copy_model
from bdtui.engine.network.graph import run_calls, trace_network
from bdtui.engine.network.score_runner import ScoreRunner
from bdtui.engine.repair.clean_images import CleanImages
from bdtui.engine.repair.fine_tuning import tune
from bdtui.engine.repair.method import RepairedNetwork, RepairInput
from bdtui.engine.repair.pruned_weights import in_model, kept_at_zero
from bdtui.engine.repair.transfer import FEW_HELD_OUT

_MEASURED_ON = 512
_MOST_STOPS = 64


def repair(given: RepairInput) -> RepairedNetwork:
    """See the head of this file."""
    source = find_source(trace_network(given.badnet))
    order = np.argsort(mean_activation(given.badnet, source, given.images), kind="stable")
    chosen_on = given.held_out if len(given.held_out) >= FEW_HELD_OUT else given.images
    pruned = _pruned_within(given, source, order, chosen_on.spread(_MEASURED_ON))
    network = copy_model(given.badnet)
    silence(in_model(source, network), pruned)
    plan = tune(network, given, kept_at_zero(network, source, pruned))
    return RepairedNetwork(
        network,
        (
            f"Pruned {len(pruned)} of {source.channels} channels of {source.profiled.name}, the most that cost at most "
            f"{given.options.tolerance:g} points; then {plan.steps} steps of {plan.batch} clean images.",
        ),
        plan.steps,
    )


def mean_activation(badnet: keras.Model, source: ChannelSource, images: CleanImages) -> NDArray[np.float64]:
    """Of the channels of a source over images and positions, shape (channels,)."""
    network = trace_network(badnet)
    calls = network.upstream(source.profiled.outputs)
    sums, count = np.zeros(source.channels), 0
    for start in range(0, len(images), 128):
        values = {network.input: images.pixels[start : start + 128].astype(network.input_dtype)}
        run_calls(calls, values)
        (made,) = (np.asarray(values[tensor], np.float64) for tensor in source.profiled.outputs)
        by_channel = np.moveaxis(made, source.axis, -1).reshape(-1, source.channels)
        sums, count = sums + by_channel.sum(axis=0), count + len(by_channel)
    return sums / max(1, count)


def _pruned_within(
    given: RepairInput, source: ChannelSource, order: NDArray[np.intp], images: CleanImages
) -> list[int]:
    """As many of the first channels as the tolerated drop allows."""
    network = copy_model(given.badnet)
    copied = in_model(source, network)
    runner = ScoreRunner(network, images.image_shape, given.reporter)
    floor = _accuracy(runner, images) - given.options.tolerance
    within = 0
    for stop in np.unique(np.linspace(1, len(order) - 1, min(_MOST_STOPS, max(0, len(order) - 1))).astype(int)):
        silence(copied, order[:stop].tolist())
        if _accuracy(runner, images) < floor:
            break
        within = int(stop)
    return [int(channel) for channel in order[:within]]


def _accuracy(runner: ScoreRunner, images: CleanImages) -> float:
    return 100 * float(np.mean(runner.scores(images.pixels).argmax(axis=1) == images.labels))
