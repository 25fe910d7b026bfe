"""FT-SAM: fine-tuning towards flat places, by gradients taken a step uphill.

M. Zhu et al., "Enhancing Fine-Tuning Based Backdoor Defense with Sharpness-Aware Minimization", ICCV 2023. Adaptive steps of
radius 2 and label smoothing 0.1, as published; for longer than fine-tuning, whose learning rate it has. Here the radius is
halved until B, a step uphill, still knows more than guessing, and the optimiser is Adam: networks without
BatchNormalization that read pixels up to 255 forget everything at 2, and by SGD at the published rate.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from bdtui.engine.network.copies import copy_model
from bdtui.engine.network.logits import Logits
from bdtui.engine.repair.clean_images import CleanImages
from bdtui.engine.repair.fine_tuning import usual_plan
from bdtui.engine.repair.losses import cross_entropy
from bdtui.engine.repair.method import RepairedNetwork, RepairInput
from bdtui.engine.repair.student import all_learning
from bdtui.engine.repair.training import Batch, gradients_of, train
from bdtui.engine.reporter import SILENT, Reporter

_RADIUS, _SMOOTHING = 2.0, 0.1
_FEWEST_STEPS = 1000
_SMALLEST_RADIUS = 2**-10
_TRIED_ON, _TOGETHER = 256, 64


def repair(given: RepairInput) -> RepairedNetwork:
    """See the head of this file."""
    network = copy_model(given.badnet)
    logits = Logits(network)
    plan = usual_plan(given, _FEWEST_STEPS)
    with all_learning(network):
        radius = _bearable_radius(network, logits, given.images.spread(_TRIED_ON), given.reporter)

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
        gradients=partial(_uphill_gradients, radius),
    )
    done = f"{plan.steps} steps of {plan.batch} clean images, sharpness-aware (radius {radius:g}), Adam {plan.rate:g}."
    return RepairedNetwork(network, (done,), plan.steps)


def _uphill_gradients(radius: float, loss: Callable[[], Any], variables: list[Any]) -> list[Any]:
    """The gradients where the loss is largest nearby; nearby in proportion to the weights."""
    before = _go_uphill(radius, gradients_of(loss, variables), variables)
    found = gradients_of(loss, variables)
    _go_back(variables, before)
    return found


def _go_uphill(radius: float, gradients: list[Any], variables: list[Any]) -> list[Any]:
    """Change the weights; what they were."""
    before = [tf.identity(variable.value) for variable in variables]
    scaled = [
        tf.zeros_like(weight) if gradient is None else tf.abs(weight) * gradient
        for weight, gradient in zip(before, gradients, strict=True)
    ]
    length = tf.linalg.global_norm(scaled) + 1e-12
    for variable, weight, step in zip(variables, before, scaled, strict=True):
        variable.assign(weight + radius * tf.abs(weight) * step / length)
    return before


def _go_back(variables: list[Any], before: list[Any]) -> None:
    for variable, weight in zip(variables, before, strict=True):
        variable.assign(weight)


def _bearable_radius(network: keras.Model, logits: Logits, images: CleanImages, reporter: Reporter = SILENT) -> float:
    """The published radius, halved until a step of that length leaves the network better than guessing."""
    pieces = [images.some(slice(start, start + _TOGETHER)) for start in range(0, len(images), _TOGETHER)]
    variables = network.trainable_variables

    def loss(piece: CleanImages) -> Any:
        share = len(piece) / len(images)
        return share * cross_entropy(logits(tf.constant(piece.pixels)), tf.constant(piece.labels.astype(np.int32)))

    found = []
    for piece in pieces:
        reporter.checkpoint()
        found.append(gradients_of(partial(loss, piece), variables))
    gradients = [None if each[0] is None else tf.add_n(each) for each in zip(*found, strict=True)]
    radius, guessing = _RADIUS, float(np.log(max(2, network.output_shape[-1])))
    while radius > _SMALLEST_RADIUS:
        reporter.checkpoint()
        before = _go_uphill(radius, gradients, variables)
        harmed = sum(float(loss(piece)) for piece in pieces)
        _go_back(variables, before)
        if harmed <= guessing:
            break
        radius /= 2
    return radius
