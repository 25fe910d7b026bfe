"""What an examination adds to the verdict: every sentence with a record that provokes it, and images that weigh more."""

from __future__ import annotations

import json
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from bdtui.engine.detect.detection import ALL_TO_ALL, BACKDOORED, INCONCLUSIVE, NO_SIGN, Detection, Suspect
from bdtui.engine.detect.evidence import Evidence
from bdtui.engine.event_values import Verdict
from bdtui.engine.rates import NO_RATES, Rates, Share
from bdtui.engine.repair.result import ChosenBy, Repair
from bdtui.engine.reports.gates import judge_gates
from bdtui.engine.reports.markdown import write_report_text
from bdtui.engine.reports.record import NO_LAYER, RunRecord
from bdtui.engine.reports.results import record_from_json
from bdtui.engine.reports.verdict import judge, results_json
from bdtui.engine.settings import Gates
from bdtui.tui.batch.output import print_results
from tests.records import IMAGES, rates, record

ERROR = "Of 18 new clean networks, these lines called 0 backdoored."
SUSPECT = Suspect(3, 4.2, 0.001, surrogate_asr=97.0, trigger_file="trigger_3.png")
PART = Evidence(np.array([0.0, 1.0, 0.5, 9.0, np.nan]), 5.0, 0.01, 1.5)


def found(verdict: str = BACKDOORED, **changed: Any) -> Detection:
    target = 3 if verdict == BACKDOORED else None
    whole = Detection(verdict, target, ("It is.", ERROR), (SUSPECT,), 3.0, "labelled", 7.0, {"margins": PART})
    return replace(whole, **changed)


def examined(verdict: str = BACKDOORED, **changed: Any) -> RunRecord:
    return record("conv", baseline_valid=rates(99, None), detection=found(verdict, **changed))


def alone(verdict: str = BACKDOORED, **changed: Any) -> RunRecord:
    """The record of a run without any image."""
    suspects = (replace(SUSPECT, surrogate_asr=None, trigger_file=None),)
    given = {
        "data": {},
        "layout": "",
        "scale": None,
        "layer": NO_LAYER,
        "ranking": "",
        "mean_activation": (),
        "order": (),
    }
    return record("conv", **given, detection=found(verdict, **({"suspects": suspects} | changed)))


def sentences(verdict: Verdict, kind: str) -> list[str]:
    return [text for text, each in zip(verdict.sentences, verdict.kinds, strict=True) if each == kind]


def test_a_suspicion_is_told_with_its_class_and_its_error() -> None:
    verdict = judge(examined())
    assert (verdict.backdoor, verdict.target) == ("suspected", 3)
    assert verdict.sentences[0] == "Backdoor suspected, towards class 3; no poisoned image measured it."
    assert ERROR in sentences(verdict, "detection")


def test_classes_are_called_by_their_names() -> None:
    run = examined()
    run = replace(run, model=replace(run.model, class_names=("ape", "bee", "cat", "dog", "elk")))
    assert "dog" in judge(run).sentences[0]


def test_an_all_to_all_suspicion_is_called_so() -> None:
    verdict = judge(examined(target=ALL_TO_ALL))
    assert (verdict.backdoor, verdict.target) == ("suspected", ALL_TO_ALL)
    assert "all-to-all" in verdict.sentences[0]


def test_of_two_targets_both_are_named() -> None:
    verdict = judge(examined(target=(3, 1)))
    assert verdict.target == 3
    assert "towards class 3 and class 1" in verdict.sentences[0]


def test_an_estimate_is_called_one_and_no_evidence() -> None:
    (said,) = [text for text in sentences(judge(examined()), "detection") if "estimate" in text]
    assert said == (
        "A trigger reversed for class 3 sends 97 % of clean images there: an estimate, which clean networks allow as well."
    )


def test_no_sign_is_told_as_no_more_than_that() -> None:
    verdict = judge(examined(NO_SIGN))
    assert (verdict.backdoor, verdict.target) == ("no sign", None)
    assert verdict.sentences[0].startswith("No sign of a backdoor: no class lies")


def test_an_unclear_examination_names_its_first_suspect() -> None:
    verdict = judge(examined(INCONCLUSIVE))
    assert (verdict.backdoor, verdict.target) == ("inconclusive", None)
    assert verdict.sentences[0] == "Inconclusive, first suspect class 3; no poisoned image measured it."


def test_poisoned_images_weigh_more_than_any_suspicion() -> None:
    run = replace(examined(), baseline_valid=rates(99, 0), target=1)
    verdict = judge(run)
    assert verdict.backdoor == "no sign"
    assert verdict.sentences[0].startswith("No sign of this trigger")
    assert sentences(verdict, "detection")[0] == "Without poisoned images: backdoor suspected, towards class 3."
    measured = judge(replace(run, baseline_valid=rates(99, 100), detection=found(NO_SIGN)))
    assert (measured.backdoor, measured.target) == ("measured", 1)


