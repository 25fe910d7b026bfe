"""Shrink and distil: forget the trigger by half a fresh start, keep the rest by B's answers, and learn no trigger's kind.

The student begins between B and a fresh network. It is trained on augmented clean images. Half of every batch gets random
changes (patches, warps, overlays) and is learnt under its true labels; the other half is learnt under its true labels and
B's soft answers, where B is right.

After J. T. Ash, R. P. Adams, "On Warm-Starting Neural Network Training", NeurIPS 2020 (shrink and perturb), and
L. Beyer et al., "Knowledge distillation: A good teacher is patient and consistent", CVPR 2022. The guard, the
random changes and their combination were measured here; see docs/repairs.md.
"""

from __future__ import annotations

import tensorflow as tf

from bdtui.engine.network.logits import Logits
from bdtui.engine.network.score_runner import ScoreRunner
from bdtui.engine.repair.losses import cross_entropy, guarded_distillation
from bdtui.engine.repair.method import RepairedNetwork, RepairInput
from bdtui.engine.repair.moving_perturbations import MovingPerturbations
from bdtui.engine.repair.perturbations import RADII, SharedAscent, smallest_radius
from bdtui.engine.repair.reversed_triggers import stamp_some
from bdtui.engine.repair.student import begin_student
from bdtui.engine.repair.training import Batch, Plan, train

STEPS, BATCH, RATE = 1500, 64, 2e-3
TEACHER = 0.5
"""How much B's answers count. More of them teaches a trigger back that augmentation resembles: on a warped one 3 % of the attack
stays with 0.5, 20 % with 4 (docs/repairs.md)."""
_PLENTY = 200
"""Images a class from which on a student need not begin near B, however many classes there are."""


def repair(given: RepairInput, *, universal: bool = False) -> RepairedNetwork:
    """See the head of this file.

    Args:
        given: what to repair, and with what.
        universal: whether half of the changed images are perturbed as well; see `shrink_distil_universal`.
    """
    given = given.with_options(start=default_start(given), teacher=TEACHER)
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
            some = half // 2
            changed = tf.concat(
                [changed[:-some], stamp_some(batch.images[half - some : half], given.triggers, batch.lots)], axis=0
            )
        plain = batch.images[half:]
        answers = student_logits(tf.concat([changed, plain], axis=0), training=True)
        on_changed, on_plain = answers[:half], answers[half:]
        total = cross_entropy(on_changed, batch.labels[:half]) + cross_entropy(on_plain, batch.labels[half:])
        if weight:
            # B never sees a changed image: there its answers could be the trigger's.
            total += weight * guarded_distillation(teacher_logits(plain), on_plain, batch.labels[half:])
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
    ascent = SharedAscent(Logits(given.badnet), given.images, given.reporter)
    radius, _ = smallest_radius(ascent, ScoreRunner(given.badnet, given.images.image_shape), given.images, given.seed)
    return tuple(radius * more for more in RADII)


def images_a_class(given: RepairInput) -> float:
    """How many images to train on there are of a class, on average."""
    return len(given.images) / max(1, len(set(given.images.labels.tolist())))


def default_start(given: RepairInput) -> float:
    """How much of B to begin with: more where few images a class have to teach many classes."""
    classes = len(set(given.images.labels.tolist()))
    few = images_a_class(given) < _PLENTY
    return 0.5 if few and classes > 20 else 0.3


def default_rate(given: RepairInput) -> float:
    """Learning rate: lower where many classes have to be told apart."""
    return 1e-3 if default_start(given) == 0.5 else RATE
