"""The answer a person came for: is there a backdoor, towards what, did it survive, and what can be used instead."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from itertools import groupby
from typing import Any

from bdtui.engine.evaluation.target import ALL_TO_ALL
from bdtui.engine.event_values import (
    COMPARISON,
    DETECTION,
    FINDING,
    GOODNET_FATES,
    NEXT,
    RECOMMENDATION,
    REPAIRS,
    SURVIVAL,
    WARNING,
    ComparedOrder,
    Threshold,
    Verdict,
)
from bdtui.engine.inputs.doubts import is_doubt
from bdtui.engine.rates import NO_RATES, Rates, Share
from bdtui.engine.reports.candidates import Candidate, candidates
from bdtui.engine.reports.record import RunRecord
from bdtui.engine.reports.verdict_detection import (
    detection_finding,
    detection_reasons,
    next_by_detection,
    suspected_target,
    suspicion,
)
from bdtui.engine.settings import Gates

MEASURED, NO_SIGN, INCONCLUSIVE, NOT_EXAMINED = "measured", "no sign", "inconclusive", "not examined"

SAFE_ASR = 5.0
"""Attack success, in percent, that the upper end of its interval must not exceed for a network to be recommended, where
nobody demands another."""
SAFE_DROP = 4.0
"""Clean validation accuracy, in points, that a recommended network may lie below B, where no accuracy is demanded."""
_FEW = 100
"""Images below which a rate says little."""
_TELLING = 73
"""Images of which none gets the attacker's class, for the interval to end at `SAFE_ASR`."""
_LOW_ACCURACY = 50.0
"""Clean accuracy of B, in percent, below which pixels or labels are probably read wrongly."""


def judge(run: RunRecord) -> Verdict:
    """Judge a run.

    Poisoned images that are given may tell which network to use, those for validation alone; test images only measure.
    """
    backdoor = _backdoor(run)
    detection = run.detection if backdoor == NOT_EXAMINED else None
    survives = _survives(run) if backdoor == MEASURED else None
    doubts = [f"But {notice}." for notice in run.notices if is_doubt(notice)]
    is_clear = backdoor not in (MEASURED, NOT_EXAMINED) or (detection is not None and detection.verdict == NO_SIGN)
    recommended = None if is_clear or doubts else _recommended(run)
    settle = ["Next: settle what is in doubt, and run again; the rates here mean little."]
    parts: list[tuple[str, Iterable[str]]] = [
        (FINDING, [_finding(run, backdoor) if detection is None else detection_finding(run, detection)]),
        (DETECTION, detection_reasons(run, is_measured=backdoor != NOT_EXAMINED)),
        (WARNING, doubts),
        (SURVIVAL, _survival(run, survives, backdoor)),
        (RECOMMENDATION, () if doubts else _recommendation(run, recommended, backdoor)),
        (GOODNET_FATES, () if backdoor == NO_SIGN else _fates(run, recommended)),
        (REPAIRS, _repairs(run)),
        (COMPARISON, _comparison(run)),
        (WARNING, _warnings(run)),
        (NEXT, settle if doubts else _next(run, backdoor, recommended)),
    ]
    told = [(kind, sentence) for kind, sentences in parts for sentence in sentences]
    target = run.target if backdoor == MEASURED else None
    if detection is not None:
        backdoor, target = suspicion(detection), suspected_target(detection)
    file = None if recommended is None else recommended.file
    return Verdict(
        INCONCLUSIVE if doubts and backdoor != NOT_EXAMINED else backdoor,
        target,
        survives,
        file,
        sentences=tuple(sentence for _, sentence in told),
        kinds=tuple(kind for kind, _ in told),
    )


def results_json(run: RunRecord) -> dict[str, Any]:
    """The content of results.json: the record of a run, and its verdict."""
    verdict = asdict(judge(run))
    lists = {name: list(verdict[name]) for name in ("sentences", "kinds")}
    return {**run.as_json(), "verdict": {**verdict, **lists}}


def _baseline(run: RunRecord) -> Rates:
    """Of B, on the images that speak of the attack: the test images where there are poisoned ones."""
    return run.baseline_test if run.baseline_test.attack else run.baseline_valid


def _part(run: RunRecord) -> str:
    """What a person calls the images of `_baseline`."""
    return "test" if run.baseline_test.attack else "validation"


