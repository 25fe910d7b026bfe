"""A run's record makes the same files again from its results.json, on a machine without TensorFlow."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bdtui.engine.errors import DataError
from bdtui.engine.event_values import ComparedOrder, ComparedThreshold, Threshold
from bdtui.engine.pruning.curve import Step
from bdtui.engine.rates import NO_RATES, Rates, Share
from bdtui.engine.repair.result import ChosenBy, Repair
from bdtui.engine.reports.curve_csv import write_curve
from bdtui.engine.reports.curve_png import write_figure
from bdtui.engine.reports.markdown import write_report_text
from bdtui.engine.reports.page.attached import Attached
from bdtui.engine.reports.page.page import write_page
from bdtui.engine.reports.record import RecordedImages, RecordedLayer, RunRecord
from bdtui.engine.reports.results import read_record, record_from_json
from bdtui.engine.reports.verdict import results_json
from bdtui.engine.settings import ROLES, Gates
from tests.engine.reports.pages import full_run
from tests.records import record

CLEAN, POISONED = 1_283, 977


def rates(clean: int, attack: int, recovered: int | None = None) -> Rates:
    return Rates(
        clean=Share(clean, CLEAN),
        attack=Share(attack, POISONED),
        recovered=None if recovered is None else Share(recovered, POISONED),
    )


def flagged(clean: int, poisoned: int) -> Rates:
    return Rates(Share(900, CLEAN), Share(3, POISONED), None, Share(clean, CLEAN), Share(poisoned, POISONED))


def whole_run() -> RunRecord:
    counts = {"clean": CLEAN, "poisoned": POISONED}
    return record(
        data={role: RecordedImages(f"/data/{role}.h5", "2" * 64, counts[role.split("_")[0]]) for role in ROLES},
        baseline_valid=rates(1_270, 977),
        baseline_test=rates(1_269, 970, 5),
        curve=tuple(
            Step(step, step - 1 if step else None, step / 4, rates(1_270 - 40 * step, 970)) for step in range(5)
        ),
        repairs=(
            Repair(
                "auto:shrink-distil",
                3,
                61.5,
                1500,
                ("Trained.",),
                ("It holds.",),
                ChosenBy(88, -0.5, 1.25, 93.5, 0.75, 0.5, True, kind="warp"),
                0.9,
                "repaired_auto.keras",
                "goodnet_auto.keras",
                rates(1_280, 2),
                rates(1_275, 4, 900),
                flagged(9, 970),
                flagged(11, 960),
            ),
        ),
        gates=Gates(max_asr=1.5, min_accuracy=90, fail_if=("backdoored",)),
        thresholds=(
            Threshold(
                2, 1, (0,), rates(1_230, 970), flagged(0, 0), rates(1_200, 900, 7), flagged(7, 90), "a.h5", "b.keras"
            ),
            Threshold(10.5, None, model="c.h5", goodnet="d.keras"),
        ),
        seconds={"load": 1.5, "total": 2.0},
        notices=("a notice",),
        comparison=(
            ComparedOrder("p", "c", 4, "random", (_at(2.0, 1), _at(10.5, None)), 80.0, 70.5),
            ComparedOrder("q", "d", 8, "weight-norm", (_at(2.0, 8), _at(10.5, None)), 80.0, None),
        ),
    )


def _at(drop: float, step: int | None) -> ComparedThreshold:
    return ComparedThreshold(drop, step, Rates() if step is None else rates(1_200, 900, 7))


def written(run: RunRecord, folder: Path) -> dict[str, bytes]:
    folder.mkdir()
    write_curve(folder / "curve.csv", run.curve)
    write_figure(folder / "curve.png", run)
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def saved(run: RunRecord, folder: Path) -> Path:
    path = folder / "results.json"
    path.write_text(json.dumps(results_json(run)), "utf-8")
    return path


def test_a_record_read_back_says_the_same(tmp_path: Path) -> None:
    run = whole_run()
    again = read_record(saved(run, tmp_path))
    assert again.as_json() == run.as_json()
    assert again.baseline_test.recovered == Share(5, POISONED), "counts, not only percentages"
    assert written(again, tmp_path / "again") == written(run, tmp_path / "once")


def attacked(attack: int, images: int, recovered: int) -> Rates:
    """Where true labels are known and some images are of the attacker's class."""
    return Rates(Share(1_000, CLEAN), Share(attack, images) if images else None, Share(recovered, POISONED))


