"""`bdtui report DIR`: the reports again, the results untouched."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bdtui.engine.machine.files import file_sha256
from bdtui.engine.runs.manifest import manifest_json
from bdtui.tui.cli import main
from bdtui.tui.exit_codes import ExitCode
from tests.engine.reports.pages import folder_of, full_run

REPORTS = ["report.md", "report.html", "model_card.md", "findings.sarif"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A finished run, with its manifest."""
    folder = folder_of(full_run(), tmp_path / "run")
    hashes = {path.name: file_sha256(path) for path in folder.iterdir()}
    (folder / "manifest.json").write_text(json.dumps(manifest_json(hashes, {"model": "0" * 64}, {"bdtui": "0"}, 7)))
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_it_makes_the_reports_and_leaves_all_else(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    before = contents(folder)
    assert main(["report", str(folder)]) == ExitCode.DONE
    out, err = capfd.readouterr()
    assert out.splitlines() == [str(folder / name) for name in REPORTS]
    assert err == ""
    after = contents(folder)
    assert set(after) - set(before) == set(REPORTS)
    assert {name for name in before if after[name] != before[name]} == {"manifest.json"}


def test_the_folder_still_verifies(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["report", str(folder)]) == ExitCode.DONE
    assert main(["--verify", str(folder)]) == ExitCode.DONE
    manifest = json.loads((folder / "manifest.json").read_text())
    assert set(REPORTS) <= set(manifest["files"])
    assert (manifest["seed"], manifest["inputs"]) == (7, {"model": "0" * 64})
    once = contents(folder)
    assert main(["report", str(folder)]) == ExitCode.DONE
    assert contents(folder) == once, "made twice it is the same"


def test_a_report_that_somebody_edited_is_kept(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["report", str(folder)]) == ExitCode.DONE
    card = folder / "model_card.md"
    made = card.read_text()
    card.write_text(made + "\nMy own words.\n")
    (folder / "report.html").unlink()
    capfd.readouterr()
    assert main(["report", str(folder)]) == ExitCode.DONE
    out, err = capfd.readouterr()
    assert "My own words." in card.read_text()
    assert f"{card}: was changed since it was written, and is kept; add --force to replace it" in err
    assert str(card) not in out
    assert (folder / "report.html").exists()
    assert main(["report", str(folder), "--force"]) == ExitCode.DONE
    assert card.read_text() == made


def test_results_that_the_run_did_not_write_are_told(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = folder / "results.json"
    path.write_text(path.read_text() + " ")
    assert main(["report", str(folder)]) == ExitCode.DONE
    assert "is not what the run wrote (its sha256 differs)" in capfd.readouterr().err
    assert main(["--verify", str(folder)]) == ExitCode.USAGE, "the manifest has not taken them for its own"


def test_a_damaged_manifest_is_told_and_kept(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (folder / "manifest.json").write_text("{")
    assert main(["report", str(folder)]) == ExitCode.DONE
    assert "is not readable JSON" in capfd.readouterr().err
    assert (folder / "manifest.json").read_text() == "{"


@pytest.mark.parametrize("content", [None, "", "[]", '{"schema": 1}'])
def test_a_folder_without_results_is_refused(
    tmp_path: Path, content: str | None, capfd: pytest.CaptureFixture[str]
) -> None:
    if content is not None:
        (tmp_path / "results.json").write_text(content)
    assert main(["report", str(tmp_path)]) == ExitCode.USAGE
    err = capfd.readouterr().err
    assert err.startswith("bdtui: error: ")
    assert "expected the" in err
    assert "Traceback" not in err


def test_it_says_how_it_is_used(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["report"])
    assert ended.value.code == ExitCode.USAGE
    assert "DIR" in capfd.readouterr().err
