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
from bdtui.engine.repair.clean_images import CleanImages
from bdtui.engine.repair.fine_tuning import tune
from bdtui.engine.repair.method import RepairedNetwork, RepairInput
from bdtui.engine.repair.pruned_weights import in_model, kept_at_zero, most_within_tolerance


def repair(given: RepairInput) -> RepairedNetwork:
    """See the head of this file."""
    source = find_source(trace_network(given.badnet))
    order = np.argsort(mean_activation(given.badnet, source, given.images), kind="stable")
    pruned = _pruned_within(given, source, order)
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


def _pruned_within(given: RepairInput, source: ChannelSource, order: NDArray[np.intp]) -> list[int]:
    """As many of the first channels as the tolerated drop allows."""
    network = copy_model(given.badnet)
    copied = in_model(source, network)
    within = most_within_tolerance(given, network, len(order), lambda number: silence(copied, order[:number].tolist()))
    return [int(channel) for channel in order[:within]]
