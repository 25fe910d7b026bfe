"""What to do next."""

from __future__ import annotations

from collections.abc import Iterator

from bdtui.engine.event_values import ComparedOrder
from bdtui.engine.reports.candidates import Candidate
from bdtui.engine.reports.record import RunRecord
from bdtui.engine.reports.verdict.detection import next_by_detection
from bdtui.engine.reports.verdict.evidence import (
    INCONCLUSIVE,
    MEASURED,
    NO_SIGN,
    SAFE_ASR,
    baseline,
    is_complete,
    measured_networks,
    was_repaired_automatically,
)

_TELLING = 73
"""Images of which none gets the attacker's class, for the interval to end at `SAFE_ASR`."""


def next_step(run: RunRecord, backdoor: str, recommended: Candidate | None) -> Iterator[str]:
    """What to do next, in one sentence."""
    attack = baseline(run).attack
    if attack is None and run.detection is not None:
        yield next_by_detection(run, run.detection)
    elif attack is None:
        yield (
            "Next: look for a backdoor by clean images alone (--detect auto, or d in the app), or give poisoned images "
            "(--poisoned-valid) or the trigger (--trigger); until then a trained backdoor goes unseen."
        )
    elif recommended is not None:
        yield "Next: try it on images of your own; a low ASR applies only to this trigger and these images."
    elif run.baseline_valid.attack is None:
        yield "Next: give poisoned validation images (--poisoned-valid); test images do not choose a network."
    elif run.baseline_valid.attack.images < _TELLING and backdoor != NO_SIGN:
        yield f"Next: give more poisoned images; of fewer than {_TELLING}, no ASR is surely at most {SAFE_ASR:g} %."
    elif backdoor == MEASURED and not measured_networks(run) and not is_complete(run):
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
    repair = "" if was_repaired_automatically(run) else "repair it (--repair auto, or f in the app)"
    if not run.comparison:
        return f"Next: {repair}{repair and ', or '}compare layers and rankings (--compare, or c in the app)."
    best = run.comparison[0]
    if not _does_better(run, best):
        return f"Next: {repair or 'do not deploy it'}; of the layers and rankings compared none does better."
    return (
        f"Next: prune {best.layer} by {best.ranking} (--layer {best.layer} --ranking {best.ranking}, or enter in the app's "
        "comparison)."
    )


def _does_better(run: RunRecord, order: ComparedOrder) -> bool:
    """Whether a threshold of another order has a larger margin than any here: a comparison may lack the run's own order."""
    if (order.layer, order.ranking) == (run.layer.profiled, run.ranking):
        return False
    own = [
        rates.clean.percent - rates.attack.percent
        for rates in (threshold.rates for threshold in run.thresholds if threshold.step is not None)
        if rates.clean and rates.attack
    ]
    return not own or (order.margin is not None and order.margin > max(own))
