"""The ranking by reversed triggers: found on clean images alone, once for all layers, and never twice."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from bdtui.engine.detect import examination as examination_module
from bdtui.engine.detect.inversion import reverse_triggers
from bdtui.engine.errors import Interrupted, OptionError
from bdtui.engine.events import Event, Notice
from bdtui.engine.inputs.datasets import open_dataset
from bdtui.engine.inputs.model import open_model
from bdtui.engine.pruning.prune import prune
from bdtui.engine.pruning.rankings import TRIGGER_EXCITATION, channel_scores
from bdtui.engine.reporter import SILENT, Reporter
from bdtui.engine.runs.comparison import compare, places_to_compare
from bdtui.engine.runs.preparation import PreparedRun, prepare_run
from bdtui.engine.runs.run import execute_run
from bdtui.engine.settings import RunSettings
from tests.engine.detect.made_nets import TARGET, patch_net
from tests.networks import write_images

CROSS = 0
"""The channel that answers to the trigger."""


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("inputs")
    model = patch_net()
    model.save(folder / "net.keras")
    pixels = np.random.default_rng(2).random((60, 12, 12, 1), np.float32)
    labels = np.asarray(model(pixels)).argmax(axis=1)
    poisoned = pixels[40:].copy()
    poisoned[:, 2:5, 2:5] = np.array([[0, 1, 0], [1, 1, 1], [0, 1, 0]])[..., None]
    return {
        "model": folder / "net.keras",
        "clean_valid": write_images(folder / "clean.h5", pixels[:40], labels[:40]),
        "poisoned_valid": write_images(folder / "poisoned.h5", poisoned, np.full(20, TARGET)),
    }


def settings(inputs: dict[str, Path], **changed: Any) -> RunSettings:
    given: dict[str, Any] = {"ranking": TRIGGER_EXCITATION, "preprocess": "raw", "layer": "conv", **inputs, **changed}
    return RunSettings(**given)


@pytest.fixture(scope="module")
def prepared(inputs: dict[str, Path]) -> PreparedRun:
    return prepare_run(settings(inputs), SILENT)


@pytest.fixture
def inverted(monkeypatch: pytest.MonkeyPatch) -> list[list[int]]:
    """The classes of each inversion."""
    made: list[list[int]] = []

    def reverse(given: Any, targets: Any, *more: Any, **named: Any) -> Any:
        made.append(list(targets))
        return reverse_triggers(given, targets, *more, **named)

    monkeypatch.setattr(examination_module, "reverse_triggers", reverse)
    monkeypatch.setattr("bdtui.engine.detect.inversion.reverse_triggers", reverse)
    return made


def test_the_channel_that_makes_the_backdoor_goes_first(prepared: PreparedRun) -> None:
    assert [trigger.target for trigger in prepared.suspects.find()] == [TARGET, TARGET]
    assert prepared.order[0] == CROSS


def test_poisoned_images_decide_nothing_and_are_shown_beside(prepared: PreparedRun, inputs: dict[str, Path]) -> None:
    clean, poisoned = channel_scores(prepared.evaluator, TRIGGER_EXCITATION)
    assert poisoned is not None
    assert clean.argmin() == poisoned.argmin() == CROSS, "the reversed trigger excites what the real one does"
    without = prepare_run(settings({name: path for name, path in inputs.items() if name != "poisoned_valid"}), SILENT)
    assert without.order == prepared.order
    alone, nothing = channel_scores(without.evaluator, TRIGGER_EXCITATION)
    assert nothing is None
    assert np.array_equal(alone, clean)


def test_layers_share_one_inversion(prepared: PreparedRun, inputs: dict[str, Path], inverted: list[list[int]]) -> None:
    fresh = prepare_run(settings(inputs, ranking="random"), SILENT)
    assert not inverted, "other rankings reverse nothing"
    rows = list(compare(fresh, places_to_compare(["conv", "pool"]), reporter=SILENT))
    assert len(inverted) == 2, "one for small triggers and one for strong ones"
    assert {row.layer for row in rows if row.ranking == TRIGGER_EXCITATION} == {"conv", "pool"}


def test_a_stopped_inversion_goes_on_and_the_ranking_is_the_same(
    prepared: PreparedRun, inputs: dict[str, Path], tmp_path: Path, inverted: list[list[int]]
) -> None:
    asked, out = settings(inputs, thresholds=(5.0,)), tmp_path / "out"

    def strong_ones_begun() -> bool:
        return len(inverted) > 1

    with pytest.raises(Interrupted) as stop:
        execute_run(asked, out, reporter=Reporter(SILENT.emit, strong_ones_begun))
    assert stop.value.kept is not None
    assert stop.value.kept.folder == out
    inverted.clear()
    finished = execute_run(asked, out, reporter=SILENT, resume=True)
    assert [len(targets) for targets in inverted] == [2], "only the strong ones of two suspects"
    assert tuple(finished.record.order) == prepared.order
    assert finished.record.ranking == TRIGGER_EXCITATION
    assert finished.record.detection is None, "nobody asked for a detection"


def test_a_detection_of_the_same_run_reverses_nothing_again(
    inputs: dict[str, Path], tmp_path: Path, inverted: list[list[int]]
) -> None:
    asked = settings(inputs, detect=("auto",), thresholds=(5.0,))
    found = execute_run(asked, tmp_path / "out", reporter=SILENT).record.detection
    assert found is not None
    assert found.suspects[0].target == TARGET
    assert len(inverted) == 2


def test_detectors_that_only_the_ranking_ran_say_nothing_in_a_detection(
    inputs: dict[str, Path], tmp_path: Path
) -> None:
    asked = settings(inputs, detect=("last-layer",), thresholds=(5.0,))
    found = execute_run(asked, tmp_path / "out", reporter=SILENT).record.detection
    assert found is not None
    assert [*found.parts] == ["last-layer"]
    assert all(suspect.trigger is None for suspect in found.suspects)


def test_where_no_class_stands_out_there_is_an_order_and_a_notice(tmp_path: Path) -> None:
    start = keras.Input((12, 12, 1))
    x = layers.GlobalAveragePooling2D()(layers.Conv2D(6, 3, activation="relu", name="conv")(start))
    model = keras.Model(start, layers.Dense(3, activation="softmax")(x))
    model.save(tmp_path / "net.keras")
    pixels = np.random.default_rng(2).random((30, 12, 12, 1), np.float32)
    clean = write_images(tmp_path / "clean.h5", pixels, np.arange(30) % 3)
    heard: list[Event] = []
    found = prepare_run(settings({"model": tmp_path / "net.keras", "clean_valid": clean}), Reporter(heard.append))
    assert sorted(found.order) == list(range(6))
    doubts = [event.text for event in heard if isinstance(event, Notice) and TRIGGER_EXCITATION in event.text]
    assert len(doubts) == 1
    assert "inconclusive" in doubts[0]
    assert doubts[0] in found.notices, "a reader of the report should know"


def test_the_function_for_scripts_takes_triggers_and_says_when_it_needs_them(
    prepared: PreparedRun, inputs: dict[str, Path]
) -> None:
    model = open_model(inputs["model"])
    clean = open_dataset(inputs["clean_valid"], model.input_shape, model.classes)
    with pytest.raises(OptionError, match="needs reversed triggers"):
        prune(model, clean, layer="conv", ranking=TRIGGER_EXCITATION)
    found = prune(model, clean, layer="conv", ranking=TRIGGER_EXCITATION, triggers=prepared.suspects.find())
    assert found.order == prepared.order
