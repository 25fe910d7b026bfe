"""The automatic repair: from cheap to dear, until a network follows B no more than one that never saw it, and is as good.

Chooses by two figures, both from clean images that nothing was trained on: accuracy and shared transfer. Neither knows a
trigger.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from bdtui.engine.events import Notice
from bdtui.engine.repair import ensemble, shrink_distil, shrink_distil_universal
from bdtui.engine.repair.following import Following
from bdtui.engine.repair.method import RepairedNetwork
from bdtui.engine.repair.methods import AUTO, SCRATCH, SHRINK_DISTIL
from bdtui.engine.repair.result import FEW_HELD_OUT
from bdtui.engine.repair.session import RepairOutcome, RepairSession

_LESS, _MORE = 0.5, 1.5
"""Times the share of B that a student began with."""


def repair_automatically(session: RepairSession) -> RepairOutcome:
    """Repair until transfer is as low as on the reference and accuracy within the budget; else the best there is.

    Raises:
        InputError: a method cannot work with this network or these images.
        Interrupted: the reporter requested a stop.
    """
    reference = session.repair(SCRATCH)
    found = [session.repair(SHRINK_DISTIL)]
    for name, work in _further(session, found, reference):
        if len(session.parts.held_out) < FEW_HELD_OUT:
            # Too few to choose by: what was measured to be best stands.
            break
        if is_enough(session, found[-1], reference):
            break
        session.reporter.emit(Notice(f"auto: {_why(session, found[-1], reference)}; trying {name}"))
        found.append(session.carry_out(name, work))
    best = choose(session, found, reference)
    repair = best.repair
    seconds = sum(each.repair.seconds for each in [reference, *found])
    return replace(
        best,
        repair=replace(
            repair,
            method=f"{AUTO}:{repair.method}",
            seconds=seconds,
            sentences=(*repair.sentences, *_where_scratch_does(session, reference, best)),
        ),
    )


def is_enough(session: RepairSession, outcome: RepairOutcome, reference: RepairOutcome) -> bool:
    """Whether a repair is as good as is wanted."""
    drop, chance = session.fallen(outcome)
    # Few held-out images cannot show half a point: what they lose by chance is no reason to go on.
    return _following(session, outcome, reference).no_more and drop <= session.budget + chance


def choose(session: RepairSession, found: list[RepairOutcome], reference: RepairOutcome) -> RepairOutcome:
    """The most accurate of those that follow B no more than the reference; without such the one that follows it least."""
    safe = _safe(session, found, reference)
    if safe:
        return max(safe, key=lambda each: each.accuracy or 0.0)
    return min(found, key=lambda each: _following(session, each, reference).beyond)


def _safe(session: RepairSession, found: list[RepairOutcome], reference: RepairOutcome) -> list[RepairOutcome]:
    return [each for each in found if _following(session, each, reference).no_more]


def _following(session: RepairSession, outcome: RepairOutcome, reference: RepairOutcome) -> Following:
    return Following(outcome.transfer, reference.transfer, session.badnet_transfer)


def _further(
    session: RepairSession, found: list[RepairOutcome], reference: RepairOutcome
) -> Iterator[tuple[str, Callable[[], RepairedNetwork]]]:
    """What to try next, one after the other, by what the last came to."""
    given = session.given(SHRINK_DISTIL)
    start = shrink_distil.default_start(given) if given.options.start is None else given.options.start
    steps = session.options.steps or shrink_distil.STEPS

    def trying(name: str, start: float, times: int = 1) -> tuple[str, Callable[[], RepairedNetwork]]:
        given = session.given(name, start=start, steps=times * steps)
        return name, lambda: shrink_distil.repair(given)

    if _following(session, found[-1], reference).no_more:
        yield trying(f"{SHRINK_DISTIL}-longer", start, 2)
        yield trying(f"{SHRINK_DISTIL}-more", min(0.7, _MORE * start), 2)
    else:
        yield trying(f"{SHRINK_DISTIL}-less", _LESS * start)
        given = session.given("shrink-distil+universal", start=_LESS * start)
        yield "shrink-distil+universal", lambda: shrink_distil_universal.repair(given)
        yield trying("fresh-student", 0.0, 2)
    given = session.given("ensemble", start=start if _safe(session, found, reference) else 0.0)
    yield "ensemble", lambda: ensemble.repair(given)


def _where_scratch_does(session: RepairSession, reference: RepairOutcome, best: RepairOutcome) -> tuple[str, ...]:
    """Where the network from scratch is the better choice, a sentence that says so."""
    if reference.accuracy is None or best.accuracy is None or len(session.parts.held_out) < FEW_HELD_OUT:
        return ()
    drop, chance = session.fallen(reference)
    if reference.accuracy >= best.accuracy:
        does = "is as good on held-out images, so B is not needed"
    elif not best.repair.chosen_by.claims and drop <= session.budget + chance:
        does = "is within the budget on held-out images"
    else:
        return ()
    return (f"A network trained from scratch on the same images {does}: take that of scratch, which never saw B.",)


def _why(session: RepairSession, outcome: RepairOutcome, reference: RepairOutcome) -> str:
    following = _following(session, outcome, reference)
    if not following.no_more:
        return f"shared transfer {following.compared}"
    return f"held-out accuracy fell {outcome.repair.chosen_by.clean_drop or 0:.1f} points"
