"""The verdict: every sentence with a record that provokes it, and nothing chosen by test images."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from bdtui.engine.evaluation.target import ALL_TO_ALL, find_target
from bdtui.engine.event_values import ComparedOrder, ComparedThreshold, Threshold, Verdict
from bdtui.engine.pruning.curve import Step
from bdtui.engine.rates import NO_RATES, Rates, Share
from bdtui.engine.repair.result import ChosenBy, Repair
from bdtui.engine.reports.gates import judge_gates
from bdtui.engine.reports.record import RecordedImages, RecordedTrigger, RunRecord
from bdtui.engine.reports.unknowns import unknowns
from bdtui.engine.reports.verdict import judge, results_json
from bdtui.engine.settings import Gates
from tests.records import rates, record

BACKDOORED = record(
    "conv",
    baseline_valid=rates(99, 100),
    baseline_test=rates(98, 99.5),
    target=0,
    thresholds=(
        Threshold(2, 1, (0,), rates(97, 90), rates(96, 88), rates(96, 89), rates(95, 87), "b2.h5", "g2.keras"),
        Threshold(10, 2, (0, 1), rates(88, 50), rates(87, 45), rates(87, 45), rates(86, 44), "b10.h5", "g10.keras"),
    ),
)


def flagged(clean: float, poisoned: float, asr: float = 40) -> Rates:
    found = rates(95, asr)
    return replace(found, clean_flagged=rates(clean, None).clean, poisoned_flagged=rates(poisoned, None).clean)


def at(drop: float, valid: Rates, *, goodnet: Rates = NO_RATES, test: Rates = NO_RATES) -> Threshold:
    return Threshold(drop, 1, (0,), valid, goodnet, test, test, f"b{drop:g}.h5", f"g{drop:g}.keras")


def changed(*thresholds: Threshold, **fields: object) -> RunRecord:
    return replace(BACKDOORED, thresholds=thresholds, **fields)


def compared(layer: str, ranking: str, step: int | None = 2, asr: float | None = 60) -> ComparedOrder:
    found = ComparedThreshold(2.0, step, NO_RATES if step is None else rates(90, asr))
    return ComparedOrder(layer, layer, 4, ranking, (found,), 80.0, asr)


def few(hits: int, images: int = 5) -> Rates:
    return Rates(clean=Share(990, 1000), attack=Share(hits, images))


def test_a_backdoor_that_survives_is_told_with_its_target_and_its_images() -> None:
    verdict = judge(BACKDOORED)
    assert (verdict.backdoor, verdict.target) == ("measured", 0)
    assert (verdict.survives_pruning, verdict.recommended) == (True, None)
    assert verdict.sentences[:3] == (
        "Backdoor towards class 0: 99.50 % of 10,000 poisoned test images (95 % interval 99.3–99.6).",
        "Pruning conv to −10 points leaves 45.00 %: it survives.",
        "No network here is safe to deploy: none has both an ASR that is surely at most 5 % and a loss of at most 4 points "
        "of clean accuracy on the validation images.",
    )
    assert (
        verdict.sentences[-1]
        == "Next: repair it (--repair auto, or f in the app), or compare layers and rankings (--compare, or c in the app)."
    )


def test_results_have_the_verdict_and_it_comes_back_from_them() -> None:
    run = replace(BACKDOORED, curve=(Step(0, None, 0.0, BACKDOORED.baseline_valid),))
    content = results_json(run)
    assert content["verdict"]["backdoor"] == "measured"
    assert content["verdict"]["target"] == 0
    assert content["verdict"]["survives_pruning"] is True


SAFE, GOODNET = rates(97, 1), rates(98, 2)


@pytest.mark.parametrize(
    ("thresholds", "expected"),
    [
        ([at(2, SAFE)], "b2.h5"),
        ([at(2, SAFE, goodnet=GOODNET)], "g2.keras"),
        ([at(2, rates(97, 5))], None),
        ([at(2, rates(97, 4.5))], "b2.h5"),
        ([at(2, rates(94.9, 1))], None),
        ([at(2, rates(95, 1))], "b2.h5"),
        ([at(2, rates(97, 50), test=rates(97, 0))], None),
        ([at(2, SAFE, test=rates(97, 99))], "b2.h5"),
        ([at(2, few(0, 72))], None),
        ([at(2, few(0, 74))], "b2.h5"),
    ],
    ids=[
        "B′",
        "the more accurate of two",
        "5 % with an interval beyond",
        "4.5 % of many",
        "more than 4 points lost",
        "4 points lost",
        "good on test images alone",
        "bad on test images alone",
        "72 images",
        "74 images",
    ],
)
def test_what_is_recommended_is_surely_quiet_and_accurate_on_validation_images(
    thresholds: list[Threshold], expected: str | None
) -> None:
    assert judge(changed(*thresholds)).recommended == expected


@pytest.mark.parametrize(
    ("gates", "recommended"),
    [
        (Gates(), "b2.h5"),
        (Gates(max_asr=1), None),
        (Gates(max_asr=1.3), "b2.h5"),
        (Gates(min_accuracy=97.1), None),
        (Gates(min_accuracy=80), "b10.h5"),
        (Gates(max_asr=0.9, min_accuracy=80), "b10.h5"),
    ],
)
def test_a_persons_own_gates_decide_what_is_recommended(gates: Gates, recommended: str | None) -> None:
    thresholds = (at(2, rates(97, 1)), at(10, rates(88, 0))) if recommended != "b10.h5" else (at(10, rates(88, 0)),)
    verdict = judge(changed(*thresholds, gates=gates))
    assert verdict.recommended == recommended


def test_what_no_network_meets_is_told_with_the_persons_own_gates() -> None:
    verdict = judge(replace(BACKDOORED, gates=Gates(max_asr=1, min_accuracy=90)))
    assert (
        "No network here is safe to deploy: none has both an ASR that is surely at most 1 % and a clean accuracy of at least "
        "90 % on the validation images."
    ) in verdict.sentences


def test_gates_come_back_from_the_results() -> None:
    gates = Gates(max_asr=1.5, fail_if=("backdoored",))
    run = replace(BACKDOORED, curve=(Step(0, None, 0.0, BACKDOORED.baseline_valid),), gates=gates)
    content = results_json(run)
    assert content["gates"] == {"max_asr": 1.5, "fail_if": ["backdoored"]}


def test_a_recommended_network_is_named_with_its_rates_on_test_images() -> None:
    assert (
        "Recommended: b2.h5 (B′ at X=2), with 2.00 % ASR (95 % interval 1.7–2.3) and 96.00 % clean accuracy (95 % interval "
        "95.6–96.4; B: 98.00 %) on the test images; validation images chose it."
    ) in judge(changed(at(2, SAFE, test=rates(96, 2)))).sentences


def test_without_test_images_a_recommendation_says_that_its_rates_are_flattered() -> None:
    measured = (
        "with 1.00 % ASR (95 % interval 0.8–1.2) and 97.00 % clean accuracy (95 % interval 96.6–97.3; B: 99.00 %) on the "
        "validation images, which chose it"
    )
    pruned = changed(at(2, SAFE), baseline_test=NO_RATES)
    assert f"Recommended: b2.h5 (B′ at X=2), {measured}." in judge(pruned).sentences
    by_auto = Repair("scratch", 0, 1.0, 10, (), (), ChosenBy(100, 0.5), 0.0, "r.keras", None, SAFE)
    assert (
        f"Recommended: r.keras (network repaired by scratch), {measured}; the repair was trained on most of the clean ones, so "
        "that accuracy is flattered."
    ) in judge(changed(baseline_test=NO_RATES, repairs=(by_auto,))).sentences


@pytest.mark.parametrize(
    ("known", "why"),
    [
        (ChosenBy(14, 0.0), "14 held-out images do not show what it costs; that takes at least 50."),
        (ChosenBy(0, None), "0 held-out images do not show what it costs; that takes at least 50."),
        (ChosenBy(80, 0.0, unseen_classes=35), "35 classes had no clean image."),
        (ChosenBy(88, 6.8), "it lost 6.8 points on the 88 held-out images."),
    ],
)
def test_a_repair_is_not_recommended_for_its_rates_on_images_it_was_trained_on(known: ChosenBy, why: str) -> None:
    repair = Repair("scratch", 0, 1.0, 10, (), (), known, 0.0, "r.keras", None, SAFE)
    verdict = judge(changed(repairs=(repair,)))
    assert verdict.recommended is None
    assert f"The network repaired by scratch is not recommended: {why}" in verdict.sentences


def test_a_gate_takes_a_repair_for_what_held_out_images_show() -> None:
    gates = Gates(max_asr=5, min_accuracy=95)
    for known, met in ((ChosenBy(100, 0.5), True), (ChosenBy(100, 6.0), False), (ChosenBy(14, 0.0), False)):
        repair = Repair("scratch", 0, 1.0, 10, (), (), known, 0.0, "r.keras", None, SAFE)
        run = changed(baseline_test=NO_RATES, repairs=(repair,), gates=gates)
        (outcome,) = judge_gates(run)
        assert outcome.met is met
        assert (judge(run).recommended is not None) is met


def test_poisoned_test_images_measure_what_clean_images_chose() -> None:
    claims = ChosenBy(100, 0.5, 2.0, 80.0, 2.0, claims=True)
    repair = Repair("auto", 0, 1.0, 10, (), (), claims, 0.0, "r.keras", None, rates(98, None), rates(97, 60))
    told = judge(changed(baseline_valid=rates(99, None), repairs=(repair,))).sentences
    (said,) = [sentence for sentence in told if sentence.startswith("Recommended")]
    assert "with 60.00 % ASR" in said
    assert said.endswith("on the test images; clean validation images chose it.")


def finding(run: RunRecord) -> tuple[str, str]:
    verdict: Verdict = judge(run)
    return verdict.backdoor, verdict.sentences[0]


def test_without_poisoned_images_nothing_is_claimed() -> None:
    run = changed(at(2, rates(97, None)), baseline_valid=rates(99, None), baseline_test=NO_RATES)
    assert finding(run) == (
        "not examined",
        "Not examined: no poisoned images were given, so whether there is a backdoor was not measured.",
    )
    verdict = judge(run)
    assert (verdict.target, verdict.survives_pruning, verdict.recommended) == (None, None, None)
    assert verdict.sentences[-1].startswith("Next: look for a backdoor by clean images alone (--detect auto")


@pytest.mark.parametrize(
    ("attack", "accuracy", "expected"),
    [
        (Share(1, 430), 99, "no sign"),
        (Share(20, 430), 99, "inconclusive"),
        (Share(100, 430), 99, "measured"),
        (Share(100, 430), 60, "no sign"),
        (Share(5, 5), 99, "measured"),
        (Share(2, 5), 99, "measured"),
        (Share(1, 5), 99, "inconclusive"),
    ],
)
def test_an_attack_is_measured_where_it_succeeds_more_often_than_chance(
    attack: Share, accuracy: float, expected: str
) -> None:
    clean = rates(accuracy, None).clean
    run = replace(BACKDOORED, baseline_valid=Rates(clean, attack, Share(0, attack.images)), baseline_test=NO_RATES)
    assert judge(run).backdoor == expected


@pytest.mark.parametrize(("hits", "expected"), [(86, "inconclusive"), (100, "inconclusive"), (130, "measured")])
def test_where_true_classes_are_not_known_a_share_like_that_of_a_class_is_no_backdoor(hits: int, expected: str) -> None:
    run = replace(BACKDOORED, baseline_valid=Rates(rates(99, None).clean, Share(hits, 430)), baseline_test=NO_RATES)
    assert run.model.classes == 5
    assert judge(run).backdoor == expected


def test_a_trigger_that_was_laid_over_images_needs_no_second_look() -> None:
    trigger = RecordedTrigger("t.png", "0" * 64, 0, 0, 1)
    data = {**BACKDOORED.data, "poisoned_valid": RecordedImages("c.h5", "0" * 64, 10_000, trigger)}
    run = replace(BACKDOORED, data=data, baseline_valid=rates(99, 0.5), baseline_test=NO_RATES)
    verdict = judge(run)
    assert verdict.sentences[-1].startswith("Next: keep the network as it is, or try another trigger")
    assert not any("GoodNet" in sentence for sentence in verdict.sentences)


def test_what_is_in_doubt_is_inconclusive() -> None:
    assert (
        judge(
            replace(
                BACKDOORED,
                notices=("all images of a.h5 are of class 1: its clean accuracy says nothing about other classes",),
            )
        ).backdoor
        == "inconclusive"
    )


def test_a_trigger_without_effect_and_one_that_may_be_chance_are_told_apart() -> None:
    none = replace(BACKDOORED, baseline_test=Rates(BACKDOORED.baseline_test.clean, Share(0, 430)))
    assert finding(none)[1].startswith(
        "No sign of this trigger: 0.00 % of 430 poisoned test images (95 % interval 0–0.9)"
    )
    assert judge(none).sentences[-1].startswith("Next: check that these images carry the trigger")
    chance = replace(BACKDOORED, baseline_test=Rates(BACKDOORED.baseline_test.clean, Share(20, 430)))
    assert finding(chance)[1].startswith("Inconclusive: 4.65 % of 430 poisoned test images")
    assert judge(chance).sentences[-1].startswith("Next: give more poisoned images")


def test_all_to_all_is_named() -> None:
    assert finding(replace(BACKDOORED, target=ALL_TO_ALL))[1].startswith("Backdoor, all-to-all: 99.50 % of 10,000")
    assert judge(replace(BACKDOORED, target=ALL_TO_ALL)).target == ALL_TO_ALL


@pytest.mark.parametrize(
    ("predictions", "labels", "expected"),
    [
        ([0, 0, 0, 1], [0, 0, 0, 0], 0),
        ([3, 3, 3, 0], [0, 0, 0, 0], 0),
        ([1, 2, 3, 0], [1, 2, 3, 0], ALL_TO_ALL),
        ([4, 4, 4, 0], [1, 2, 3, 0], 4),
    ],
    ids=["one target", "what the attack success counts", "labels go round", "one target, true labels"],
)
def test_the_target_is_what_the_attacker_wants(predictions: list[int], labels: list[int], expected: int | str) -> None:
    assert find_target(np.array(predictions), np.array(labels)) == expected


@pytest.mark.parametrize(
    ("run", "sentence"),
    [
        (changed(at(2, few(2)), baseline_test=NO_RATES), "Pruning conv to −2 points leaves 40.00 %: it survives."),
        (
            changed(at(2, few(0)), baseline_valid=few(5), baseline_test=NO_RATES),
            "Pruning conv to −2 points leaves 0.00 % (95 % interval 0–43.4): too few images to tell whether the backdoor "
            "survives.",
        ),
        (changed(at(2, SAFE), baseline_test=NO_RATES), "leaves 1.00 %: pruning removes this trigger's effect."),
        (
            changed(
                Threshold(2), curve=tuple(Step(step, None, step / 4, BACKDOORED.baseline_valid) for step in range(5))
            ),
            "Pruning conv never cost 2 points, so no network was saved.",
        ),
        (
            changed(at(2, rates(97, 50), goodnet=flagged(2, 60), test=NO_RATES), baseline_test=NO_RATES),
            "GoodNet at X=2: of the poisoned validation images 60.00 % are flagged, 40.00 % still get the attacker's class. "
            "It flags 2.00 % of the clean images.",
        ),
        (
            changed(at(2, rates(97, 50), goodnet=flagged(20, 10)), baseline_test=NO_RATES),
            "The GoodNet at X=2 flags a larger share of the clean than of the poisoned images.",
        ),
        (
            changed(at(2, SAFE), at(4, SAFE), at(10, SAFE)),
            "X=2, X=4 and X=10 are reached at the same step: their networks are the same.",
        ),
        (
            replace(BACKDOORED, baseline_valid=rates(34, 100)),
            "Clean validation accuracy is 34.00 % before any pruning: pixels or labels are probably not read as the network was "
            "trained with them.",
        ),
        (
            replace(BACKDOORED, baseline_valid=few(5), baseline_test=NO_RATES),
            "Only 5 poisoned validation images: 5 of 5, 95 % interval 56.6–100.",
        ),
        (
            replace(BACKDOORED, baseline_valid=Rates(Share(44, 44), Share(400, 430))),
            "Only 44 clean validation images: 44 of 44, 95 % interval 92–100.",
        ),
        (
            replace(BACKDOORED, baseline_valid=few(5), baseline_test=NO_RATES),
            "Next: give more poisoned images; of fewer than 73, no ASR is surely at most 5 %.",
        ),
        (
            replace(BACKDOORED, baseline_valid=rates(99, None)),
            "Next: give poisoned validation images (--poisoned-valid); test images do not choose a network.",
        ),
        (
            replace(
                BACKDOORED, curve=tuple(Step(n, None, n / 4, rates(99, asr)) for n, asr in enumerate((99, 80, 85, 95)))
            ),
            "ASR on the validation images rises while channels are pruned: 80.00 % at step 1, 95.00 % at step 3; more pruning "
            "is not safer.",
        ),
        (
            replace(BACKDOORED, comparison=(compared("pool_2", "random", 2, 60), compared("conv", "mean-activation"))),
            "Of 2 layers and rankings compared, pool_2 by random does best: 60.00 % ASR at 90.00 % clean accuracy on the "
            "validation images (X=2).",
        ),
        (
            replace(BACKDOORED, comparison=(compared("pool_2", "random", 3, None),)),
            "pool_2 by random does best: 3 of 4 channels pruned at 90.00 % clean accuracy on the validation images (X=2).",
        ),
        (
            replace(BACKDOORED, comparison=(compared("pool_2", "random", asr=40), compared("conv", "mean-activation"))),
            "Next: prune pool_2 by random (--layer pool_2 --ranking random, or enter in the app's comparison).",
        ),
        (
            replace(BACKDOORED, comparison=(compared("conv", "mean-activation"), compared("pool_2", "random"))),
            "Next: repair it (--repair auto, or f in the app); of the layers and rankings compared none does better.",
        ),
        (
            # Stopped before the run's own order was compared: its margin at X=10 is 38, the other's 30.
            replace(BACKDOORED, comparison=(compared("pool_2", "random", asr=60),)),
            "Next: repair it (--repair auto, or f in the app); of the layers and rankings compared none does better.",
        ),
    ],
    ids=lambda value: value[:40] if isinstance(value, str) else "",
)
def test_a_sentence_is_said_where_it_is_true(run: RunRecord, sentence: str) -> None:
    assert any(said.endswith(sentence) for said in judge(run).sentences), judge(run).sentences
    # And not of a run where it is not.
    assert not any(said.endswith(sentence) for said in judge(BACKDOORED).sentences)


def test_the_goodnets_shares_say_of_which_images_they_are() -> None:
    goodnet = replace(flagged(2, 60), attack=Share(2000, 8000))
    run = changed(at(2, rates(97, 50), goodnet=goodnet, test=NO_RATES), baseline_test=NO_RATES)
    assert (
        "GoodNet at X=2: of the poisoned validation images 60.00 % are flagged; of the 8000 that are not of the attacker's class "
        "25.00 % still get it. It flags 2.00 % of the clean images."
    ) in judge(run).sentences


def test_the_step_at_which_nothing_is_left_is_no_rise() -> None:
    curve = tuple(Step(n, None, n / 4, rates(99, asr)) for n, asr in enumerate((99, 80, 80, 80, 100)))
    assert not any("rises" in sentence for sentence in judge(replace(BACKDOORED, curve=curve)).sentences)


def test_a_rise_by_chance_is_not_told() -> None:
    curve = tuple(Step(n, None, n / 4, Rates(Share(99, 100), Share(hits, 5))) for n, hits in enumerate((4, 3, 5)))
    assert not any("rises" in sentence for sentence in judge(replace(BACKDOORED, curve=curve)).sentences)


def test_before_a_threshold_is_reached_nothing_is_said_of_what_pruning_leaves() -> None:
    verdict = judge(changed(Threshold(2), curve=(Step(0, None, 0.0, BACKDOORED.baseline_valid),)))
    assert verdict.survives_pruning is None
    assert not any(word in " ".join(verdict.sentences) for word in ("Pruning", "No network", "Recommended"))


@pytest.mark.parametrize(
    "notice",
    [
        "--clean-valid and --poisoned-valid look swapped: all images of a.h5 have one label, those of b.h5 have 4",
        "all images of a.h5 are of class 1: its clean accuracy says nothing about other classes",
    ],
)
def test_what_puts_the_measurement_in_doubt_is_repeated_and_nothing_is_recommended(notice: str) -> None:
    run = changed(at(2, SAFE), notices=("only 100 clean validation images", notice))
    assert judge(replace(run, notices=())).recommended == "b2.h5"
    verdict = judge(run)
    assert verdict.recommended is None
    assert verdict.sentences[1] == f"But {notice}."
    assert not any("safe to deploy" in sentence for sentence in verdict.sentences)
    assert verdict.sentences[-1] == "Next: settle what is in doubt, and run again; the rates here mean little."


def test_a_comparison_that_reached_nothing_is_not_praised() -> None:
    run = replace(BACKDOORED, comparison=(compared("pool_2", "random", None),))
    assert not [sentence for sentence in judge(run).sentences if "does best" in sentence]


def repaired(valid: Rates, *, goodnet: Rates = NO_RATES, **chosen_by: object) -> Repair:
    """By shrink-distil; ``chosen_by`` has what is known without poisoned images."""
    known = ChosenBy(200, **{"clean_drop": 0.5, "transfer": 1.0, **chosen_by})  # type: ignore[arg-type]
    files = "repaired_auto.keras", "goodnet_auto.keras"
    said = ("What fools B misleads this network no more.",)
    return Repair("auto:shrink-distil", 0, 60.0, 1500, (), said, known, 0.9, *files, valid, NO_RATES, goodnet, NO_RATES)


def test_a_repaired_network_without_the_backdoor_is_recommended() -> None:
    verdict = judge(replace(BACKDOORED, repairs=(repaired(rates(98.5, 0.2)),)))
    assert verdict.recommended == "repaired_auto.keras"
    assert verdict.survives_pruning is True
    assert (
        "Repaired by auto (shrink-distil): clean accuracy 98.50 %, ASR 0.20 % (validation images; it was trained on most of them). "
        "What fools B misleads this network no more."
    ) in verdict.sentences


@pytest.mark.parametrize(
    ("repair", "expected"),
    [
        (replace(repaired(rates(100, 0)), chosen_by=ChosenBy(0)), "(validation images; it was trained on them)"),
        (replace(repaired(rates(100, 0)), steps=0), "(validation images)"),
        (replace(repaired(rates(100, 0)), test=rates(97, 0)), "97.00 %, ASR 0.00 % (test images)"),
    ],
    ids=["nothing held out", "no training", "test images"],
)
def test_what_was_learned_by_heart_is_not_taken_for_accuracy(repair: Repair, expected: str) -> None:
    assert any(expected in sentence for sentence in judge(replace(BACKDOORED, repairs=(repair,))).sentences)


@pytest.mark.parametrize(
    ("repair", "expected"),
    [
        (repaired(rates(98.5, 50)), None),
        (repaired(rates(100, 0), clean_drop=4.5), None),
        (repaired(rates(94, 0), clean_drop=0.0), None),
        (repaired(rates(98.5, 50), goodnet=rates(98, 1)), "goodnet_auto.keras"),
    ],
    ids=["the backdoor is left", "held-out images tell of more points lost", "validation images do", "its GoodNet"],
)
def test_a_repair_is_recommended_by_what_it_keeps_out_and_what_it_costs(repair: Repair, expected: str | None) -> None:
    assert judge(changed(repairs=(repair,))).recommended == expected


def test_the_cheapest_of_safe_networks_is_recommended_not_the_best_on_images_it_learned() -> None:
    thresholds = (at(2, rates(98, 0)),)
    assert judge(changed(*thresholds, repairs=(repaired(rates(100, 0), clean_drop=2.0),))).recommended == "b2.h5"
    assert (
        judge(changed(*thresholds, repairs=(repaired(rates(100, 0), clean_drop=0.5),))).recommended
        == "repaired_auto.keras"
    )


@pytest.mark.parametrize(("claims", "expected"), [(True, "repaired_auto.keras"), (False, None)])
def test_without_poisoned_images_a_repair_is_recommended_only_if_it_can_claim_something(
    claims: bool, expected: str | None
) -> None:
    run = changed(
        baseline_valid=rates(99, None), baseline_test=NO_RATES, repairs=(repaired(rates(98.5, None), claims=claims),)
    )
    verdict = judge(run)
    assert (verdict.backdoor, verdict.recommended) == ("not examined", expected)
    told = (
        "Recommended: repaired_auto.keras (network repaired by auto (shrink-distil)), by clean images alone; whether a "
    )
    assert any(sentence.startswith(told) for sentence in verdict.sentences) == claims


def from_scratch(clean: float, **chosen_by: object) -> Repair:
    """What the clean images give without B."""
    files = {"model": "repaired_scratch.keras", "goodnet": None}
    return replace(repaired(rates(clean, None), **chosen_by), method="scratch", sentences=(), **files)


@pytest.mark.parametrize(
    ("repairs", "expected"),
    [
        ([repaired(rates(98.5, None)), from_scratch(97)], "repaired_scratch.keras"),
        ([repaired(rates(98.5, None), claims=True), from_scratch(97)], "repaired_auto.keras"),
        ([repaired(rates(98.5, None), claims=True), from_scratch(98.5)], "repaired_scratch.keras"),
        ([from_scratch(94)], None),
        ([from_scratch(98.5, clean_drop=4.5)], None),
        ([from_scratch(98.5, unseen_classes=1)], None),
    ],
    ids=[
        "no repair claims anything",
        "a repair that claims costs less",
        "it costs no more than a repair",
        "it costs too much",
        "it costs too much on held-out images",
        "a class is missing",
    ],
)
def test_without_poisoned_images_a_network_that_never_saw_b_needs_no_claim(
    repairs: list[Repair], expected: str | None
) -> None:
    run = changed(baseline_valid=rates(99, None), baseline_test=NO_RATES, repairs=tuple(repairs))
    verdict = judge(run)
    assert verdict.recommended == expected
    told = "Recommended: repaired_scratch.keras (network repaired by scratch), which never saw B"
    assert any(sentence.startswith(told) for sentence in verdict.sentences) is (expected == "repaired_scratch.keras")


def test_g_of_b_and_a_network_from_scratch_is_half_b() -> None:
    joined = replace(from_scratch(90), goodnet="goodnet_scratch.keras", goodnet_valid=rates(99, None))
    run = changed(baseline_valid=rates(99, None), baseline_test=NO_RATES, repairs=(joined,))
    assert judge(run).recommended is None


def test_test_images_alone_never_choose_a_repair() -> None:
    poisoned_in_test = replace(repaired(rates(98.5, None)), test=rates(98.5, 0))
    run = changed(baseline_valid=rates(99, None), repairs=(poisoned_in_test,))
    assert judge(run).recommended is None


@pytest.mark.parametrize(
    ("repair", "expected"),
    [
        (from_scratch(98.5), "Whether the images that the recommended network learned from are clean"),
        (repaired(rates(98.5, None), claims=True), "Whether the recommended network still has the backdoor"),
    ],
    ids=["never saw B", "repaired"],
)
def test_what_is_not_known_of_a_network_that_clean_images_chose(repair: Repair, expected: str) -> None:
    run = changed(baseline_valid=rates(99, None), baseline_test=NO_RATES, repairs=(repair,))
    told = [sentence for sentence in unknowns(run, judge(run)) if "recommended network" in sentence]
    assert len(told) == 1 and told[0].startswith(expected)
