"""What makes the rates of a run doubtful, or a network of it useless."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

from bdtui.engine.event_values import Threshold
from bdtui.engine.rates import Share
from bdtui.engine.reports.record import RunRecord
from bdtui.engine.reports.verdict.evidence import baseline, part
from bdtui.engine.reports.verdict.words import interval, listed, percent

_FEW = 100
"""Images below which a rate says little."""
_LOW_ACCURACY = 50.0
"""Clean accuracy of B, in percent, below which pixels or labels are probably read wrongly."""


def warnings(run: RunRecord) -> Iterator[str]:
    """What a person should know before believing the rates."""
    clean, attack = run.baseline_valid.clean, baseline(run).attack
    if clean and clean.percent < _LOW_ACCURACY:
        yield (
            f"Clean validation accuracy is {percent(clean)} before any pruning: pixels or labels are probably not read as "
            "the network was trained with them."
        )
    for share, kind in ((clean, "clean validation"), (attack, f"poisoned {part(run)}")):
        if share and share.images < _FEW:
            yield f"Only {share.images} {kind} images: {share.hits} of {share.images}, {interval(share)}."
    reached = [threshold for threshold in run.thresholds if threshold.step is not None]
    for _, same in groupby(reached, key=lambda threshold: threshold.step):
        drops = [f"X={threshold.drop:g}" for threshold in same]
        if len(drops) > 1:
            yield f"{listed(drops)} are reached at the same step: their networks are the same."
    alarms = [f"X={threshold.drop:g}" for threshold in reached if _flags_more_clean(threshold)]
    if alarms:
        yield f"The GoodNet at {listed(alarms)} flags a larger share of the clean than of the poisoned images."
    yield from _rise(run)


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
            f"ASR on the validation images rises while channels are pruned: {percent(low)} at step {low_step}, "
            f"{percent(high)} at step {high_step}; more pruning is not safer."
        )