def _networks(run: RunRecord) -> list[tuple[Threshold, Share]]:
    """The thresholds that were reached, with the ASR that B′ has there on the images of `_baseline`."""
    test = run.baseline_test.attack is not None
    return [
        (threshold, attack)
        for threshold in run.thresholds
        if threshold.step is not None and (attack := (threshold.pruned_test if test else threshold.rates).attack)
    ]


def _backdoor(run: RunRecord) -> str:
    rates = _baseline(run)
    if rates.attack is None:
        return NOT_EXAMINED
    low, high = rates.attack.wilson_interval()
    # A network that is often wrong gives the attacker's class to some images without any trigger.
    chance = max(SAFE_ASR, 100 - rates.clean.percent if rates.clean else 0.0)
    # Where true classes are not known, some images may be of that class anyway.
    own = 100 / run.model.classes if rates.recovered is None else 0.0
    return NO_SIGN if high <= chance else MEASURED if low > max(chance, own) else INCONCLUSIVE


def _finding(run: RunRecord, backdoor: str) -> str:
    attack = _baseline(run).attack
    if attack is None:
        return "Not examined: no poisoned images were given, so whether there is a backdoor was not measured."
    measured = f"{_share(attack)} of {attack.images:,} poisoned {_part(run)} images ({_interval(attack)})"
    if backdoor == NO_SIGN:
        return f"No sign of this trigger: {measured} get the attacker's class."
    if backdoor == INCONCLUSIVE:
        return f"Inconclusive: {measured} get the attacker's class, which may be chance."
    if run.target == ALL_TO_ALL:
        return f"Backdoor, all-to-all: {measured} get the class of their label; if labels are true classes, it is no attack."
    towards = "" if run.target is None else f" towards {run.model.class_text(int(run.target))}"
    return f"Backdoor{towards}: {measured}."


def _survives(run: RunRecord) -> bool | None:
    intervals = [attack.wilson_interval() for _, attack in _networks(run)]
    if any(high <= SAFE_ASR for _, high in intervals):
        return False
    return True if intervals and all(low > SAFE_ASR for low, _ in intervals) else None


def _survival(run: RunRecord, survives: bool | None, backdoor: str) -> Iterator[str]:
    if backdoor != MEASURED:
        return
    networks = _networks(run)
    if not networks:
        if run.thresholds and _is_complete(run):
            yield f"Pruning {run.layer.owner} never cost {run.thresholds[0].drop:g} points, so no network was saved."
        return
    threshold, attack = min(networks, key=lambda network: network[1].percent)
    left = f"Pruning {run.layer.owner} to −{threshold.drop:g} points leaves {_share(attack)}"
    if survives is None:
        yield f"{left} ({_interval(attack)}): too few images to tell whether the backdoor survives."
    else:
        yield f"{left}: it survives." if survives else f"{left}: pruning removes this trigger's effect."


def _is_complete(run: RunRecord) -> bool:
    """Whether the curve was drawn to its end."""
    return bool(run.curve) and run.curve[-1].step == run.layer.channels


