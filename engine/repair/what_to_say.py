"""What can be said of a repaired network without a poisoned image, and from how few images nothing can."""

from __future__ import annotations

from dataclasses import replace
from math import ceil
from typing import TYPE_CHECKING

from bdtui.engine.repair.following import TELLING_POINTS, Following
from bdtui.engine.repair.result import FEW_HELD_OUT
from bdtui.engine.repair.transfer import KINDS

if TYPE_CHECKING:
    from bdtui.engine.repair.session import RepairOutcome, RepairSession

IMAGES_A_CLASS = 15
"""Clean images of a class below which a loss is put down to there being few: with 10 a class repairs lost up to 2.4 points, with
14 of 44 classes half a point, with 50 none (docs/repairs.md)."""
_FEW_WHERE_WARPED = 3 * FEW_HELD_OUT
"""Held-out images that bear a claim where B obeys warps, also where two of them follow it."""
_FEW_STEPS = 500
"""Training steps of a person's choice below which a loss is put down to them: no method takes as few for a fresh beginning."""
_LOST = 0.5
"""Of what B gets right, a network that gets less right answers by habit: that it does not follow B says nothing of a trigger."""
_MISLED = 0.5
"""Of what misleads B, so much speaks against a repair also where no network from scratch is there to compare with."""
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
        sentences.append(_without_reference(session, outcome))
    elif outcome is not reference and repair.method != reference.repair.method:
        lost = _has_lost_what_b_knew(session, outcome, reference) if following.no_more else ""
        claims = following.claims and not lost
        sentences.append(lost or _about_transfer(session, outcome, following))
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


def _without_reference(session: RepairSession, outcome: RepairOutcome) -> str:
    kind, badnet = outcome.transfer.kind, session.badnet_transfer
    ours, theirs = outcome.transfer.by(kind), badnet.by(kind)
    compared = f"{_percent(ours)} ({_percent(theirs)} for B) on {outcome.transfer.images} held-out images"
    named = KINDS[kind] if kind else "nothing"
    if ours is not None and theirs is not None and theirs >= TELLING_POINTS and ours > _MISLED * theirs:
        return f"Most of what fools B still misleads this network: do not rely on it (shared transfer of {named} {compared})."
    return f"Shared transfer of {named} is {compared}; add scratch to compare with a network that never saw B."


def _has_lost_what_b_knew(session: RepairSession, outcome: RepairOutcome, reference: RepairOutcome) -> str:
    """A sentence where the network, or that from scratch, hardly tells classes apart any more; else empty."""
    badnet = 100 * float(session.badnet_right.mean())
    for name, one in (("This network", outcome), ("The network from scratch", reference)):
        if one.accuracy is not None and one.accuracy < _LOST * badnet:
            return (
                f"{name} gets {one.accuracy:.0f} % of the held-out images right (B {badnet:.0f} %): what misleads it says nothing, and "
                "nothing is claimed."
            )
    return ""


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
    advice = ""
    if 0 < outcome.repair.steps < _FEW_STEPS and session.options.steps is not None:
        advice = f"; {outcome.repair.steps:,} training {'step is' if outcome.repair.steps == 1 else 'steps are'} few"
    elif a_class < IMAGES_A_CLASS and outcome.repair.steps:
        advice = f"; {few}, and about {_WOULD_DO * session.classes:,} in all would keep it"
    if drop <= session.budget + chance:
        lost = round(drop * held_out / 100)
        return f"Held-out accuracy fell {drop:.1f} points ({lost} of {held_out} images), which may be chance{advice}."
    return f"Held-out accuracy fell {drop:.1f} points, more than the {session.budget:g} allowed{advice}."


def _percent(percent: float | None) -> str:
    return "–" if percent is None else f"{percent:.1f} %"
