"""FT-SAM: fine-tuning towards flat places, by gradients taken a step uphill.

M. Zhu et al., "Enhancing Fine-Tuning Based Backdoor Defense with Sharpness-Aware Minimization", ICCV 2023. Adaptive steps of
radius 2, label smoothing 0.1 and SGD with momentum 0.9 from 0.01, as published; the number of steps is fine-tuning's.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from bdtui.engine.network.copies import copy_model
from bdtui.engine.network.logits import Logits
from bdtui.engine.repair.fine_tuning import usual_plan
from bdtui.engine.repair.method import RepairedNetwork, RepairInput
from bdtui.engine.repair.training import Batch, gradients_of, train

_RADIUS, _SMOOTHING, _RATE = 2.0, 0.1, 0.01


def repair(given: RepairInput) -> RepairedNetwork:
    """See the head of this file."""
    network = copy_model(given.badnet)
    logits = Logits(network)
    plan = usual_plan(given, _RATE)

    def loss(batch: Batch) -> Any:
        answers = logits(batch.images, training=True)
        classes = answers.shape[1]
        wanted = tf.one_hot(batch.labels, classes) * (1 - _SMOOTHING) + _SMOOTHING / classes
        return tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(labels=wanted, logits=answers))

    train(
        network,
        loss,
        plan,
        given,
        optimizer=lambda rate: keras.optimizers.SGD(rate, momentum=0.9),
        gradients=_uphill_gradients,
    )
    done = f"{plan.steps} steps of {plan.batch} clean images, sharpness-aware (radius {_RADIUS:g}), SGD {plan.rate:g}."
    return RepairedNetwork(network, (done,), plan.steps)


def _uphill_gradients(loss: Callable[[], Any], variables: list[Any]) -> list[Any]:
    """The gradients where the loss is largest nearby; nearby in proportion to the weights."""
    first = gradients_of(loss, variables)
    before = [tf.identity(variable.value) for variable in variables]
    scaled = [
        tf.zeros_like(weight) if gradient is None else tf.abs(weight) * gradient
        for weight, gradient in zip(before, first, strict=True)
    ]
    length = tf.linalg.global_norm(scaled) + 1e-12
    for variable, weight, step in zip(variables, before, scaled, strict=True):
        variable.assign(weight + _RADIUS * tf.abs(weight) * step / length)
    found = gradients_of(loss, variables)
    for variable, weight in zip(variables, before, strict=True):
        variable.assign(weight)
    return found
