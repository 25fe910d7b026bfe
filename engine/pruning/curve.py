"""The pruning defence: prune channels one by one and see what that does to accuracy and attack success."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cache
from math import floor

from bdtui.engine.evaluation.measurements import Evaluator
from bdtui.engine.event_values import Estimate, Threshold
from bdtui.engine.network.pruned_channels import along
from bdtui.engine.rates import Rates, Share
from bdtui.engine.reporter import SILENT, Reporter


@dataclass(frozen=True)
class Step:
    """The network after the first ``step`` channels of the order were pruned; step 0 is the BadNet itself.

    Attributes:
        step: how many channels are pruned.
        channel: the one that went last; None at step 0.
        fraction: ``step`` ÷ channels, 0–1.
        rates: on the validation sets.
        estimate: of the attack success, by reversed triggers; None where none stands in for poisoned images.
    """

    step: int
    channel: int | None
    fraction: float
    rates: Rates
    estimate: Estimate | None = None


def draw_curve(evaluator: Evaluator, order: Sequence[int], reporter: Reporter = SILENT) -> Iterator[Step]:
    """Walk through the steps of a pruning order, from step 0 to the last channel."""
    for step, pruned in enumerate(along(order)):
        evaluator.measure_steps(order, step, reporter)
        yield _step(order, step, evaluator.rates("valid", pruned, reporter))


def known_steps(evaluator: Evaluator, order: Sequence[int], first: int = 0) -> Iterator[Step]:
    """The steps of a pruning order from the ``first`` on that are measured already, up to one that is not."""
    for step, pruned in enumerate(along(order)[first:], first):
        rates = evaluator.known_rates("valid", pruned)
        if rates is None:
            return
        yield _step(order, step, rates)


def _step(order: Sequence[int], step: int, rates: Rates) -> Step:
    return Step(step, order[step - 1] if step else None, step / len(order), rates)


def find_threshold(curve: Iterable[Step], order: Sequence[int], threshold: Threshold) -> Threshold:
    """The threshold with the first step of a curve at or past its drop, if there is one."""
    baseline = None
    for step in curve:
        baseline = baseline or step.rates.clean
        if baseline and step.rates.clean and has_dropped(baseline, step.rates.clean, threshold.drop):
            return replace(threshold, step=step.step, channels=tuple(order[: step.step]), rates=step.rates)
    return threshold


def has_dropped(baseline: Share, now: Share, drop: float) -> bool:
    """Whether accuracy fell by at least ``drop`` percentage points, without rounding; both of the same images."""
    return now.hits <= _most_hits_dropped(baseline, drop)


@cache
def _most_hits_dropped(baseline: Share, drop: float) -> int:
    return floor(baseline.hits - Fraction(repr(float(drop))) * baseline.images / 100)
