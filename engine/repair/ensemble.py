"""Several repairs of other seeds, and one network that learns from the mean of their answers.

Each seed forgets and keeps something else; their mean is better than any, and as none of them follows the trigger, it may
be listened to on changed images too.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import tensorflow as tf

from bdtui.engine.network.copies import copy_model
from bdtui.engine.network.logits import Logits
from bdtui.engine.repair import shrink_distil
from bdtui.engine.repair.losses import cross_entropy
from bdtui.engine.repair.method import RepairedNetwork, RepairInput
from bdtui.engine.repair.training import Batch, Plan, train

_MEMBERS = 3
_TEACHERS = 1.0


def repair(given: RepairInput) -> RepairedNetwork:
    """See the head of this file."""
    members = []
    for number in range(_MEMBERS):
        # The first is what shrink-distil by itself makes.
        seed = given.seed + 1000 * number
        members.append(shrink_distil.repair(replace(given, seed=seed, name=f"{given.name}-{number + 1}")))
    teachers = [Logits(member.network) for member in members]
    student = copy_model(members[0].network)
    logits = Logits(student)
    plan = Plan.asked(given, shrink_distil.STEPS, shrink_distil.BATCH, shrink_distil.default_rate(given))

    def loss(batch: Batch) -> Any:
        half = plan.batch // 2
        images = tf.concat([batch.changed(batch.images[:half]), batch.images[half:]], axis=0)
        answers = logits(images, training=True)
        wanted = tf.add_n([tf.nn.softmax(teacher(images)) for teacher in teachers]) / len(teachers)
        soft = tf.nn.softmax_cross_entropy_with_logits(labels=tf.stop_gradient(wanted), logits=answers)
        return cross_entropy(answers, batch.labels) + _TEACHERS * tf.reduce_mean(soft)

    train(student, loss, plan, given)
    steps = plan.steps + sum(member.steps for member in members)
    done = f"Repaired with {_MEMBERS} seeds; then {plan.steps} steps on the mean of their answers."
    return RepairedNetwork(student, (*members[0].done, done), steps)
