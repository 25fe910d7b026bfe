"""Shrink and distil, with perturbations of the network as it now is on half of the patched images.

As shrink-distil; besides, what fools the student on many images at once is learnt away while it appears (the inner step of
adversarial unlearning), at three radii around the one at which B is fooled.
"""

from __future__ import annotations

from bdtui.engine.repair import shrink_distil
from bdtui.engine.repair.method import RepairedNetwork, RepairInput


def repair(given: RepairInput) -> RepairedNetwork:
    """See the head of this file."""
    return shrink_distil.repair(given, universal=True)
