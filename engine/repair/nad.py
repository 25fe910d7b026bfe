"""NAD: B learns to look where its own fine-tuned copy looks.

Y. Li et al., "Neural Attention Distillation: Erasing Backdoor Triggers from Deep Neural Networks", ICLR 2021. Attention is the mean of
the squared channels, of length one; the weight is 500 for each of the last three feature maps. Here those are what the
last three convolutions make, and teacher and student train for as long as fine-tuning does.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import tensorflow as tf

from bdtui.engine.errors import ModelError
from bdtui.engine.network.copies import copy_model
from bdtui.engine.network.graph import Network
from bdtui.engine.network.layer_kinds import CONVOLUTIONS
from bdtui.engine.network.logits import Logits
from bdtui.engine.repair.fine_tuning import tune, usual_plan
from bdtui.engine.repair.losses import cross_entropy
from bdtui.engine.repair.method import RepairedNetwork, RepairInput
from bdtui.engine.repair.training import Batch, train

_WEIGHT, _MAPS = 500.0, 3


def repair(given: RepairInput) -> RepairedNetwork:
    """See the head of this file."""
    if not _feature_maps(Logits(given.badnet).network):
        raise ModelError("nad compares what convolutions make, and the network has none; use another repair")
    teacher = copy_model(given.badnet)
    tune(teacher, replace(given, name=f"{given.name}-teacher"))
    student = copy_model(given.badnet)
    taught, learning = Logits(teacher), Logits(student)
    pairs = list(zip(_feature_maps(taught.network), _feature_maps(learning.network), strict=True))
    plan = usual_plan(given)

    def loss(batch: Batch) -> Any:
        shown = taught.values(batch.images)
        values = learning.values(batch.images, training=True)
        total = cross_entropy(learning.of(values), batch.labels)
        for (wanted, axis), (found, _) in pairs:
            difference = _attention(values[found], axis) - tf.stop_gradient(_attention(shown[wanted], axis))
            total += _WEIGHT * tf.reduce_mean(difference**2)
        return total

    train(student, loss, plan, given)
    done = f"{plan.steps} steps for the fine-tuned teacher and as many for the student; {len(pairs)} feature maps compared."
    return RepairedNetwork(student, (done,), 2 * plan.steps)


def _feature_maps(network: Network) -> list[tuple[int, int]]:
    """The last feature maps that convolutions make: numbers of the tensors, and the axis of the channels."""
    found = [
        (call.outputs[0], 1 if call.layer.data_format == "channels_first" else -1)
        for call in network.calls
        if isinstance(call.layer, CONVOLUTIONS)
    ]
    return found[-_MAPS:]


def _attention(values: Any, axis: int) -> Any:
    squares = tf.reduce_mean(tf.cast(values, tf.float32) ** 2, axis=axis)
    return tf.math.l2_normalize(tf.reshape(squares, (tf.shape(squares)[0], -1)), axis=1)
