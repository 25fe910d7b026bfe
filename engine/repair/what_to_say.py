"""What can be said of a repaired network without a poisoned image, and from how few images nothing can."""

from __future__ import annotations

from dataclasses import replace
from math import ceil
from typing import TYPE_CHECKING

from bdtui.engine.repair.following import Following
from bdtui.engine.repair.result import FEW_HELD_OUT
from bdtui.engine.repair.transfer import KINDS

if TYPE_CHECKING:
    from bdtui.engine.repair.session import RepairOutcome, RepairSession

IMAGES_A_CLASS = 15
"""Clean images of a class below which a loss is put down to there being few: with 10 a class repairs lost up to 2.4 points, with
14 of 44 classes half a point, with 50 none (docs/repairs.md)."""
_FEW_WHERE_WARPED = 3 * FEW_HELD_OUT
"""Held-out images that bear a claim where B obeys warps, also where two of them follow it."""
_WOULD_DO = 50
"""Clean images of a class with which no repair in that table lost a point."""


def say_what_came_of_it(session: RepairSession, outcome: RepairOutcome) -> RepairOutcome:
    """An outcome with sentences, and with whether they claim that a backdoor would be gone."""
    repair, reference = outcome.repair, session.reference
    held_out, drop = len(session.parts.held_out), repair.chosen_by.clean_drop
    following = None if reference is None else Following(outcome.transfer, reference.transfer, session.badnet_transfer)
    sentences = []
    claims = False
    if min(held_out, outcome.transfer.images) < FEW_HELD_OUT:
        number = len(session.parts.fit) + held_out
        sentences.append(
            f"{number} clean {'image is' if number == 1 else 'images are'} too few to tell whether the repair worked: nothing is "
            f"claimed; a claim takes about {_takes(session, outcome, FEW_HELD_OUT):,} in all."
        )
    elif reference is None or following is None:
        kind = outcome.transfer.kind
        ours, badnet = (_percent(transfer.by(kind)) for transfer in (outcome.transfer, session.badnet_transfer))
        sentences.append(
            f"Shared transfer of {KINDS[kind] if kind else 'nothing'} is {ours} ({badnet} for B) on {outcome.transfer.images} "
            "held-out images; add scratch to compare with a network that never saw B."
        )
    elif outcome is not reference and repair.method != reference.repair.method:
        claims = following.claims
        sentences.append(_about_transfer(session, outcome, following))
    if drop is not None and drop > session.budget:
        sentences.append(_about_the_loss(session, outcome, held_out))
    missing = session.classes - len(set(session.parts.fit.labels.tolist()))
    if missing and repair.steps:
        sentences.append(
            f"{missing:,} of {session.classes:,} classes have no clean image: expect them to be forgotten."
        )
    chosen_by = replace(repair.chosen_by, claims=claims, unseen_classes=missing)
    if following is not None:
        kind = following.kind
        chosen_by = replace(
            chosen_by,
            kind=kind,
            transfer=following.found.by(kind),
            reference_transfer=following.reference.by(kind),
            badnet_transfer=following.badnet.by(kind),
            left=following.left,
        )
    return replace(outcome, repair=replace(repair, sentences=tuple(sentences), chosen_by=chosen_by))


def _about_transfer(session: RepairSession, outcome: RepairOutcome, following: Following) -> str:
    compared = f"shared transfer {following.compared}; {outcome.transfer.images} held-out images"
    if not following.no_more:
        return f"Some of what fools B still misleads this network: do not rely on it ({compared})."
    if not following.tells:
        return f"What fools B fools a network from scratch about as often: shared transfer tells nothing here ({compared})."
    followed = "What fools B misleads this network no more than one that never saw B"
    open_still = f"({compared} cannot rule out an ASR of up to {following.not_ruled_out:.1f} %)"
    if following.claims:
        return f"{followed} {open_still}."
    return (
        f"{followed}, but small warps mislead B, and these are too few images to tell what is left of a warped trigger: nothing is "
        f"claimed {open_still}; a claim takes about {_takes(session, outcome, _FEW_WHERE_WARPED):,} in all."
    )


def _takes(session: RepairSession, outcome: RepairOutcome, held_out: int) -> int:
    """Clean images of which as many are held out, and B gets as many right as transfer has to be measured on."""
    usable = max(1, outcome.transfer.images) / max(1, len(session.parts.held_out))
    return ceil(max(7 * held_out / usable, IMAGES_A_CLASS * session.classes) / 50) * 50


def _about_the_loss(session: RepairSession, outcome: RepairOutcome, held_out: int) -> str:
    drop, chance = session.fallen(outcome)
    a_class = (len(session.parts.fit) + held_out) / session.classes
    few = (
        f"{a_class:.0f} clean images a class are few" if a_class >= 1.5 else "hardly one clean image a class is little"
    )
    enough = f"about {_WOULD_DO * session.classes:,} in all would keep it"
    advice = f"; {few}, and {enough}" if a_class < IMAGES_A_CLASS and outcome.repair.steps else ""
    if drop <= session.budget + chance:
        lost = round(drop * held_out / 100)
        return f"Held-out accuracy fell {drop:.1f} points ({lost} of {held_out} images), which may be chance{advice}."
    return f"Held-out accuracy fell {drop:.1f} points, more than the {session.budget:g} allowed{advice}."


def _percent(percent: float | None) -> str:
    return "–" if percent is None else f"{percent:.1f} %"
