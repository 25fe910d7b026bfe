"""Which of the saved networks can be used, if any: poisoned validation images decide, where there are some."""

from __future__ import annotations

from collections.abc import Iterator

from bdtui.engine.rates import Share
from bdtui.engine.repair.result import FEW_HELD_OUT
from bdtui.engine.reports.candidates import Candidate, candidates
from bdtui.engine.reports.record import RunRecord
from bdtui.engine.reports.verdict.evidence import MEASURED, SAFE_ASR, is_complete, measured_networks
from bdtui.engine.reports.verdict.words import interval, percent
from bdtui.engine.settings import POISONED_VALID, Gates

SAFE_DROP = 4.0
"""Clean validation accuracy, in points, that a recommended network may lie below B, where no accuracy is demanded."""


def recommended_network(run: RunRecord) -> Candidate | None:
    """The network that surely keeps the attack out at a tolerable cost: of those the one that costs least.

    Where no poisoned validation images may decide, a repair that can claim what can be claimed without them, or a network
    that never saw B, which is preferred where it is as good.
    """
    before = run.baseline_valid.clean
    if before is None:
        return None
    affordable = [(one, lost) for one in candidates(run) if (lost := _lost(one, before)) is not None]
    gates = run.gates
    tolerated = SAFE_DROP if gates.min_accuracy is None else before.percent - gates.min_accuracy
    safe = [
        (one, lost)
        for one, lost in affordable
        if lost <= tolerated and (_keeps_out(one, gates) if run.baseline_valid.attack else one.speaks_for_itself)
    ]
    return min(safe, key=lambda found: (found[1], not found[0].never_saw_badnet), default=(None, 0.0))[0]


def recommendation(run: RunRecord, recommended: Candidate | None, backdoor: str) -> Iterator[str]:
    """Which network can be used, or why none can."""
    if backdoor == MEASURED and recommended is None and (measured_networks(run) or is_complete(run)):
        gates = run.gates
        kept = f"a loss of at most {SAFE_DROP:g} points of clean accuracy"
        if gates.min_accuracy is not None:
            kept = f"a clean accuracy of at least {gates.min_accuracy:g} %"
        yield (
            f"No network here is safe to deploy: none has both an ASR that is surely at most {_tolerated_asr(gates):g} % "
            f"and {kept} on the validation images."
        )
    if backdoor == MEASURED and recommended is None:
        yield from _what_repairs_lack(run)
    if recommended is not None:
        yield f"Recommended: {recommended.file} ({recommended.name}), {_what_it_does(run, recommended)}."


def _what_it_does(run: RunRecord, one: Candidate) -> str:
    """The rates on test images where there are some: validation images chose the network."""
    tested = bool(one.test.attack and one.test.clean)
    rates, baseline = (one.test, run.baseline_test) if tested else (one.valid, run.baseline_valid)
    attack, clean, before = rates.attack, rates.clean, baseline.clean
    if not (attack and clean and before):
        if one.never_saw_badnet:
            return "which never saw B: nothing that is hidden in B is in it. It is as clean as the images it was trained on"
        return "by clean images alone; whether a backdoor is gone was not measured"
    measured = (
        f"with {percent(attack)} ASR ({interval(attack)}) and {percent(clean)} clean accuracy ({interval(clean)}; "
        f"B: {percent(before)})"
    )
    if tested:
        return f"{measured} on the test images; {'' if one.valid.attack else 'clean '}validation images chose it"
    poisoned = run.data.get(POISONED_VALID)
    stamped = poisoned is not None and poisoned.trigger is not None
    flattered = "both rates are" if stamped else "that accuracy is"
    trained = (
        "" if one.repair is None else f"; the repair was trained on most of the clean ones, so {flattered} flattered"
    )
    return f"{measured} on the validation images, which chose it{trained}"


def _what_repairs_lack(run: RunRecord) -> Iterator[str]:
    """Why repaired networks that keep the attack out are not recommended."""
    for one in candidates(run):
        if one.repaired_alone is None or not _keeps_out(one, run.gates):
            continue
        known = one.repaired_alone.chosen_by
        if known.unseen_classes:
            yield f"The {one.name} is not recommended: {known.unseen_classes:,} classes had no clean image."
        elif not known.shows_the_cost:
            yield (
                f"The {one.name} is not recommended: {known.held_out} held-out images do not show what it costs; "
                f"that takes at least {FEW_HELD_OUT}."
            )
        elif known.clean_drop is not None and known.clean_drop > 0:
            yield (
                f"The {one.name} is not recommended: it lost {known.clean_drop:.1f} points on the {known.held_out:,} "
                "held-out images."
            )


def _lost(one: Candidate, before: Share) -> float | None:
    """Points of clean accuracy that a network lies below B; None where that was not measured."""
    if one.valid.clean is None:
        return None
    lost = before.percent - one.valid.clean.percent
    if one.repair is None:
        return lost
    # A repair was trained on most of the validation images: what it was not trained on counts.
    known = one.repair.chosen_by
    return max(lost, known.clean_drop) if known.shows_the_cost and known.clean_drop is not None else None


def _keeps_out(one: Candidate, gates: Gates) -> bool:
    return one.valid.attack is not None and one.valid.attack.wilson_interval()[1] <= _tolerated_asr(gates)


def _tolerated_asr(gates: Gates) -> float:
    return SAFE_ASR if gates.max_asr is None else gates.max_asr