def _recommended(run: RunRecord) -> Candidate | None:
    """The network that surely keeps the attack out at a tolerable cost: of those the one that costs least.

    Where no poisoned validation images may decide, a repair that can claim what can be claimed without them.
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
        if lost <= tolerated and (_keeps_out(one, gates) if run.baseline_valid.attack else _claims(one))
    ]
    return min(safe, key=lambda found: found[1], default=(None, 0.0))[0]


def _lost(one: Candidate, before: Share) -> float | None:
    """Points of clean accuracy that a network lies below B; None where that was not measured."""
    if one.valid.clean is None:
        return None
    lost = before.percent - one.valid.clean.percent
    held_out = None if one.repair is None else one.repair.chosen_by.clean_drop
    # A repair was trained on most of the validation images: what it was not trained on counts.
    return lost if held_out is None else max(lost, held_out)


def _keeps_out(one: Candidate, gates: Gates) -> bool:
    return one.valid.attack is not None and one.valid.attack.wilson_interval()[1] <= _tolerated_asr(gates)


def _claims(one: Candidate) -> bool:
    return one.repair is not None and not one.is_goodnet and one.repair.chosen_by.claims


def _tolerated_asr(gates: Gates) -> float:
    return SAFE_ASR if gates.max_asr is None else gates.max_asr


def _recommendation(run: RunRecord, recommended: Candidate | None, backdoor: str) -> Iterator[str]:
    if backdoor == MEASURED and recommended is None and (_networks(run) or _is_complete(run)):
        gates = run.gates
        kept = f"a loss of at most {SAFE_DROP:g} points of clean accuracy"
        if gates.min_accuracy is not None:
            kept = f"a clean accuracy of at least {gates.min_accuracy:g} %"
        yield (
            f"No network here is safe to deploy: none has both an ASR that is surely at most {_tolerated_asr(gates):g} % "
            f"and {kept} on the validation images."
        )
    if recommended is not None and recommended.valid.attack and recommended.valid.clean and run.baseline_valid.clean:
        attack, clean = recommended.valid.attack, recommended.valid.clean
        yield (
            f"Recommended: {recommended.file} ({recommended.name}), with {_share(attack)} ASR ({_interval(attack)}) and "
            f"clean accuracy {clean.percent:.2f} % (B: {run.baseline_valid.clean.percent:.2f} %) on the validation images."
        )
    elif recommended is not None:
        yield (
            f"Recommended: {recommended.file} ({recommended.name}), by clean images alone; whether a backdoor is gone was "
            "not measured."
        )


def _fates(run: RunRecord, recommended: Candidate | None) -> Iterator[str]:
    """What G makes of poisoned and of clean images: of what is recommended, or where pruning went farthest."""
    goodnets = [one for one in candidates(run) if one.is_goodnet]
    own = [
        one
        for one in goodnets
        if recommended and (one == recommended or (one.repair and one.repair == recommended.repair))
    ]
    pruned = [one for one in goodnets if one.repair is None]
    shown = next((found[-1] for found in (own, pruned, goodnets) if found), None)
    tested = shown is not None and shown.test.poisoned_flagged is not None
    rates = NO_RATES if shown is None else shown.test if tested else shown.valid
    if shown is None or rates.attack is None or rates.poisoned_flagged is None:
        return
    recovered = f", {_share(rates.recovered)} get their true class" if rates.recovered else ""
    alarms = f" It flags {_share(rates.clean_flagged)} of the clean images." if rates.clean_flagged else ""
    left = f", {_share(rates.attack)} still get the attacker's class"
    if rates.attack.images != rates.poisoned_flagged.images:
        # The ASR leaves out images that are of the attacker's class anyway.
        left = (
            f"; of the {rates.attack.images} that are not of the attacker's class {_share(rates.attack)} still get it"
        )
    yield (
        f"{shown.name}: of the poisoned {'test' if tested else 'validation'} images "
        f"{_share(rates.poisoned_flagged)} are flagged{recovered}{left}.{alarms}"
    )


def _repairs(run: RunRecord) -> Iterator[str]:
    """What every repair came to, and what can be said of it without poisoned images."""
    for repair in run.repairs:
        rates, kind = (repair.test, "test") if repair.test != NO_RATES else (repair.valid, "validation")
        measured = [f"clean accuracy {_share(rates.clean)}"] if rates.clean else []
        measured += [f"ASR {_share(rates.attack)}"] if rates.attack else []
        measured += (
            [f"{_share(rates.recovered)} of the poisoned images get their true class"] if rates.recovered else []
        )
        said = "".join(f" {sentence}" for sentence in repair.sentences)
        yield f"Repaired by {repair.shown_name}: {', '.join(measured)} ({kind} images).{said}"


def _warnings(run: RunRecord) -> Iterator[str]:
    clean, attack = run.baseline_valid.clean, _baseline(run).attack
    if clean and clean.percent < _LOW_ACCURACY:
        yield (
            f"Clean validation accuracy is {_share(clean)} before any pruning: pixels or labels are probably not read as the network "
            "was trained with them."
        )
    for share, kind in ((clean, "clean validation"), (attack, f"poisoned {_part(run)}")):
        if share and share.images < _FEW:
            yield f"Only {share.images} {kind} images: {share.hits} of {share.images}, {_interval(share)}."
    reached = [threshold for threshold in run.thresholds if threshold.step is not None]
    for _, same in groupby(reached, key=lambda threshold: threshold.step):
        drops = [f"X={threshold.drop:g}" for threshold in same]
        if len(drops) > 1:
            yield f"{_listed(drops)} are reached at the same step: their networks are the same."
    alarms = [f"X={threshold.drop:g}" for threshold in reached if _flags_more_clean(threshold)]
    if alarms:
        yield f"The GoodNet at {_listed(alarms)} flags a larger share of the clean than of the poisoned images."
    yield from _rise(run)


def _listed(names: Sequence[str]) -> str:
    *some, last = names
    return f"{', '.join(some)} and {last}" if some else last


def _flags_more_clean(threshold: Threshold) -> bool:
    rates = threshold.goodnet_test if threshold.goodnet_test.poisoned_flagged else threshold.goodnet_valid
    clean, poisoned = rates.clean_flagged, rates.poisoned_flagged
    return clean is not None and poisoned is not None and clean.percent > poisoned.percent


def _rise(run: RunRecord) -> Iterator[str]:
    """A word where the attack succeeds again as more channels go, by more than chance."""
    lowest: tuple[int, Share] | None = None
    rises: list[tuple[float, int, Share, int, Share]] = []
    for step in run.curve:
        attack = step.rates.attack
        if attack is None or step.step == run.layer.channels:
            # Without any channel left, all images get one class.
            break
        if lowest is None or attack.percent < lowest[1].percent:
            lowest = step.step, attack
        elif attack.wilson_interval()[0] > lowest[1].wilson_interval()[1]:
            rises.append((attack.percent - lowest[1].percent, *lowest, step.step, attack))
    if rises:
        _, low_step, low, high_step, high = max(rises, key=lambda rise: rise[0])
        yield (
            f"ASR on the validation images rises while channels are pruned: {_share(low)} at step {low_step}, {_share(high)} "
            f"at step {high_step}; "
            "more pruning is not safer."
        )


def _next(run: RunRecord, backdoor: str, recommended: Candidate | None) -> Iterator[str]:
    attack = _baseline(run).attack
    if attack is None and run.detection is not None:
        yield next_by_detection(run, run.detection)
    elif attack is None:
        yield (
            "Next: give poisoned images (--poisoned-valid), or the trigger (--trigger); without them a trained backdoor goes "
            "unseen."
        )
    elif recommended is not None:
        yield "Next: try it on images of your own; a low ASR applies only to this trigger and these images."
    elif run.baseline_valid.attack is None:
        yield "Next: give poisoned validation images (--poisoned-valid); test images do not choose a network."
    elif run.baseline_valid.attack.images < _TELLING and backdoor != NO_SIGN:
        yield f"Next: give more poisoned images; of fewer than {_TELLING}, no ASR is surely at most {SAFE_ASR:g} %."
    elif backdoor == MEASURED and not _networks(run) and not _is_complete(run):
        yield "Next: prune to the thresholds, to see whether the backdoor survives."
    elif backdoor == MEASURED:
        yield _next_order(run)
    elif backdoor == INCONCLUSIVE:
        yield "Next: give more poisoned images, or check that 'label' is the attacker's target."
    elif any(images.trigger for images in run.data.values()):
        yield "Next: keep the network as it is, or try another trigger: this one does not work, another still may."
    else:
        yield "Next: check that these images carry the trigger; another trigger may still work."


def _next_order(run: RunRecord) -> str:
    tried = any(repair.method.startswith("auto") for repair in run.repairs)
    repair = "" if tried else "repair it (--repair auto)"
    if not run.comparison:
        return f"Next: {repair}{repair and ', or '}compare layers and rankings (--compare, or c in the app)."
    best = run.comparison[0]
    if _is_own(run, best):
        return f"Next: {repair or 'do not deploy it'}; of the layers and rankings compared none does better."
    return (
        f"Next: prune {best.layer} by {best.ranking} (--layer {best.layer} --ranking {best.ranking}, or enter in the app's "
        "comparison)."
    )


def _comparison(run: RunRecord) -> Iterator[str]:
    """Which of the layers and rankings that were compared does best."""
    if not run.comparison:
        return
    best = run.comparison[0]
    reached = best.best or best.thresholds[-1]
    if reached.step is None or reached.rates.clean is None:
        return
    clean, attack = reached.rates.clean, reached.rates.attack
    left = f"{_share(attack)} ASR at " if attack else f"{reached.step} of {best.channels} channels pruned at "
    yield (
        f"Of {len(run.comparison)} layers and rankings compared, {best.layer} by {best.ranking} does best: {left}"
        f"{_share(clean)} clean accuracy on the validation images (X={reached.drop:g})."
    )


def _is_own(run: RunRecord, order: ComparedOrder) -> bool:
    return (order.layer, order.ranking) == (run.layer.profiled, run.ranking)


def _share(share: Share) -> str:
    return f"{share.percent:.2f} %"


def _interval(share: Share) -> str:
    low, high = (f"{bound:.1f}".removesuffix(".0") for bound in share.wilson_interval())
    return f"95 % interval {low}–{high}"