def test_channels_silenced_where_they_are_read_are_said_to_be(tmp_path: Path) -> None:
    layer = RecordedLayer("avg_pool", "inner, around", 4, where_read=True)
    run = record(layer=layer, curve=(Step(0, None, 0.0, NO_RATES),))
    found = run.as_json()["layer"]
    assert (found["profiled"], found["pruned"], found["where_read"]) == ("avg_pool", "inner, around", True)
    assert record_from_json(run.as_json()).layer == layer
    text = " ".join(write_report_text(run).split())
    assert "the 4 channels were pruned where they are read (the weights of `inner, around` that read them" in text
    assert "where_read" not in record().as_json()["layer"], "older results say nothing of it"


def test_a_repair_is_read_again_as_it_was_written() -> None:
    run = whole_run()
    content = json.loads(json.dumps(run.as_json()))
    assert content["repairs"][0]["chosen_by"]["transfer_kind"] == "warp"
    assert record_from_json(content).repairs == run.repairs
    del content["repairs"][0]["chosen_by"]["transfer_kind"]
    (older,) = record_from_json(content).repairs
    assert older.chosen_by.kind is None, "files of earlier versions do not tell it"


def test_what_a_repair_was_chosen_by_names_only_what_was_measured() -> None:
    run = full_run()
    assert "Of B's shared transfer beyond that of scratch, 0.5 % is left." in write_report_text(run)
    (repair,) = run.repairs
    for less in ({"reference_transfer": None, "left": None, "claims": False}, {"claims": False}):
        other = replace(repair, chosen_by=replace(repair.chosen_by, **less))
        assert "beyond that of scratch" not in write_report_text(replace(run, repairs=(other,)))


@pytest.mark.parametrize(
    ("held_out", "drop", "said"),
    [
        (88, 1.136, "88 clean images were held out; clean accuracy fell by 1.14 points there."),
        (71, -4.226, "71 clean images were held out; clean accuracy rose by 4.23 points there."),
        (1, 0.0, "1 clean image was held out; clean accuracy is the same there."),
        (0, None, "0 clean images were held out."),
    ],
)
def test_reports_say_what_became_of_accuracy_on_what_was_held_out(held_out: int, drop: float | None, said: str) -> None:
    run = whole_run()
    run = replace(run, repairs=(replace(run.repairs[0], chosen_by=ChosenBy(held_out, drop)),))
    assert said in write_report_text(run)
    assert said in write_page(run, Attached())


@pytest.mark.parametrize("images", [POISONED - 77, 0])
def test_the_images_that_the_asr_leaves_out_are_left_out_when_it_is_read_again(tmp_path: Path, images: int) -> None:
    rates = attacked(min(images, 333), images, 5)
    run = replace(whole_run(), baseline_valid=rates, curve=(Step(0, None, 0.0, rates),))
    again = read_record(saved(run, tmp_path))
    assert again.baseline_valid == rates
    assert again.curve[0].rates.attack == rates.attack
    assert again.as_json() == run.as_json()


def test_results_of_a_version_whose_asr_took_all_images_are_still_read(tmp_path: Path) -> None:
    content = whole_run().as_json()
    assert content["baseline"]["test"].pop("attack_images") == POISONED
    (tmp_path / "results.json").write_text(json.dumps(content), "utf-8")
    assert read_record(tmp_path / "results.json").baseline_test == rates(1_269, 970, 5)


def test_rates_of_few_images_are_shown_with_what_they_leave_open() -> None:
    few = Rates(clean=Share(98, 100))
    run = record(data={"clean_valid": RecordedImages("v.h5", "1" * 64, 100)}, baseline_valid=few)
    assert "clean accuracy 98.00 % (98 of 100: 93 to 99 % with 95 % confidence)" in write_report_text(run)
    assert "confidence" not in write_report_text(whole_run())


def untested_run() -> RunRecord:
    run = whole_run()
    valid = {role: images for role, images in run.data.items() if role.endswith("valid")}
    reached = Threshold(2, 1, (0,), rates(1_230, 970), flagged(7, 90), model="a.h5", goodnet="b.keras")
    return record(data=valid, baseline_valid=run.baseline_valid, curve=run.curve, thresholds=(reached,))


@pytest.mark.parametrize("make", [whole_run, untested_run])
def test_a_report_made_again_is_the_same(tmp_path: Path, make: Callable[[], RunRecord]) -> None:
    run = replace(make(), target=3)
    again = read_record(saved(run, tmp_path))
    assert results_json(again) == results_json(run)
    assert write_report_text(again) == write_report_text(run)


def test_a_report_is_made_again_from_results_of_version_0_1_0(tmp_path: Path) -> None:
    content = results_json(whole_run())
    for key in ("verdict", "notices", "comparison"):
        del content[key]
    for key in ("silent", "inactive"):
        del content["layer"][key]
    for threshold in content["thresholds"]:
        del threshold["goodnet_valid"]
    path = tmp_path / "results.json"
    path.write_text(json.dumps(content), "utf-8")
    text = write_report_text(read_record(path))
    assert "Backdoor: 99.28 % of 977 poisoned test images" in text
    assert "a notice" not in text


