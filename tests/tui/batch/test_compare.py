"""`bdtui --batch --compare`: a table, a section, a key of results.json, a file, and events as JSON lines."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from bdtui.engine.pruning.rankings import RANKINGS
from bdtui.engine.reports.results import read_record
from bdtui.engine.settings import RunSettings
from bdtui.tui.cli import main
from bdtui.tui.merged_options import merge_options
from tests.engine.runs.test_comparison import two_convolutions
from tests.networks import NetworkCase, build, random_images, write_images
from tests.quick_triggers import reverse_quickly

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    reverse_quickly(monkeypatch)


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The options of a run on a small network with its own opinion as labels."""
    folder = tmp_path_factory.mktemp("inputs")
    case = NetworkCase(two_convolutions, "pool")
    model = build(case)
    model.save(folder / "model.h5")
    images = random_images(case, 60)
    labels = np.asarray(model(images)).argmax(axis=1)
    clean = write_images(folder / "clean.h5", images[:40], labels[:40])
    poisoned = write_images(folder / "poisoned.h5", images[40:], labels[40:])
    sets = ["--clean-valid", str(clean), "--poisoned-valid", str(poisoned), "--scale", "1"]
    return ["--batch", str(folder / "model.h5"), *sets]


def test_a_finished_run_is_compared_when_resumed_and_says_what_it_found(
    given: list[str], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert main([*given, "--out", str(out)]) == 0
    before = read_record(out / "results.json")
    assert not before.comparison
    assert not (out / "comparison.csv").exists()
    assert "Layers and rankings compared" not in capfd.readouterr().out
    assert main(["--batch", "--resume", "--out", str(out), "--compare", "first,pool"]) == 0
    printed = capfd.readouterr()
    record = read_record(out / "results.json")
    assert {(order.layer, order.ranking) for order in record.comparison} == {
        (layer, ranking) for layer in ("first", "pool") for ranking in RANKINGS
    }
    assert record.curve == before.curve
    table = printed.out.partition("Layers and rankings compared on validation images, best first")[2]
    baseline = record.baseline_valid
    own = f"B, unpruned: accuracy {baseline.clean_accuracy:.1f}, ASR {baseline.attack_success_rate:.1f}"
    assert own in table.splitlines()
    rows = [line.split()[:2] for line in table.splitlines() if line.split()[:1] in (["first"], ["pool"])]
    assert rows == [[order.layer, order.ranking] for order in record.comparison]
    assert f"compared pool by random ({2 * len(RANKINGS)} of {2 * len(RANKINGS)})" in printed.err
    report = (out / "report.md").read_text()
    section = report.partition("## Comparison")[2].partition("##")[0]
    assert section.count("| `first` |") == len(RANKINGS)
    assert f"B, unpruned: clean accuracy {baseline.clean_accuracy:.2f}, attack success" in section
    assert (out / "comparison.csv").read_text().startswith("layer,pruned,channels,ranking,")
    assert main(["--verify", str(out)]) == 0
    assert main(["--batch", "--resume", "--out", str(out), "--compare"]) == 0
    assert "is already complete" in capfd.readouterr().err


def test_json_lines_have_a_row_as_it_is_measured(
    given: list[str], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main([*given, "--out", str(tmp_path / "out"), "--json", "--compare", "pool"]) == 0
    lines = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
    rows = [line for line in lines if line["event"] == "order_compared"]
    assert [row["done"] for row in rows] == list(range(1, len(RANKINGS) + 1))
    written = json.loads((tmp_path / "out" / "results.json").read_text())["comparison"]
    table: list[object] = []
    for row in rows:
        table.insert(row["place"], row["order"])
    assert table == written


def test_a_layer_that_is_not_there_is_refused_before_anything_is_measured(
    given: list[str], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main([*given, "--out", str(tmp_path / "out"), "--compare", "far"]) == 2
    assert "there is no layer 'far' in the model" in capfd.readouterr().err
    assert not (tmp_path / "out").exists()
    assert main([*given, "--check", "--compare", "far"]) == 2


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        (["--compare"], "expected --batch with it (in the app, c compares)"),
        (["--batch", "--compare", "net.h5", "--clean-valid", "x"], "--compare took 'net.h5' for the layers to compare"),
        (["--batch", "--compare", "a,,b"], "is no list of names with commas between them"),
    ],
)
def test_what_cannot_be_meant_is_refused(typed: list[str], says: str, capfd: pytest.CaptureFixture[str]) -> None:
    try:
        code = main(typed)
    except SystemExit as ended:
        code = int(str(ended.code))
    assert code == 2
    assert says in capfd.readouterr().err


@pytest.mark.parametrize(
    ("written", "meant"),
    [('"all"', ("all",)), ('["pool_2", "pool_3"]', ("pool_2", "pool_3"))],
)
def test_a_recipe_asks_for_it_too(tmp_path: Path, written: str, meant: tuple[str, ...]) -> None:
    (tmp_path / "recipe.toml").write_text(f"sample = true\ncompare = {written}\n")
    settings, _, _ = merge_options({"recipe": tmp_path / "recipe.toml"}, RunSettings)
    assert settings.compare == meant
