"""Gates ask whether one network of the run is good enough on all counts at once."""

from __future__ import annotations

from typing import Any

import pytest

from bdtui.tui.batch.gates import Gates

UNKNOWN = {"clean_accuracy": None, "attack_success_rate": None}


def rates(accuracy: float, asr: float | None) -> dict[str, float | None]:
    return {"clean_accuracy": accuracy, "attack_success_rate": asr}


def results(*thresholds: dict[str, Any]) -> dict[str, Any]:
    return {"thresholds": thresholds}


def threshold(pruned: Any, goodnet: Any, valid: Any = UNKNOWN) -> dict[str, Any]:
    return {"drop": 2, "valid": valid, "test": {"pruned": pruned, "goodnet": goodnet}}


RUN = results(threshold(rates(97, 90), rates(96, 88)), threshold(rates(88, 45), rates(87, 40)))


def met(gates: Gates, run: dict[str, Any]) -> bool:
    verdict = gates.judge(run)
    assert verdict is not None
    return verdict.met


@pytest.mark.parametrize(
    ("gates", "expected"),
    [
        (Gates(max_asr=40), True),
        (Gates(max_asr=39.9), False),
        (Gates(min_accuracy=97), True),
        (Gates(min_accuracy=97.1), False),
        (Gates(max_asr=45, min_accuracy=88), True),
        (Gates(max_asr=45, min_accuracy=89), False),
    ],
)
def test_one_network_has_to_meet_all_demands(gates: Gates, expected: bool) -> None:
    assert met(gates, RUN) == expected


def test_no_demand_means_no_verdict() -> None:
    assert Gates().judge(RUN) is None


def test_test_rates_count_before_validation_rates() -> None:
    assert not met(Gates(max_asr=10), results(threshold(rates(50, 50), rates(50, 50), valid=rates(99, 0))))


def test_validation_rates_count_where_there_is_no_test_set() -> None:
    assert met(Gates(max_asr=10, min_accuracy=90), results(threshold(UNKNOWN, UNKNOWN, valid=rates(99, 0))))


def test_no_threshold_reached_means_no_network() -> None:
    verdict = Gates(max_asr=10).judge(results(threshold(UNKNOWN, UNKNOWN)))
    assert verdict is not None
    assert "no threshold was reached" in verdict.sentence


def test_the_verdict_names_the_network_that_meets_the_gates() -> None:
    verdict = Gates(max_asr=50).judge(RUN)
    assert verdict is not None
    assert verdict.sentence == "gate met: GoodNet at X=2 has 87.00 % accuracy and 40.00 % ASR"
