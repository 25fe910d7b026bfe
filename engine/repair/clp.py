"""CLP: prune the channels whose kernels can stretch an input far more than others of their layer do. Needs no images.

R. Zheng et al., "Data-Free Backdoor Removal Based on Channel Lipschitzness", ECCV 2022. With u = 3, as published; kernels are
scaled by the BatchNormalization behind them. Here a pruned channel is silenced altogether, bias and shift included.
"""

from __future__ import annotations

import numpy as np
from keras import layers
from numpy.typing import NDArray

from bdtui.engine.network.channels import ChannelSource, prunable_sources, silence
from bdtui.engine.network.copies import copy_model
from bdtui.engine.network.graph import trace_network
from bdtui.engine.network.kernel_slices import by_channel, making_kernel
from bdtui.engine.repair.method import RepairedNetwork, RepairInput

_DEVIATIONS = 3.0


def repair(given: RepairInput) -> RepairedNetwork:
    """See the head of this file."""
    network = copy_model(given.badnet)
    looked_at: set[int] = set()
    pruned = layers_pruned = channels = 0
    for source in prunable_sources(trace_network(network)):
        if source.readers or source.pieces or id(source.maker.layer) in looked_at:
            continue
        given.reporter.checkpoint()
        looked_at.add(id(source.maker.layer))
        stretch = _stretch(source)
        limit = stretch.mean() + _DEVIATIONS * stretch.std()
        found = np.flatnonzero(stretch > limit).tolist()
        channels += source.channels
        if found:
            silence(source, found)
            pruned, layers_pruned = pruned + len(found), layers_pruned + 1
    done = f"Pruned {pruned} of {channels} channels, in {layers_pruned} of {len(looked_at)} layers; no images used."
    return RepairedNetwork(network, (done,))


def _stretch(source: ChannelSource) -> NDArray[np.float64]:
    """The largest singular value of every channel's kernel, shape (channels,)."""
    kernel, axis = making_kernel(source.maker.layer)
    values = by_channel(np.asarray(kernel, np.float64), axis, source.channels)
    scale = np.ones(source.channels)
    for call in source.region:
        if isinstance(call.layer, layers.BatchNormalization):
            gamma = np.asarray(call.layer.gamma) if call.layer.scale else 1.0
            scale = scale * np.abs(gamma / np.sqrt(np.asarray(call.layer.moving_variance) + call.layer.epsilon))
    found = []
    for each in values:
        matrix = each.reshape(-1, each.shape[-1]) if each.ndim > 1 else each.reshape(1, -1)
        found.append(np.linalg.norm(matrix, 2))
    return np.array(found) * scale
