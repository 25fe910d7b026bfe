"""Gates ask whether one network of the run is good enough on all counts at once."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bdtui.engine.event_values import Threshold
from bdtui.engine.rates import NO_RATES, Rates
from bdtui.engine.repair.result import ChosenBy, Repair
from bdtui.engine.reports.gates import judge_gates
from bdtui.engine.reports.record import RunRecord
from bdtui.engine.settings import Gates
from tests.records import rates, record


def threshold(pruned: Rates, goodnet: Rates, valid: Rates = NO_RATES) -> Threshold:
    return Threshold(2, 1, rates=valid, pruned_test=pruned, goodnet_test=goodnet)


def results(*thresholds: Threshold) -> RunRecord:
    return record(thresholds=thresholds)


RUN = results(threshold(rates(97, 90), rates(96, 88)), threshold(rates(88, 45), rates(87, 40)))


def met(gates: Gates, run: RunRecord) -> bool:
    (outcome,) = judge_gates(replace(run, gates=gates))
    return outcome.met


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


def test_no_demand_means_no_outcome() -> None:
    assert judge_gates(RUN) == []


def test_test_rates_count_before_validation_rates() -> None:
    assert not met(Gates(max_asr=10), results(threshold(rates(50, 50), rates(50, 50), valid=rates(99, 0))))


def test_validation_rates_count_where_there_is_no_test_set() -> None:
    assert met(Gates(max_asr=10, min_accuracy=90), results(threshold(NO_RATES, NO_RATES, valid=rates(99, 0))))


def test_no_threshold_reached_means_no_network() -> None:
    (outcome,) = judge_gates(replace(results(threshold(NO_RATES, NO_RATES)), gates=Gates(max_asr=10)))
    assert "no threshold was reached" in outcome.sentence


def test_the_outcome_names_the_network_that_meets_the_gates() -> None:
    (outcome,) = judge_gates(replace(RUN, gates=Gates(max_asr=50)))
    assert outcome.sentence == "gate met: GoodNet at X=2 has 87.00 % accuracy and 40.00 % ASR"


@pytest.mark.parametrize(
    ("asr", "fail_if", "expected"),
    [
        (99.0, ("backdoored",), False),
        (1.0, ("backdoored",), True),
        (5.2, ("backdoored",), True),
        (5.2, ("backdoored", "inconclusive"), False),
        (None, ("backdoored", "inconclusive"), False),
        (None, ("backdoored",), True),
    ],
)
def test_a_verdict_that_is_to_fail_fails(asr: float | None, fail_if: tuple[str, ...], expected: bool) -> None:
    valid = replace(rates(99, asr), recovered=rates(90, None).clean)
    assert met(Gates(fail_if=fail_if), record(baseline_valid=valid)) == expected


def test_a_gate_that_was_met_because_nothing_was_examined_says_so() -> None:
    gates = Gates(fail_if=("backdoored",))
    (unknown,) = judge_gates(replace(record(baseline_valid=rates(99, None)), gates=gates))
    assert unknown.met
    assert unknown.sentence.startswith("gate met, but nothing was examined (--fail-if backdoored): ")
    (known,) = judge_gates(
        replace(record(baseline_valid=replace(rates(99, 1.0), recovered=rates(90, None).clean)), gates=gates)
    )
    assert known.sentence.startswith("gate met (--fail-if backdoored): ")


def test_the_network_as_received_may_meet_the_gates() -> None:
    run = replace(RUN, baseline_test=rates(99, 1))
    (outcome,) = judge_gates(replace(run, gates=Gates(max_asr=5, min_accuracy=98)))
    assert outcome.sentence == "gate met: B has 99.00 % accuracy and 1.00 % ASR"


def test_validation_images_that_a_repair_learned_speak_for_no_gate() -> None:
    repair = Repair("scratch", 0, 1.0, 1, (), (), ChosenBy(3), 1.0, "r.keras", None, rates(100, 0))
    assert not met(Gates(max_asr=5), replace(RUN, repairs=(repair,)))
