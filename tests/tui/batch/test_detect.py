"""bdtui --batch --detect: an answer without poisoned images, and without any image."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from bdtui.engine.detect.methods import METHODS
from bdtui.tui.cli import main
from tests.engine.detect.made_nets import TARGET, patch_net

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("inputs")
    model = patch_net()
    model.save(folder / "net.keras")
    pixels = np.random.default_rng(2).random((40, 12, 12, 1), np.float32)
    np.savez(folder / "clean.npz", x_test=pixels, y_test=np.asarray(model(pixels)).argmax(axis=1))
    return folder


def run(folder: Path, *given: str) -> int:
    return main(["--batch", str(folder / "net.keras"), *given])


def test_a_network_alone_gets_an_answer_and_the_gate_asks_it(
    folder: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out = str(tmp_path / "out")
    assert run(folder, "--detect", "auto", "--out", out, "--fail-if", "backdoored,inconclusive") == 3
    printed = capfd.readouterr()
    assert f"class {TARGET}" in printed.out
    assert "Suspected classes" in printed.out
    assert "gate failed (--fail-if" in printed.err
    assert main(["--verify", out]) == 0
    assert main(["--batch", "--resume", "--out", out]) == 3
    assert "already complete" in capfd.readouterr().err


def test_events_of_an_examination_are_json_lines(
    folder: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run(folder, "--detect", "scan,margins", "--json", "--out", str(tmp_path / "out")) == 0
    events = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
    assert [event["method"] for event in events if event["event"] == "detector_finished"] == ["scan", "margins"]
    (told,) = [event for event in events if event["event"] == "detection_finished"]
    assert told["suspects"][0]["target"] == TARGET


def test_a_finished_run_takes_up_the_methods_that_it_lacks(
    folder: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out = str(tmp_path / "out")
    assert run(folder, "--detect", "scan", "--out", out) == 0
    assert main(["--batch", "--resume", "--out", out, "--detect", "scan"]) == 0
    assert "already complete" in capfd.readouterr().err
    assert main(["--batch", "--resume", "--out", out, "--detect", "auto"]) == 0
    err = capfd.readouterr().err
    assert "margins: class" in err
    assert "scan: class" not in err


def test_a_recipe_without_images_replays(folder: Path, tmp_path: Path) -> None:
    assert run(folder, "--detect", "last-layer", "--out", str(tmp_path / "a")) == 0
    assert main(["--batch", "--recipe", str(tmp_path / "a" / "recipe.toml"), "--out", str(tmp_path / "b")]) == 0
    first, second = (json.loads((tmp_path / name / "results.json").read_text())["detections"] for name in "ab")
    assert [part | {"seconds": 0} for part in first] == [part | {"seconds": 0} for part in second]


def test_list_names_every_method_with_what_it_needs(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["--detect", "list"]) == 0
    lines = capfd.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in lines] == ["auto", *METHODS, "pool"]
    assert all("needs" in line for line in lines[1:])


@pytest.mark.parametrize("more", [("--all",), ("--detect", "auto", "--repair", "auto"), ()])
def test_whatever_else_is_asked_for_needs_clean_images(
    folder: Path, tmp_path: Path, more: tuple[str, ...], capfd: pytest.CaptureFixture[str]
) -> None:
    assert run(folder, *more, "--out", str(tmp_path / "out")) == 2
    assert "--clean-valid PATH (or --detect auto alone)" in capfd.readouterr().err


def test_a_detector_that_is_not_there_is_refused_with_those_that_are(
    folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run(folder, "--detect", "oracle") == 2
    assert "there is no detector 'oracle'; expected auto or one of last-layer" in capfd.readouterr().err


def test_check_says_what_will_run_and_writes_nothing(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    clean = ("--clean-valid", str(folder / "clean.npz"))
    for given, expected in (
        (("--detect", "auto"), "detection will run last-layer, scan, margins with no image"),
        ((*clean, "--detect", "auto"), "scan-images, inversion with 40 clean images"),
        (
            (*clean, "--repair", "auto"),
            "repairs will run scratch, auto: about 3,800 training steps, or more; of 40 clean images",
        ),
        ((*clean, "--repair", "auto"), "about 6 are held out: too few to tell whether it worked, which takes 50"),
    ):
        assert main(["--check", str(folder / "net.keras"), *given]) == 0
        assert expected in capfd.readouterr().err
    assert not list(tmp_path.iterdir())


def test_all_detects_and_repairs(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from bdtui.tui.merged_options import merge_options

    settings, _, _ = merge_options({"model": folder / "net.keras", "all": True})
    assert (settings.detect, settings.repair, settings.all) == (("auto",), ("auto",), False)
    settings, _, _ = merge_options({"model": folder / "net.keras", "all": True, "repair": ("clp",)})
    assert (settings.detect, settings.repair) == (("auto",), ("clp",))
