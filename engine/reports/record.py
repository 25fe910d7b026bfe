"""What a run measured, as the report reads it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bdtui.engine.evaluation.rates import NO_RATES, Rates
from bdtui.engine.pruning.curve import Step, Threshold


@dataclass(frozen=True)
class MeasuredThreshold:
    """A threshold with the rates of its two networks; test rates are empty where there is no test data.

    Attributes:
        threshold: where it was reached, with the validation rates of B′.
        model: file name of B′; None where the threshold was not reached.
        goodnet: file name of G; None where the threshold was not reached.
        goodnet_valid: of G on the validation sets.
        pruned_test: of B′ on the test sets.
        goodnet_test: of G on the test sets.
    """

    threshold: Threshold
    model: str | None = None
    goodnet: str | None = None
    goodnet_valid: Rates = NO_RATES
    pruned_test: Rates = NO_RATES
    goodnet_test: Rates = NO_RATES


@dataclass(frozen=True)
class ReportedRun:
    """What the report covers.

    Attributes:
        version: of bdtui.
        model: path of the model, and how it was opened.
        classes: N.
        data: a line for every image set: role, path, number of images.
        input_sentence: how pixels were read.
        profiled: name of the profiled layer.
        pruned: name of the weighted layer behind it.
        channels: how many it has.
        silent: how many were silent in the model as opened.
        inactive: how many fire on no clean validation image.
        ranking: name of the ranking.
        baseline_valid: of B.
        baseline_test: of B.
        curve: step 0 first.
        tested: the thresholds, ascending.
        notices: things a reader should know.
    """

    version: str
    model: str
    classes: int
    data: Sequence[tuple[str, str, int]]
    input_sentence: str
    profiled: str
    pruned: str
    channels: int
    silent: int
    inactive: int
    ranking: str
    baseline_valid: Rates
    baseline_test: Rates
    curve: Sequence[Step]
    tested: Sequence[MeasuredThreshold]
    notices: Sequence[str]
