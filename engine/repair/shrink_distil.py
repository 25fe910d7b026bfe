"""Shrink and distil: forget the trigger by a partly fresh start, keep the rest by B's answers, and learn no trigger's kind.

The student begins between B and a fresh network. It learns augmented clean images under their true labels and B's soft
answers, where B is right. Half of every batch gets random changes (patches, warps, overlays) before the student sees it, not
before B does: the student learns to say of a changed image what B says of the clean one.

After J. T. Ash, R. P. Adams, "On Warm-Starting Neural Network Training", NeurIPS 2020 (shrink and perturb), and
L. Beyer et al., "Knowledge distillation: A good teacher is patient and consistent", CVPR 2022. The guard, the
random changes and their combination were measured here; see docs/repairs.md.
"""

from __future__ import annotations

import tensorflow as tf

from bdtui.engine.network.logits import Logits
from bdtui.engine.repair.losses import cross_entropy, guarded_distillation
from bdtui.engine.repair.method import RepairedNetwork, RepairInput
from bdtui.engine.repair.moving_perturbations import MovingPerturbations
from bdtui.engine.repair.perturbations import RADII, radius_that_fools
from bdtui.engine.repair.reversed_triggers import stamp_some
from bdtui.engine.repair.student import begin_student
from bdtui.engine.repair.training import Batch, Plan, train

STEPS, BATCH, RATE = 1500, 64, 2e-3
TEACHER, TEACHER_OF_MANY = 0.5, 2.0
"""How much B's answers count; more where a few images a class have to teach many classes. More of them everywhere teaches a trigger
back that augmentation resembles (docs/repairs.md)."""
_MANY = 20
"""Classes above which there are many."""
_PLENTY = 200
"""Images a class from which on a student need not begin near B, however many classes there are."""


def repair(given: RepairInput, *, universal: bool = False) -> RepairedNetwork:
    """See the head of this file.

    Args:
        given: what to repair, and with what.
        universal: whether half of the changed images are perturbed as well; see `shrink_distil_universal`.
    """
    given = given.with_options(start=default_start(given), teacher=default_teacher(given))
    start, weight = given.options.start, given.options.teacher
    assert start is not None and weight is not None
    plan = Plan.asked(given, STEPS, BATCH, default_rate(given))
    student = begin_student(given.badnet, start, given.seed)
    teacher_logits, student_logits = Logits(given.badnet), Logits(student)

    moving = MovingPerturbations(given.images, _radii(given)) if universal else None

    def loss(batch: Batch) -> object:
        half = plan.batch // 2
        changed = batch.changed(batch.images[:half])
        if moving is not None:
            some = half // 2
            perturbed = moving.on(changed[:some], batch.labels[:some], student_logits, batch.step, batch.lots)
            changed = tf.concat([perturbed, changed[some:]], axis=0)
        if given.triggers:
            kept = half // 2
            stamped = stamp_some(batch.images[kept:half], given.triggers, batch.lots)
            changed = tf.concat([changed[:kept], stamped], axis=0)
        answers = student_logits(tf.concat([changed, batch.images[half:]], axis=0), training=True)
        total = cross_entropy(answers, batch.labels)
        if weight:
            # B never sees a changed image: there its answers could be the trigger's.
            total += weight * guarded_distillation(teacher_logits(batch.images), answers, batch.labels)
        return total

    train(student, loss, plan, given, carried={} if moving is None else {"perturbations": moving.deltas})
    return RepairedNetwork(
        student,
        (
            f"Began with {start:g} of B's weights and {1 - start:g} of a fresh network; {plan.steps} steps of {plan.batch} "
            f"images, half of them with random changes; B's answers count {weight:g} where they are right.",
        ),
        plan.steps,
    )


def _radii(given: RepairInput) -> tuple[float, ...]:
    """Around the one at which B is fooled."""
    radius = radius_that_fools(given.badnet, given.images, given.seed, given.reporter)
    return tuple(radius * more for more in RADII)


def images_a_class(given: RepairInput) -> float:
    """How many images to train on there are of a class, on average."""
    return len(given.images) / max(1, len(set(given.images.labels.tolist())))


def few_for_many(given: RepairInput) -> bool:
    """Whether few images a class have to teach many classes: then B is needed more."""
    classes = len(set(given.images.labels.tolist()))
    return classes > _MANY and images_a_class(given) < _PLENTY


def default_start(given: RepairInput) -> float:
    """How much of B to begin with."""
    return 0.5 if few_for_many(given) else 0.3


def default_teacher(given: RepairInput) -> float:
    """How much B's answers count."""
    return TEACHER_OF_MANY if few_for_many(given) else TEACHER


def default_rate(given: RepairInput) -> float:
    """Learning rate: lower where many classes have to be told apart."""
    return RATE / 2 if few_for_many(given) else RATE
