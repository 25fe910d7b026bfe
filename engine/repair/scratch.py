"""From scratch: a fresh network on the same clean images, with the same augmentation and random changes, without B.

The honest baseline. Where it is as good, B is worth nothing and the trigger cannot have stayed.
"""

from __future__ import annotations

from dataclasses import replace

from bdtui.engine.repair import shrink_distil
from bdtui.engine.repair.method import RepairedNetwork, RepairInput


def repair(given: RepairInput) -> RepairedNetwork:
    """See the head of this file."""
    found = shrink_distil.repair(replace(given, options=replace(given.options, start=0.0, teacher=0.0)))
    done = f"A fresh network; {found.steps} steps on clean images, half of them with random changes, true labels only; B not used."
    return replace(found, done=(done,))
