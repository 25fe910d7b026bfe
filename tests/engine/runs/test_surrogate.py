"""Reversed triggers in place of poisoned images: a bracket called estimate, and nothing that a decision rests on."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from bdtui.engine.detect.detection import ALL_TO_ALL, BACKDOORED, INCONCLUSIVE, NO_SIGN, Detection, Suspect
from bdtui.engine.detect.evidence import ReversedTrigger
from bdtui.engine.detect.pixel_range import CleanPictures
from bdtui.engine.detect.surrogate import surrogate_of
from bdtui.engine.inputs.datasets import open_dataset
from bdtui.engine.reporter import Reporter
from bdtui.engine.reports.results import read_record, record_from_json
from bdtui.engine.reports.verdict import judge
from bdtui.engine.runs.run import RunResult, execute_run
from bdtui.engine.settings import RunSettings
from tests.engine.detect.made_nets import CLASSES, IMAGE, TARGET, patch_net

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("inputs")
    model = patch_net()
    model.save(folder / "net.keras")
    pixels = np.random.default_rng(2).random((40, *IMAGE), np.float32)
    labels = np.asarray(model(pixels)).argmax(axis=1)
    np.savez(folder / "clean.npz", x_test=pixels, y_test=labels)
    np.savez(folder / "poisoned.npz", x_test=pixels, y_test=np.full(40, TARGET))
    return {"model": folder / "net.keras", "clean_valid": folder / "clean.npz", "poisoned": folder / "poisoned.npz"}


def settings(inputs: dict[str, Path], **changed: Any) -> RunSettings:
    given = {"model": inputs["model"], "clean_valid": inputs["clean_valid"], "preprocess": "raw", "thresholds": (5.0,)}
    return RunSettings(**{**given, "detect": ("auto",), **changed})


@pytest.fixture(scope="module")
def finished(inputs: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> RunResult:
    asked = settings(inputs, compare=("pool",), repair=("clp",))
    return execute_run(asked, tmp_path_factory.mktemp("run") / "out", reporter=Reporter())


def test_the_bracket_is_what_the_triggers_do_to_the_saved_network(finished: RunResult, inputs: dict[str, Path]) -> None:
    (threshold,) = finished.record.thresholds
    pruned = keras.models.load_model(finished.out / threshold.model, compile=False)
    with np.load(inputs["clean_valid"]) as content:
        others = content["x_test"][content["y_test"] != TARGET]
    suspect = finished.record.detection.suspects[0]
    assert suspect.target == TARGET
    found = []
    for trigger in (suspect.trigger, suspect.strong_trigger):
        classes = np.asarray(pruned(trigger.stamp(others))).argmax(axis=1)
        found.append(100 * float(np.mean(classes == TARGET)))
    bracket = finished.record.estimate_at(threshold.step)
    assert (bracket.low, bracket.high) == pytest.approx((min(found), max(found)))


def test_every_place_calls_it_an_estimate(finished: RunResult) -> None:
    results = finished.results
    assert all(set(step["estimate"]) == {"low", "high"} for step in results["curve"])
    assert all(step["attack_success_rate"] is None for step in results["curve"])
    with (finished.out / "curve.csv").open() as file:
        assert list(next(csv.reader(file)))[-2:] == ["estimate_low", "estimate_high"]
    assert "estimate_low" in (finished.out / "comparison.csv").read_text().splitlines()[0]
    reached = [one for order in results["comparison"] for one in order["thresholds"] if one["step"] is not None]
    assert reached
    assert all("estimate" in one for one in reached)
    assert set(results["repairs"][0]["estimate"]) == {"low", "high"}
    report = (finished.out / "report.md").read_text()
    assert "| estimate |" in report
    assert "(estimate " in report
    assert "Estimate, by triggers reversed from B:" in report


def test_the_record_comes_back_with_its_estimates(finished: RunResult) -> None:
    again = read_record(finished.out / "results.json")
    assert again.as_json() == finished.record.as_json()
    assert again.has_estimates


def test_no_estimate_moves_the_verdict_or_what_is_recommended(finished: RunResult) -> None:
    run = finished.record
    without = replace(
        run,
        curve=tuple(replace(step, estimate=None) for step in run.curve),
        repairs=tuple(replace(one, estimate=None) for one in run.repairs),
        comparison=(),
    )
    assert judge(replace(run, comparison=())) == judge(without)


def test_poisoned_images_leave_no_room_for_a_surrogate(inputs: dict[str, Path], tmp_path: Path) -> None:
    asked = settings(inputs, detect=("scan", "inversion"), poisoned_valid=inputs["poisoned"], until_last_threshold=True)
    result = execute_run(asked, tmp_path / "out", reporter=Reporter())
    assert not result.record.has_estimates
    assert (result.out / "curve.csv").read_text().splitlines()[0].endswith("attack_success_rate")


@pytest.mark.parametrize(
    "estimate",
    [{"low": 5.0}, {"low": 9.0, "high": 5.0}, {"low": -1.0, "high": 5.0}, {"low": 1, "high": float("nan")}, 7],
)
def test_an_estimate_that_is_none_is_refused(finished: RunResult, estimate: Any) -> None:
    content = json.loads((finished.out / "results.json").read_text())
    content["curve"][1]["estimate"] = estimate
    with pytest.raises(ValueError, match=r"."):
        record_from_json(content)


def found(verdict: str, **changed: Any) -> Detection:
    mask = np.ones((*IMAGE[:2], 1), np.float32)
    trigger = ReversedTrigger(TARGET, mask, np.zeros(IMAGE, np.float32), 144.0, 1, 1)
    suspect = Suspect(TARGET, 3.0, 0.01, **{"trigger": trigger, **changed})
    return Detection(verdict, TARGET if verdict == BACKDOORED else None, ("It is.",), (suspect,))


@pytest.mark.parametrize(
    ("detection", "expected"),
    [
        (found(BACKDOORED), True),
        (found(INCONCLUSIVE), True),
        (found(NO_SIGN), False),
        (found(BACKDOORED, trigger=None), False),
        (replace(found(BACKDOORED), target=ALL_TO_ALL), False),
        (Detection(INCONCLUSIVE, None, ("Nothing.",)), False),
    ],
)
def test_a_trigger_stands_in_only_where_one_class_is_suspected(
    inputs: dict[str, Path], detection: Detection, expected: bool
) -> None:
    images = open_dataset(inputs["clean_valid"], IMAGE, CLASSES)
    surrogate = surrogate_of(detection, CleanPictures.of_set(images), images)
    assert (surrogate is not None) == expected
    if surrogate is not None:
        assert surrogate.images == np.count_nonzero(images.labels != TARGET)
