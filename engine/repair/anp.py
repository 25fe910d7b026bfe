"""ANP: prune the channels that a small change of weights makes fatal.

D. Wu, Y. Wang, "Adversarial Neuron Pruning Purifies Backdoored Deep Models", NeurIPS 2021. Every channel has a mask from 0 to 1,
learnt on clean images while one number of noise for each channel's kernel, and one for its bias, goes uphill (noise 0.4,
weight 0.2 on clean images, SGD 0.2). Channels are pruned in the order of their masks. Here as many as keep clean accuracy
within the tolerance on images that were not trained on, where there are enough.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from bdtui.engine.network.copies import copy_model
from bdtui.engine.network.graph import trace_network
from bdtui.engine.network.kernel_slices import making_kernel
from bdtui.engine.network.layer_kinds import WEIGHTED
from bdtui.engine.network.logits import Logits
from bdtui.engine.repair.losses import cross_entropy
from bdtui.engine.repair.method import RepairedNetwork, RepairInput
from bdtui.engine.repair.pruned_weights import most_within_tolerance
from bdtui.engine.repair.training import Batch, Plan, train

_NOISE, _CLEAN_WEIGHT, _RATE = 0.4, 0.2, 0.2
_STEPS, _BATCH = 1000, 64


@dataclass(frozen=True, eq=False)
class _Masked:
    """A layer whose channels have masks.

    Attributes:
        kernel: its variable.
        bias: its variable; None without one.
        mask: one number a channel, learnt.
        shape: with which the mask is multiplied onto the kernel.
    """

    kernel: Any
    bias: Any
    mask: keras.Variable
    shape: tuple[int, ...]

    def mapped(self, kernel_noise: Any, bias_noise: Any) -> list[tuple[Any, Any]]:
        """The variables with what stands in for them."""
        mask = tf.reshape(self.mask.value + kernel_noise, self.shape)
        found = [(self.kernel, self.kernel.value * tf.cast(mask, self.kernel.dtype))]
        if self.bias is not None:
            found.append((self.bias, self.bias.value * tf.cast(1 + bias_noise, self.bias.dtype)))
        return found


def repair(given: RepairInput) -> RepairedNetwork:
    """See the head of this file."""
    network = copy_model(given.badnet)
    masked = _masked_layers(network)
    if not masked:
        return RepairedNetwork(network, ("No layer has channels to prune before the last: nothing was changed.",))
    logits = Logits(network)
    plan = Plan.asked(given, _STEPS, _BATCH, _RATE)

    def answers(batch: Batch, noise: list[Any]) -> Any:
        pairs = zip(masked, noise[::2], noise[1::2], strict=True)
        mapping = [pair for layer, kernel, bias in pairs for pair in layer.mapped(kernel, bias)]
        with keras.StatelessScope(state_mapping=mapping):
            return logits(batch.images)

    def loss(batch: Batch) -> Any:
        zero = [tf.zeros(()) for _ in range(2 * len(masked))]
        noise = [
            batch.lots.uniform(variable.shape, -_NOISE, _NOISE)
            for layer in masked
            for variable in (layer.mask, layer.mask if layer.bias is None else layer.bias)
        ]
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(noise)
            harm = cross_entropy(answers(batch, noise), batch.labels)
        uphill = tape.gradient(harm, noise, unconnected_gradients=tf.UnconnectedGradients.ZERO)
        noise = [tf.stop_gradient(_NOISE * tf.sign(gradient)) for gradient in uphill]
        harmed = cross_entropy(answers(batch, noise), batch.labels)
        clean = cross_entropy(answers(batch, zero), batch.labels)
        return _CLEAN_WEIGHT * clean + (1 - _CLEAN_WEIGHT) * harmed

    def project() -> None:
        for layer in masked:
            layer.mask.assign(tf.clip_by_value(layer.mask.value, 0.0, 1.0))

    masks = [layer.mask for layer in masked]
    train(
        network,
        loss,
        plan,
        given,
        optimizer=lambda rate: keras.optimizers.SGD(rate, momentum=0.9),
        project=project,
        variables=masks,
        carried={str(number): mask for number, mask in enumerate(masks)},
    )
    pruned = _prune(network, masked, given)
    total = sum(mask.shape[0] for mask in masks)
    done = f"{plan.steps} steps for the masks; pruned the {pruned} of {total} channels with the smallest masks."
    return RepairedNetwork(network, (done,), plan.steps)


def _masked_layers(network: keras.Model) -> list[_Masked]:
    """The weighted layers with kernels that make channels one by one, but the last."""
    calls = [call for call in trace_network(network).calls if isinstance(call.layer, (layers.Dense, *WEIGHTED))]
    every = {id(call.layer): call.layer for call in calls}
    last = calls[-1].layer if calls else None
    found = []
    for layer in every.values():
        if layer is last:
            continue
        kernel, axis = making_kernel(layer)
        if axis is None:
            continue
        shape = [1] * len(kernel.shape)
        shape[axis] = kernel.shape[axis]
        mask = keras.Variable(np.ones(kernel.shape[axis], np.float32))
        found.append(_Masked(kernel, layer.bias if layer.use_bias else None, mask, tuple(shape)))
    return found


def _prune(network: keras.Model, masked: list[_Masked], given: RepairInput) -> int:
    """Silence the channels of the smallest masks, as many as the tolerated drop allows; how many."""
    masks = np.concatenate([np.asarray(layer.mask.value) for layer in masked])
    order, ends = np.argsort(masks, kind="stable"), np.cumsum([layer.mask.shape[0] for layer in masked])
    kernels = [np.asarray(layer.kernel.value) for layer in masked]
    biases = [None if layer.bias is None else np.asarray(layer.bias.value) for layer in masked]

    def prune(number: int) -> None:
        kept = np.ones(len(masks), bool)
        kept[order[:number]] = False
        for layer, kernel, bias, own in zip(masked, kernels, biases, np.split(kept, ends[:-1]), strict=True):
            layer.kernel.assign(kernel * own.reshape(layer.shape))
            if bias is not None:
                layer.bias.assign(bias * own)

    best = most_within_tolerance(given, network, len(masks), prune)
    prune(best)
    return best