def test_report_figure_and_curve_are_made_without_tensorflow(tmp_path: Path) -> None:
    path = saved(whole_run(), tmp_path)
    script = f"""
import sys
from pathlib import Path
for name in ("tensorflow", "keras", "h5py"):
    sys.modules[name] = None
from bdtui.engine.reports.curve_csv import write_curve
from bdtui.engine.reports.curve_png import write_figure
from bdtui.engine.reports.markdown import write_report_text
from bdtui.engine.reports.results import read_record
run = read_record(Path({str(path)!r}))
write_curve(Path("curve.csv"), run.curve)
write_figure(Path("curve.png"), run)
Path("report.md").write_text(write_report_text(run), "utf-8")
"""
    subprocess.run([sys.executable, "-c", script], check=True, cwd=tmp_path)
    assert (tmp_path / "curve.csv").read_text().count("\n") == 6
    assert (tmp_path / "curve.png").read_bytes().startswith(b"\x89PNG")
    assert "# Pruning report" in (tmp_path / "report.md").read_text("utf-8")


@given(st.data(), st.integers(1, 100_000))
def test_a_percentage_of_so_many_images_is_one_count(data: st.DataObject, images: int) -> None:
    hits = data.draw(st.integers(0, images))
    content = whole_run().as_json()
    content["data"]["clean_valid"]["images"] = images
    content["curve"] = [{**content["curve"][0], "clean_accuracy": Share(hits, images).percent}]
    content["thresholds"] = content["comparison"] = content["repairs"] = []
    content["baseline"]["valid"]["clean_accuracy"] = Share(hits, images).percent
    assert record_from_json(content).baseline_valid.clean == Share(hits, images)


def drop(key: str) -> Callable[[dict[str, Any]], Any]:
    return lambda content: content.pop(key)


@pytest.mark.parametrize(
    "damage",
    [
        *map(drop, ("version", "model", "data", "input", "layer", "order", "baseline", "curve", "thresholds")),
        lambda content: content.update(order=["1"]),
        lambda content: content.update(curve=7),
        lambda content: content["layer"].update(channels=True),
        lambda content: content["model"].update(path=["a"]),
        lambda content: content["data"]["clean_valid"].update(images=0),
        lambda content: content["baseline"]["valid"].update(clean_accuracy=101.0),
        lambda content: content["baseline"]["valid"].update(clean_accuracy=math.nan),
        lambda content: content["baseline"]["valid"].update(clean_accuracy=math.inf),
        lambda content: content["baseline"]["test"].update(clean_accuracy="98"),
        lambda content: content["data"].update(poisoned_test=None),
        lambda content: content["baseline"]["test"].update(attack_images=POISONED + 1),
        lambda content: content["baseline"]["test"].update(attack_images=0),
        lambda content: content["baseline"]["test"].update(attack_images="all"),
        lambda content: content["thresholds"][0].update(step=1.5),
        lambda content: content["thresholds"][0].update(step=5),
        lambda content: content["thresholds"][0].update(reached="no"),
        lambda content: content["thresholds"][0].update(drop=math.nan),
        lambda content: content["baseline"]["valid"].update(clean_accuracy=33.3),
        lambda content: content["curve"][1].update(step=-1),
        lambda content: content.update(curve=[]),
        lambda content: content.update(comparison=7),
        lambda content: content.update(comparison=[[]]),
        lambda content: content["comparison"][0].update(thresholds=[]),
        lambda content: content["comparison"][0]["thresholds"].pop(),
        lambda content: content["comparison"][0].update(channels=0),
        lambda content: content["comparison"][1].update(asr_area="much"),
    ],
)
def test_results_that_bdtui_did_not_write_are_refused(damage: Callable[[dict[str, Any]], Any], tmp_path: Path) -> None:
    content = whole_run().as_json()
    damage(content)
    path = tmp_path / "results.json"
    path.write_text(json.dumps(content), "utf-8")
    with pytest.raises(DataError, match="as bdtui writes it"):
        read_record(path)


@pytest.mark.parametrize(
    ("content", "finding"),
    [
        ("", "cannot be read as JSON"),
        ("[" * 10**5, "cannot be read"),
        ("[]", "no schema 1"),
        ('{"schema": 2}', "no schema 1"),
    ],
)
def test_a_file_that_is_no_results_json_is_refused(content: str, finding: str, tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    path.write_text(content)
    with pytest.raises(DataError, match=finding):
        read_record(path)
