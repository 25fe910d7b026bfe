"""Gates ask whether one network of the run is good enough on all counts at once."""

from __future__ import annotations

import pytest

from bdtui.engine.metrics import NO_RATES, Rates, Share
from bdtui.engine.pruning import Threshold
from bdtui.engine.report import MeasuredThreshold
from bdtui.tui.gates import Gates


def rates(accuracy: int, asr: int | None) -> Rates:
    return Rates(clean=Share(accuracy, 100), attack=None if asr is None else Share(asr, 100))


def measured(pruned: Rates, goodnet: Rates, valid: Rates = NO_RATES) -> MeasuredThreshold:
    return MeasuredThreshold(Threshold(2, 1, (0,), valid), pruned_test=pruned, goodnet_test=goodnet)


RUN = [measured(rates(97, 90), rates(96, 88)), measured(rates(88, 45), rates(87, 40))]


@pytest.mark.parametrize(
    ("gates", "met"),
    [
        (Gates(), True),
        (Gates(max_asr=40), True),
        (Gates(max_asr=39.9), False),
        (Gates(min_accuracy=97), True),
        (Gates(min_accuracy=97.1), False),
        (Gates(max_asr=45, min_accuracy=88), True),
        (Gates(max_asr=45, min_accuracy=89), False),
    ],
)
def test_one_network_has_to_meet_all_demands(gates: Gates, met: bool) -> None:
    assert (gates.failure(RUN) is None) == met


def test_test_rates_count_before_validation_rates() -> None:
    run = [measured(rates(50, 50), rates(50, 50), valid=rates(99, 0))]
    assert Gates(max_asr=10).failure(run) is not None


def test_validation_rates_count_where_there_is_no_test_set() -> None:
    run = [measured(NO_RATES, NO_RATES, valid=rates(99, 0))]
    assert Gates(max_asr=10, min_accuracy=90).failure(run) is None


def test_no_threshold_reached_means_no_network() -> None:
    failure = Gates(max_asr=10).failure([MeasuredThreshold(Threshold(2, None))])
    assert failure is not None
    assert "no threshold was reached" in failure
