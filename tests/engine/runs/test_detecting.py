"""A run with an examination: what is found stands in its files, and what is finished is not done again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from bdtui.engine.detect.evidence import ReversedTrigger
from bdtui.engine.detect.examination import Examination
from bdtui.engine.detect.methods import INVERSION, LAST_LAYER, MARGINS, SCAN
from bdtui.engine.errors import Interrupted, OptionError
from bdtui.engine.events import DetectionFinished, DetectorFinished, Event
from bdtui.engine.reporter import Reporter
from bdtui.engine.reports.results import read_record
from bdtui.engine.reports.trigger_png import mask_pixels, trigger_pixels
from bdtui.engine.runs.manifest import check_manifest
from bdtui.engine.runs.run import RunResult, execute_run
from bdtui.engine.settings import MissingOption, RunSettings, check_given, is_without_images
from tests.engine.detect.made_nets import TARGET, patch_net

pytestmark = pytest.mark.slow

METHODS = (LAST_LAYER, SCAN, INVERSION)


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("inputs")
    model = patch_net()
    model.save(folder / "net.keras")
    pixels = np.random.default_rng(2).random((40, 12, 12, 1), np.float32)
    labels = np.asarray(model(pixels)).argmax(axis=1)
    # Both classes of a set of one would not be whole numbers from 0.
    np.savez(folder / "clean.npz", x_test=pixels, y_test=labels)
    return {"model": folder / "net.keras", "clean_valid": folder / "clean.npz"}


def settings(inputs: dict[str, Path], **changed: Any) -> RunSettings:
    given: dict[str, Any] = {**inputs, "detect": METHODS, "thresholds": (5.0,), "until_last_threshold": True}
    if "clean_valid" in inputs:
        given["preprocess"] = "raw"
    return RunSettings(**{**given, **changed})


@pytest.fixture(scope="module")
def finished(inputs: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> RunResult:
    return execute_run(settings(inputs), tmp_path_factory.mktemp("run") / "out", reporter=Reporter())


@pytest.fixture(scope="module")
def alone(inputs: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> RunResult:
    """A run without any image."""
    asked = RunSettings(model=inputs["model"], detect=("auto",))
    return execute_run(asked, tmp_path_factory.mktemp("alone") / "out", reporter=Reporter())


def test_the_target_is_the_first_suspect(finished: RunResult, alone: RunResult) -> None:
    for result in (finished, alone):
        first = result.results["detections"][0]
        assert first["suspects"][0]["class"] == TARGET
        assert [part["method"] for part in result.results["detections"][1:]] == list(result.record.detection.parts)


def test_the_reversed_trigger_is_written_as_a_picture_of_the_size_of_an_image(finished: RunResult) -> None:
    with Image.open(finished.out / f"trigger_{TARGET}.png") as picture:
        assert (picture.size, picture.mode) == ((12, 12), "RGBA")
        alpha = np.asarray(picture)[..., 3]
    with Image.open(finished.out / f"mask_{TARGET}.png") as picture:
        assert np.array_equal(np.asarray(picture), alpha)
    assert f"trigger_{TARGET}.png" in check_manifest(finished.out).unchanged
    assert finished.results["detections"][0]["suspects"][0]["trigger"] == f"trigger_{TARGET}.png"


def test_the_picture_works_as_a_trigger(finished: RunResult, inputs: dict[str, Path], tmp_path: Path) -> None:
    again = settings(
        inputs, detect=None, trigger=finished.out / f"trigger_{TARGET}.png", target=str(TARGET), thresholds=(90.0,)
    )
    result = execute_run(again, tmp_path / "out", reporter=Reporter())
    assert result.record.baseline_valid.attack_success_rate > 60
    assert result.results["verdict"]["backdoor"] == "measured"


@pytest.mark.parametrize(
    ("channels", "is_bgr", "expected"), [(1, False, [128] * 3), (3, False, [0, 128, 255]), (3, True, [255, 128, 0])]
)
def test_pictures_have_the_colours_that_the_network_reads(channels: int, is_bgr: bool, expected: list[int]) -> None:
    low, high = np.full(channels, -10, np.float32), np.full(channels, 10, np.float32)
    pattern = np.broadcast_to(
        np.linspace(-10, 10, 3, dtype=np.float32) if channels == 3 else np.float32(0), (2, 2, channels)
    )
    trigger = ReversedTrigger(0, np.full((2, 2, 1), 0.2, np.float32), pattern, 0.8, 1, 1)
    pixels = trigger_pixels(trigger, low, high, is_bgr=is_bgr)
    assert pixels[0, 0].tolist() == [*expected, 51]
    assert (mask_pixels(trigger) == 51).all()


def test_a_run_without_images_has_nulls_where_nothing_was_measured(alone: RunResult) -> None:
    results = json.loads((alone.out / "results.json").read_text())
    assert (results["layer"], results["ranking"], results["curve"], results["thresholds"]) == (None, None, [], [])
    assert set(results["data"].values()) == {None}
    assert results["input"] == {"layout": None, "scale": None, "preprocess": None}
    assert results["verdict"]["backdoor"] in ("suspected", "inconclusive")
    written = {path.name for path in alone.out.iterdir()}
    reports = {"report.md", "report.html", "findings.sarif"}
    assert written == reports | {"results.json", "recipe.toml", "manifest.json", ".bdtui"}


def test_records_come_back_from_the_results(finished: RunResult, alone: RunResult) -> None:
    for result in (finished, alone):
        again = read_record(result.out / "results.json")
        assert again.as_json() == result.record.as_json()


def test_reports_tell_what_was_found(finished: RunResult, alone: RunResult) -> None:
    for result in (finished, alone):
        report = (result.out / "report.md").read_text()
        assert "## Detection" in report
        assert f"| class {TARGET} |" in report
    assert f"(<trigger_{TARGET}.png>)" in (finished.out / "report.md").read_text()


def fail(*given: object, **named: object) -> None:
    raise AssertionError("it was done again")


def test_resume_repeats_no_finished_method(
    finished: RunResult, inputs: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    pictures = {path.name: path.read_bytes() for path in finished.out.glob("*.png") if path.name != "curve.png"}
    (finished.out / "results.json").unlink()
    for name in ("find_by_inversion", "reverse_triggers"):
        monkeypatch.setattr(f"bdtui.engine.detect.examination.{name}", fail)
    monkeypatch.setattr("bdtui.engine.detect.scan.find_by_scan", fail)
    again = execute_run(settings(inputs), finished.out, reporter=Reporter(), resume=True)
    before, after = ([part | {"seconds": 0} for part in result.results["detections"]] for result in (finished, again))
    assert before == after
    assert {name: (finished.out / name).read_bytes() for name in pictures} == pictures


def test_a_run_stopped_between_methods_goes_on_with_the_next(inputs: dict[str, Path], tmp_path: Path) -> None:
    seen: list[Event] = []
    reporter = Reporter(seen.append, lambda: any(isinstance(event, DetectorFinished) for event in seen))
    asked = RunSettings(model=inputs["model"], detect=(SCAN, MARGINS))
    with pytest.raises(Interrupted) as stopped:
        execute_run(asked, tmp_path / "out", reporter=reporter)
    assert "--resume" in str(stopped.value)
    assert not (tmp_path / "out" / "results.json").exists()
    events: list[Event] = []
    execute_run(asked, tmp_path / "out", reporter=Reporter(events.append), resume=True)
    assert [event.method for event in events if isinstance(event, DetectorFinished)] == [MARGINS]
    (told,) = [event for event in events if isinstance(event, DetectionFinished)]
    assert json.dumps(told.as_json(), allow_nan=False)


def test_a_finished_run_takes_an_examination_afterwards(
    inputs: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    execute_run(settings(inputs, detect=None), tmp_path / "out", reporter=Reporter())
    more = execute_run(settings(inputs, detect=(SCAN,)), tmp_path / "out", reporter=Reporter(), resume=True)
    assert list(more.record.detection.parts) == [SCAN]


def test_what_the_journal_holds_stands_in_a_run_that_asks_for_nothing(inputs: dict[str, Path], tmp_path: Path) -> None:
    execute_run(settings(inputs, detect=(SCAN,)), tmp_path / "out", reporter=Reporter())
    again = execute_run(settings(inputs, detect=None), tmp_path / "out", reporter=Reporter(), resume=True)
    assert list(again.record.detection.parts) == [SCAN]


def test_pixels_lie_where_the_options_say(
    inputs: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found: list[Examination] = []
    original = Examination.__init__

    def watched(self: Examination, *given: Any, **named: Any) -> None:
        original(self, *given, **named)
        found.append(self)

    monkeypatch.setattr(Examination, "__init__", watched)
    asked = RunSettings(model=inputs["model"], detect=(LAST_LAYER,), preprocess="tf")
    execute_run(asked, tmp_path / "out", reporter=Reporter())
    assert (found[0].subject.low.tolist(), found[0].subject.high.tolist()) == ([-1.0], [1.0])
    assert not found[0].guessed


def test_a_method_that_needs_images_is_refused_without(inputs: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="inversion needs clean images; add --clean-valid"):
        execute_run(RunSettings(model=inputs["model"], detect=(INVERSION,)), tmp_path / "out", reporter=Reporter())
    assert not (tmp_path / "out").exists()


def test_a_detector_that_is_not_there_is_refused_before_anything_is_opened(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="there is no detector 'x'"):
        execute_run(RunSettings(model=tmp_path / "none.h5", detect=("x",)), tmp_path / "out", reporter=Reporter())


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"detect": ("auto",)}, True),
        ({"detect": ("none",)}, False),
        ({}, False),
        ({"detect": ("auto",), "repair": ("clp",)}, False),
        ({"detect": ("auto",), "repair": ("none",)}, True),
        ({"detect": ("auto",), "compare": ("near",)}, False),
        ({"detect": ("auto",), "poisoned_valid": Path("x")}, False),
        ({"detect": ("auto",), "sample": True}, False),
        ({"all": True}, False),
    ],
)
def test_only_an_examination_can_do_without_images(changed: dict[str, Any], expected: bool) -> None:
    asked = RunSettings(model=Path("net.keras"), **changed)
    assert is_without_images(asked) == expected
    if not expected and not asked.sample:
        with pytest.raises(MissingOption, match="--clean-valid PATH"):
            check_given(asked)
