"""Shrink and distil, with what a detector reversed on a quarter of every batch.

As shrink-distil; besides, half of the changed images carry a small or a strong trigger of the first two suspects in place of
random changes, under their true labels; B sees them without. The triggers are reversed on the images to train on:
the held-out ones stay untouched.
"""

from __future__ import annotations

from dataclasses import replace

from bdtui.engine.repair import shrink_distil
from bdtui.engine.repair.method import RepairedNetwork, RepairInput


def repair(given: RepairInput) -> RepairedNetwork:
    """See the head of this file."""
    found = shrink_distil.repair(given)
    number = len(given.triggers)
    done = f"Half of the changed images carried one of {number} reversed triggers." if number else _NONE
    return replace(found, done=(*found.done, done))


_NONE = "No trigger was reversed, so this is shrink-distil."
