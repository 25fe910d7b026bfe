"""bdtui --batch --screen: which images carry a trigger?"""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from bdtui.engine.errors import Interrupted
from bdtui.engine.network.goodnet import build_repaired_goodnet
from bdtui.engine.reporter import Reporter
from bdtui.engine.runs.screening import screen_images
from bdtui.engine.settings import RunSettings
from bdtui.tui.cli import main
from tests.engine.detect.made_nets import row_images, rows_net
from tests.engine.screen.test_screening import stamped

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("inputs")
    model, (images, labels) = rows_net("patch"), row_images()
    model.save(folder / "net.keras")
    build_repaired_goodnet(model, rows_net()).save(folder / "goodnet_X=2.keras")
    np.savez(folder / "clean.npz", data=images[:160], label=labels[:160])
    np.savez(folder / "judged.npz", data=np.concatenate([images[160:], stamped(images[160:])]))
    return folder


def screen(folder: Path, *given: str) -> int:
    clean = ("--clean-valid", str(folder / "clean.npz"))
    return main(["--batch", str(folder / "net.keras"), *clean, "--screen", str(folder / "judged.npz"), *given])


def rows_of(out: Path) -> list[dict[str, str]]:
    with (out / "screened.csv").open() as file:
        return list(csv.DictReader(file))


def test_every_image_has_a_row_and_those_with_the_trigger_are_flagged(
    folder: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert screen(folder, "--out", str(tmp_path / "out")) == 0
    rows = rows_of(tmp_path / "out")
    assert list(rows[0]) == ["image", "score", "flagged", "why"]
    assert [row["image"] for row in rows] == [str(number) for number in range(80)]
    assert all(row["flagged"] == "1" for row in rows[40:])
    flagged = sum(row["flagged"] == "1" for row in rows)
    assert f"{flagged} of 80 images are flagged by strip; of clean images about" in capfd.readouterr().out
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["screened.csv"]


def test_a_goodnet_flags_what_it_answers_one_more_class_for(folder: Path, tmp_path: Path) -> None:
    assert screen(folder, "--goodnet", str(folder / "goodnet_X=2.keras"), "--out", str(tmp_path / "out")) == 0
    assert [row["flagged"] for row in rows_of(tmp_path / "out")[:40]] == ["0"] * 40
    assert {row["why"] for row in rows_of(tmp_path / "out")} == {
        "the GoodNet answers N+1",
        "the GoodNet answers a class",
    }


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (("--screen-by", "oracle"), "expected one of strip, scale-up, ibd-psc, goodnet"),
        (("--resume", "--out", "nowhere"), "no such folder"),
        (("--detect", "auto"), "expected it without --detect"),
        (("--goodnet", "net"), "expected a GoodNet of it with 6"),
        (("--screen", "missing.png"), "missing.png: no such file"),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(
    folder: Path,
    given: tuple[str, ...],
    expected: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert screen(folder, *(str(folder / "net.keras") if word == "net" else word for word in given)) == 2
    printed = capfd.readouterr().err
    assert expected in printed
    assert "Traceback" not in printed
    assert not list(tmp_path.rglob("*.csv"))


def test_nothing_is_written_over(folder: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "screened.csv").write_text("mine")
    assert screen(folder, "--out", str(tmp_path)) == 2
    assert "is there already; choose another folder" in capfd.readouterr().err
    assert (tmp_path / "screened.csv").read_text() == "mine"


def test_what_is_stopped_leaves_nothing(folder: Path, tmp_path: Path) -> None:
    seen: list[object] = []
    settings = RunSettings(model=folder / "net.keras", clean_valid=folder / "clean.npz", screen=folder / "judged.npz")
    reporter = Reporter(seen.append, lambda: any(getattr(event, "stage", "") == "screening" for event in seen))
    with pytest.raises(Interrupted):
        screen_images(settings, tmp_path / "out", reporter=reporter)
    assert not list(tmp_path.iterdir())


def test_options_of_screening_want_it_and_it_wants_batch(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["--batch", str(folder / "net.keras"), "--screen-by", "strip"]) == 2
    assert "expected --screen PATH with it" in capfd.readouterr().err
    with pytest.raises(SystemExit, match="2"):
        main([str(folder / "net.keras"), "--screen", str(folder / "judged.npz")])
    assert "--screen belongs to --batch" in capfd.readouterr().err


def test_progress_is_json_lines_and_list_names_the_methods(
    folder: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert screen(folder, "--json", "--out", str(tmp_path / "out")) == 0
    events = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
    stages = [event for event in events if event["event"] == "progress" and event["stage"] == "screening"]
    assert stages[-1]["done"] == stages[-1]["total"] == 160
    assert main(["--screen-by", "list"]) == 0
    assert [line.split(":")[0] for line in capfd.readouterr().out.splitlines()] == [
        "strip",
        "scale-up",
        "ibd-psc",
        "goodnet",
    ]
