"""Universal adversarial unlearning: learn true labels under the perturbation that fools the network most, all images alike.

After Y. Zeng et al., "Adversarial Unlearning of Backdoors via Implicit Hypergradient", ICLR 2022 (I-BAU). Here the inner
search is ordinary ascent that moves along with the training, without the implicit hypergradient, within the L2 radius at
which B is fooled on half of the images, and at most 0.14 of a white image's length: where a fiftieth of it fools B, a
network that has to withstand seven times as much forgets everything.
"""

from __future__ import annotations

import numpy as np

from bdtui.engine.network.copies import copy_model
from bdtui.engine.network.logits import Logits
from bdtui.engine.repair.fine_tuning import usual_plan
from bdtui.engine.repair.losses import cross_entropy
from bdtui.engine.repair.method import RepairedNetwork, RepairInput
from bdtui.engine.repair.moving_perturbations import MovingPerturbations
from bdtui.engine.repair.perturbations import radius_that_fools
from bdtui.engine.repair.training import Batch, train

_FEWEST_STEPS = 1000
"""With 200 a network has not yet learnt to withstand and to classify (500 images: 85.7 % clean accuracy, with 1,000 98.2)."""
_MOST = 0.14
"""Of a white image's length."""


def repair(given: RepairInput) -> RepairedNetwork:
    """See the head of this file."""
    network = copy_model(given.badnet)
    logits = Logits(network)
    white = float(np.sqrt(np.prod(given.images.image_shape)))
    radius = min(_MOST * white, radius_that_fools(given.badnet, given.images, given.seed, given.reporter))
    moving = MovingPerturbations(given.images, (radius,))
    plan = usual_plan(given, _FEWEST_STEPS)

    def loss(batch: Batch) -> object:
        perturbed = moving.on(batch.images, batch.labels, logits, batch.step, batch.lots)
        clean = cross_entropy(logits(batch.images, training=True), batch.labels)
        return clean + cross_entropy(logits(perturbed, training=True), batch.labels)

    train(network, loss, plan, given, carried={"perturbations": moving.deltas})
    done = f"{plan.steps} steps of {plan.batch} clean images, plain and under a shared perturbation of radius {radius:.2g}."
    return RepairedNetwork(network, (done,), plan.steps)
