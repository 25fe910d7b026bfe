"""`bdtui --verify DIR`: what a run left is as it was written, or the files that are not are named."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from bdtui.tui.cli import main

pytestmark = pytest.mark.slow

CONTENT = {"results.json": b"{}\n", "model_X=2.h5": b"\x89HDF", "curve.csv": b"step\n0\n"}


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A folder as a run leaves it."""
    folder = tmp_path / "run"
    folder.mkdir()
    for name, content in CONTENT.items():
        (folder / name).write_bytes(content)
    files = {name: hashlib.sha256(content).hexdigest() for name, content in CONTENT.items()}
    manifest = {"schema": 1, "versions": {}, "seed": 0, "inputs": {}, "files": files}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder


def verify(folder: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    status = main(["--verify", str(folder)])
    out, err = capsys.readouterr()
    assert "Traceback" not in err
    return status, out, err


def test_unchanged_files_verify(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert verify(run, capsys) == (0, f"{run}: all 3 files are as they were written\n", "")


def test_files_added_later_are_ignored(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (run / "notes.txt").write_text("mine")
    assert verify(run, capsys)[0] == 0


def flip_a_bit(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)


def make_a_link(file: Path) -> None:
    file.rename(file.with_name("elsewhere"))
    file.symlink_to("elsewhere")


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (flip_a_bit, "is not what the run wrote"),
        (os.unlink, "is missing"),
        (make_a_link, "is missing"),
        (lambda file: file.write_bytes(b""), "is not what the run wrote"),
    ],
    ids=["flipped", "missing", "link", "empty"],
)
@pytest.mark.parametrize("name", CONTENT)
def test_a_changed_file_is_named(
    run: Path, capsys: pytest.CaptureFixture[str], change: Callable[[Path], None], sentence: str, name: str
) -> None:
    change(run / name)
    status, out, err = verify(run, capsys)
    assert (status, out) == (2, "")
    assert err.startswith(f"bdtui: error: {run / name}: {sentence}")
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "not readable JSON"),
        ("[" * 100_000, "not readable JSON"),
        ("[]", "no schema 1"),
        ('{"schema": 2}', "no schema 1"),
        ('{"schema": 1, "files": []}', "names no files"),
        ('{"schema": 1, "files": {"../x": "%s"}}' % ("0" * 64), "names in the run's own folder"),
        ('{"schema": 1, "files": {"/etc/passwd": "%s"}}' % ("0" * 64), "names in the run's own folder"),
        ('{"schema": 1, "files": {"..": "%s"}}' % ("0" * 64), "names in the run's own folder"),
        ('{"schema": 1, "files": {"a\\u0000": "%s"}}' % ("0" * 64), "names in the run's own folder"),
        ('{"schema": 1, "files": {"curve.csv": "abc"}}', "has no sha256"),
        ('{"schema": 1, "files": {"curve.csv": 1}}', "has no sha256"),
        (" " * (2**20 + 1), "bytes long"),
    ],
)
def test_an_invalid_manifest_is_refused(
    run: Path, capsys: pytest.CaptureFixture[str], text: str, sentence: str
) -> None:
    (run / "manifest.json").write_text(text)
    status, out, err = verify(run, capsys)
    assert (status, out) == (2, "")
    assert err.startswith(f"bdtui: error: {run / 'manifest.json'}: ")
    assert sentence in err
    assert len(err.splitlines()) == 1


def test_escapes_in_a_name_do_nothing(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (run / "manifest.json").write_text(json.dumps({"schema": 1, "files": {"\x1b[31mred": "0" * 64}}))
    _, _, err = verify(run, capsys)
    assert "\x1b" not in err
    assert "is missing" in err


def test_a_folder_without_a_manifest_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, _, err = verify(tmp_path, capsys)
    assert status == 2
    assert "no such file; expected the folder of a finished run" in err


@pytest.mark.parametrize("other", [["--batch"], ["--sample"], ["model.h5"], ["--out", "x"]])
def test_verify_stands_alone(run: Path, capsys: pytest.CaptureFixture[str], other: list[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(["--verify", str(run), *other])
    assert end.value.code == 2
    assert "expected it alone" in capsys.readouterr().err
