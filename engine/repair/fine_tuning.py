"""Fine-tuning: B goes on learning from clean images alone. What people try first; a trigger mostly survives it."""

from __future__ import annotations

from collections.abc import Callable

import keras

from bdtui.engine.network.copies import copy_model
from bdtui.engine.network.logits import Logits
from bdtui.engine.repair.losses import cross_entropy
from bdtui.engine.repair.method import RepairedNetwork, RepairInput
from bdtui.engine.repair.training import Plan, train

_EPOCHS, _FEWEST_STEPS, _MOST_STEPS = 10, 200, 1500
_BATCH, _RATE = 64, 1e-3


def repair(given: RepairInput) -> RepairedNetwork:
    """See the head of this file."""
    network = copy_model(given.badnet)
    plan = tune(network, given)
    return RepairedNetwork(
        network, (f"{plan.steps} steps of {plan.batch} clean images, Adam {plan.rate:g}.",), plan.steps
    )


def tune(network: keras.Model, given: RepairInput, project: Callable[[], None] | None = None) -> Plan:
    """Train a network on clean images as published: ten epochs, and no fewer steps than a small set needs."""
    plan = usual_plan(given)
    logits = Logits(network)
    train(
        network,
        lambda batch: cross_entropy(logits(batch.images, training=True), batch.labels),
        plan,
        given,
        project=project,
    )
    return plan


def usual_plan(given: RepairInput, fewest: int = _FEWEST_STEPS) -> Plan:
    """Ten epochs, within bounds."""
    steps = min(_MOST_STEPS, max(fewest, _EPOCHS * len(given.images) // _BATCH))
    return Plan.asked(given, steps, _BATCH, _RATE)
