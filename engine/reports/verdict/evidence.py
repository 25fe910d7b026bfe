"""The words of a verdict, and what in a run speaks of the attack."""

from __future__ import annotations

from bdtui.engine.event_values import Threshold
from bdtui.engine.rates import Rates, Share
from bdtui.engine.repair.methods import AUTO
from bdtui.engine.reports.record import RunRecord

MEASURED, NO_SIGN, INCONCLUSIVE, NOT_EXAMINED = "measured", "no sign", "inconclusive", "not examined"

SAFE_ASR = 5.0
"""Attack success, in percent, that the upper end of its interval must not exceed for a network to be recommended, where
nobody demands another."""


def baseline(run: RunRecord) -> Rates:
    """Of B, on the images that speak of the attack: the test images where there are poisoned ones."""
    return run.baseline_test if run.baseline_test.attack else run.baseline_valid


def part(run: RunRecord) -> str:
    """What a person calls the images of `baseline`."""
    return "test" if run.baseline_test.attack else "validation"


def measured_networks(run: RunRecord) -> list[tuple[Threshold, Share]]:
    """The thresholds that were reached, with the ASR that B′ has there on the images of `baseline`."""
    test = run.baseline_test.attack is not None
    return [
        (threshold, attack)
        for threshold in run.thresholds
        if threshold.step is not None and (attack := (threshold.pruned_test if test else threshold.rates).attack)
    ]


def was_repaired_automatically(run: RunRecord) -> bool:
    """Whether ``auto`` has done what it could."""
    return any(repair.method.startswith(AUTO) for repair in run.repairs)


def is_complete(run: RunRecord) -> bool:
    """Whether the curve was drawn to its end."""
    return bool(run.curve) and run.curve[-1].step == run.layer.channels
