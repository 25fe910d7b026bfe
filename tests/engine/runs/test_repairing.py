"""A run with repairs: what is saved is what was measured, and what is finished is not done again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from numpy.typing import NDArray

from bdtui.engine.errors import Interrupted, OptionError
from bdtui.engine.events import Event, RepairFinished, RepairMeasured
from bdtui.engine.repair.methods import asked_methods
from bdtui.engine.repair.session import RepairSession
from bdtui.engine.reporter import Reporter
from bdtui.engine.reports.results import read_record
from bdtui.engine.runs.run import RunResult, execute_run
from bdtui.engine.settings import RunSettings
from tests.engine.repair.small_badnet import TARGET, bars, small_badnet, triggered

pytestmark = pytest.mark.slow

REPAIRS = ("fine-tuning", "clp")


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("inputs")
    small_badnet().model.save(folder / "net.keras")
    found = {"model": folder / "net.keras"}
    for role, number, seed in (("clean_valid", 400, 21), ("clean_test", 240, 22)):
        clean = bars(number, seed)
        save(folder / f"{role}.npz", clean.pixels, clean.labels)
        others = clean.labels != TARGET
        poisoned = role.replace("clean", "poisoned")
        save(folder / f"{poisoned}.npz", triggered(clean.pixels[others]), np.full(int(others.sum()), TARGET))
        found |= {role: folder / f"{role}.npz", poisoned: folder / f"{poisoned}.npz"}
    return found


def save(path: Path, pixels: NDArray[np.float32], labels: NDArray[np.int64]) -> None:
    np.savez(path, x_test=pixels, y_test=labels)


def settings(inputs: dict[str, Path], **changed: Any) -> RunSettings:
    given: dict[str, Any] = {**inputs, "preprocess": "raw", "until_last_threshold": True, "thresholds": (50.0,)}
    return RunSettings(**{**given, "repair": REPAIRS, **changed})


@pytest.fixture(scope="module")
def finished(inputs: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> RunResult:
    return execute_run(settings(inputs), tmp_path_factory.mktemp("run") / "out", reporter=Reporter())


def classes(model: Path, images: Path) -> NDArray[np.int64]:
    with np.load(images) as content:
        scores = keras.models.load_model(model, compile=False)(content["x_test"])
    return np.asarray(scores).argmax(axis=1)


@pytest.mark.parametrize("name", REPAIRS)
def test_saved_networks_have_the_rates_that_results_report(
    finished: RunResult, inputs: dict[str, Path], name: str
) -> None:
    entry = next(each for each in finished.results["repairs"] if each["method"] == name)
    repaired, goodnet = finished.out / entry["model"], finished.out / entry["goodnet"]
    labels = np.load(inputs["clean_test"])["y_test"]
    accuracy = 100 * float(np.mean(classes(repaired, inputs["clean_test"]) == labels))
    attack = 100 * float(np.mean(classes(repaired, inputs["poisoned_test"]) == TARGET))
    rates = entry["test"]["repaired"]
    assert (rates["clean_accuracy"], rates["attack_success_rate"]) == pytest.approx((accuracy, attack))
    ours, theirs = (classes(model, inputs["poisoned_test"]) for model in (inputs["model"], repaired))
    joined = np.where(ours == theirs, ours, 4)
    assert np.array_equal(classes(goodnet, inputs["poisoned_test"]), joined)
    assert entry["test"]["goodnet"]["poisoned_flagged"] == pytest.approx(100 * float(np.mean(joined == 4)))


def test_the_record_comes_back_from_the_results(finished: RunResult) -> None:
    assert read_record(finished.out / "results.json").as_json() == finished.record.as_json()


def test_the_verdict_and_the_report_tell_what_the_repairs_came_to(finished: RunResult) -> None:
    told = [sentence for sentence in finished.results["verdict"]["sentences"] if sentence.startswith("Repaired by")]
    assert [sentence.split(":")[0] for sentence in told] == [f"Repaired by {name}" for name in REPAIRS]
    report = (finished.out / "report.md").read_text()
    assert "## Repairs" in report
    assert "repaired_clp.keras" in report


def test_a_recommended_network_lies_there_under_its_own_name(finished: RunResult) -> None:
    recommended = finished.results["verdict"]["recommended"]
    copies = list(finished.out.glob("recommended.*"))
    assert len(copies) == (recommended is not None)
    for copy in copies:
        assert copy.read_bytes() == (finished.out / recommended).read_bytes()


def test_checkpoints_of_finished_repairs_are_gone(finished: RunResult) -> None:
    assert not (finished.out / ".bdtui" / "repairs").exists()


def test_resume_repeats_no_finished_repair(
    finished: RunResult, inputs: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = {path.name: path.read_bytes() for path in finished.out.glob("*.keras")}
    (finished.out / "results.json").unlink()

    def fail(*given: object, **named: object) -> None:
        raise AssertionError("it was done again")

    monkeypatch.setattr("bdtui.engine.runs.repairing.RepairSession", fail)
    again = execute_run(settings(inputs), finished.out, reporter=Reporter(), resume=True)
    kept = [[repair.as_json() for repair in result.record.repairs] for result in (again, finished)]
    assert kept[0] == kept[1]
    assert {path.name: path.read_bytes() for path in finished.out.glob("*.keras")} == before


def test_a_repair_asked_for_later_is_made_alone_and_the_others_are_judged_by_it(
    inputs: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    first = execute_run(settings(inputs, repair=("clp",)), out, reporter=Reporter())
    assert first.results["repairs"][0]["chosen_by"]["reference_transfer"] is None
    assert not any("from scratch" in sentence for sentence in first.results["repairs"][0]["sentences"])
    (out / "results.json").unlink()
    made: list[str] = []
    carry_out = RepairSession.carry_out

    def noted(session: RepairSession, name: str, work: Any) -> Any:
        made.append(name)
        return carry_out(session, name, work)

    monkeypatch.setattr(RepairSession, "carry_out", noted)
    again = execute_run(settings(inputs, repair=("clp", "scratch")), out, reporter=Reporter(), resume=True)
    assert made == ["scratch"]
    by_name = {each["method"]: each for each in again.results["repairs"]}
    assert by_name["clp"]["chosen_by"]["reference_transfer"] is not None
    assert any("from scratch" in sentence for sentence in by_name["clp"]["sentences"])
    assert by_name["clp"]["test"] == first.results["repairs"][0]["test"]


def stopping_after(events: int, kind: type[Event]) -> Reporter:
    seen: list[Event] = []

    def emit(event: Event) -> None:
        if isinstance(event, kind):
            seen.append(event)

    return Reporter(emit, lambda: len(seen) >= events)


@pytest.mark.parametrize(("number", "kind"), [(1, RepairMeasured), (1, RepairFinished)])
def test_a_run_stopped_within_repairs_ends_with_the_same_networks(
    finished: RunResult, inputs: dict[str, Path], tmp_path: Path, number: int, kind: type[Event]
) -> None:
    out = tmp_path / "out"
    with pytest.raises(Interrupted):
        execute_run(settings(inputs), out, reporter=stopping_after(number, kind))
    assert not (out / "results.json").exists()
    execute_run(settings(inputs), out, reporter=Reporter(), resume=True)
    for name in REPAIRS:
        for stem in ("repaired", "goodnet"):
            file = f"{stem}_{name}.keras"
            assert (out / file).read_bytes() == (finished.out / file).read_bytes(), file


def test_without_poisoned_images_repairs_are_made_all_the_same(
    inputs: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clean = {name: path for name, path in inputs.items() if "poisoned" not in name}
    result = execute_run(settings(clean, repair=("clp",)), tmp_path / "out", reporter=Reporter())
    (entry,) = result.results["repairs"]
    assert entry["test"]["repaired"]["attack_success_rate"] is None
    assert entry["chosen_by"]["transfer"] is not None
    assert result.results["verdict"]["backdoor"] == "not examined"


def test_repairs_are_named_once_and_scratch_goes_first() -> None:
    assert asked_methods(("clp", "scratch", "clp", "none")) == ("scratch", "clp")
    assert asked_methods(("clp", "auto")) == ("scratch", "clp", "auto"), "what auto holds its networks against is shown"
    assert asked_methods(None) == ()


def test_a_repair_that_is_not_there_is_refused_by_name() -> None:
    with pytest.raises(OptionError, match="there is no repair 'magic'; expected auto or one of shrink-distil,"):
        asked_methods(["magic"])


def test_the_recipe_repeats_the_repairs(finished: RunResult) -> None:
    assert 'repair = ["fine-tuning", "clp"]' in (finished.out / "recipe.toml").read_text()
    assert json.loads((finished.out / "results.json").read_text())["repairs"]


def test_mixed_precision_is_told_repeated_by_the_recipe_and_makes_another_network(
    finished: RunResult, inputs: dict[str, Path], tmp_path: Path
) -> None:
    result = execute_run(
        settings(inputs, repair=("fine-tuning",), mixed_precision=True), tmp_path / "out", reporter=Reporter()
    )
    (repair,) = result.record.repairs
    assert any("bfloat16" in sentence for sentence in repair.done)
    assert "mixed-precision = true" in (result.out / "recipe.toml").read_text()
    file = "repaired_fine-tuning.keras"
    assert (result.out / file).read_bytes() != (finished.out / file).read_bytes()