def test_what_to_do_next_depends_on_what_was_given() -> None:
    def after(run: RunRecord) -> str:
        return judge(run).sentences[-1]

    assert after(examined()).startswith("Next: look at trigger_3.png, and repair the network (--repair auto, or")
    automatic = replace(examined(), repairs=(replace(repaired(), method="auto:shrink-distil"),))
    assert after(automatic).startswith("Next: look at trigger_3.png; poisoned images (--poisoned-valid) would measure")
    assert after(examined(NO_SIGN)) == (
        "Next: give poisoned images (--poisoned-valid) or the trigger (--trigger), if there are any."
    )
    assert "give clean images (--clean-valid)" in after(alone())


def repaired() -> Repair:
    claims = ChosenBy(100, 0.5, 2.0, 80.0, 2.0, claims=True)
    return Repair("fine-tuning", 0, 1.0, 10, (), (), claims, 0.0, "r.keras", "g.keras", rates(98, None), NO_RATES)


@pytest.mark.parametrize(("verdict", "expected"), [(BACKDOORED, "r.keras"), (INCONCLUSIVE, "r.keras"), (NO_SIGN, None)])
def test_a_repaired_network_is_recommended_where_there_is_something_to_repair(
    verdict: str, expected: str | None
) -> None:
    judged = judge(replace(examined(verdict), repairs=(repaired(),)))
    assert judged.recommended == expected
    said = [text for text in judged.sentences if "whether a backdoor is gone was not measured" in text]
    assert bool(said) == (expected is not None)


@pytest.mark.parametrize(
    ("verdict", "fail_if", "met"),
    [
        (BACKDOORED, "backdoored", False),
        (BACKDOORED, "inconclusive", True),
        (INCONCLUSIVE, "inconclusive", False),
        (INCONCLUSIVE, "backdoored", True),
        (NO_SIGN, "backdoored", True),
        (NO_SIGN, "inconclusive", True),
    ],
)
@pytest.mark.parametrize("make", [examined, alone])
def test_gates_ask_what_was_found(make: Any, verdict: str, fail_if: str, met: bool) -> None:
    (outcome,) = judge_gates(replace(make(verdict), gates=Gates(fail_if=(fail_if,))))
    assert outcome.met == met


@pytest.mark.parametrize("verdict", [BACKDOORED, NO_SIGN, INCONCLUSIVE])
def test_a_run_without_images_is_read_again_and_makes_the_same_report(verdict: str) -> None:
    run = alone(verdict)
    written = json.loads(json.dumps(results_json(run), allow_nan=False))
    again = record_from_json(written)
    assert results_json(again) == written
    assert write_report_text(again) == write_report_text(run)
    assert again.target is None


def test_without_a_verdict_from_methods_the_report_has_no_row_too_many() -> None:
    bare = Detection(INCONCLUSIVE, None, ("Nothing.",))
    report = write_report_text(
        alone(INCONCLUSIVE, **{name: getattr(bare, name) for name in ("reasons", "suspects", "parts")})
    )
    assert "## Detection" in report
    assert "| class | score |" not in report


def test_names_from_outside_break_no_table() -> None:
    bad = replace(SUSPECT, trigger_file="a|b`*.png")
    run = examined(suspects=(bad,), parts={"a|b": PART})
    run = replace(run, model=replace(run.model, class_names=("a", "b", "c", "d|e", "f")))
    rows = [line for line in write_report_text(run).splitlines() if line.startswith("| class 3")]
    assert [len(row.replace("\\|", "").split("|")) for row in rows] == [8]


HOSTILE: list[dict[str, Any]] = [
    {"layer": 7, "data": {"clean_valid": {"path": "x", "sha256": "0", "images": 1}}},
    {"curve": [{"step": 0, "channel": None, "fraction": 0.0, "clean_accuracy": 1.0, "attack_success_rate": None}]},
    {"detections": [7]},
    {"detections": {"method": "auto"}},
    {"data": 7},
    {"thresholds": [{"drop": 2, "reached": True, "step": 1}]},
    {"baseline": {"valid": {"clean_accuracy": 50.0, "attack_success_rate": None}, "test": NO_RATES.as_json()}},
]


@pytest.mark.parametrize("changed", HOSTILE)
def test_results_that_no_run_without_images_has_are_refused(changed: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"."):
        record_from_json(results_json(alone()) | changed)


def printed(run: RunRecord) -> str:
    console = Console(file=StringIO(), width=120)
    print_results(console, run, Path("out"))
    assert isinstance(console.file, StringIO)
    return console.file.getvalue()


def test_suspected_classes_are_printed_and_rates_only_where_there_are_some() -> None:
    text = printed(examined())
    assert "Rates on validation images" in text
    (row,) = [line for line in text.splitlines() if line.split()[:2] == ["class", "3"]]
    assert row.split() == ["class", "3", "4.20", "0.001", "97.0", "%", "trigger_3.png"]
    assert "Rates on" not in printed(alone())


def test_rates_without_an_attack_are_of_clean_images_alone() -> None:
    assert judge(replace(examined(), baseline_valid=Rates(clean=Share(IMAGES, IMAGES)))).backdoor == "suspected"
