"""What lies around bdtui may be hostile or broken as well: Keras' settings, missing streams, a signal at a bad moment."""

from __future__ import annotations

import io
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from bdtui.tui.batch.run import _stop_on_signal
from tests.hostile.sound import SoundFiles, write_sound_files

pytestmark = pytest.mark.slow

SETTINGS = {
    "of another backend, layout and type": {
        "backend": "jax",
        "image_data_format": "channels_first",
        "floatx": "float64",
    },
    "that Keras itself refuses": {"floatx": "float128", "epsilon": "os.system", "image_data_format": 5},
    "that are no object": ["channels_first"],
}


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> SoundFiles:
    return write_sound_files(tmp_path_factory.mktemp("surroundings") / "sound")


def bdtui(redirections: str, *arguments: object, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run bdtui from a shell, which can close streams."""
    return subprocess.run(
        ["bash", "-c", f'exec "$@" {redirections}', "bash", sys.executable, "-m", "bdtui.tui", *map(str, arguments)],
        cwd=cwd,
        # The engine of the tests' own process has set Keras' variables already.
        env={**{name: value for name, value in os.environ.items() if not name.startswith("KERAS_")}, **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def told(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def undisturbed(sound: SoundFiles) -> str:
    return told(bdtui("", "--check", sound.model, "--clean-valid", sound.images, cwd=sound.folder))


@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS.keys())
def test_settings_of_keras_do_not_matter(sound: SoundFiles, tmp_path: Path, undisturbed: str, settings: object) -> None:
    path = tmp_path / ".keras" / "keras.json"
    path.parent.mkdir()
    path.write_text(json.dumps(settings))
    done = bdtui("", "--check", sound.model, "--clean-valid", sound.images, cwd=tmp_path, HOME=str(tmp_path))
    assert told(done) == undisturbed
    assert json.loads(path.read_text()) == settings


def test_keras_writes_no_settings_into_the_home_folder(sound: SoundFiles, tmp_path: Path, undisturbed: str) -> None:
    done = bdtui("", "--check", sound.model, "--clean-valid", sound.images, cwd=tmp_path, HOME=str(tmp_path))
    assert told(done) == undisturbed
    assert not (tmp_path / ".keras").exists()


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_run_with_closed_streams_completes(sound: SoundFiles, tmp_path: Path, closed: str) -> None:
    out = tmp_path / "out"
    done = bdtui(closed, "--batch", sound.model, "--clean-valid", sound.images, "--out", out, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    # A file that was opened in a stream's place would hold what was printed.
    verified = bdtui("", "--verify", out, cwd=tmp_path)
    assert re.search(r"all \d+ files are as they were written", told(verified))
    assert json.loads((out / "results.json").read_text())["schema"] == 1


@pytest.mark.parametrize("closed", [">&-", "<&- >&- 2>&-"])
def test_bad_input_exits_with_2_even_with_closed_streams(sound: SoundFiles, tmp_path: Path, closed: str) -> None:
    done = bdtui(closed, "--batch", tmp_path / "none.h5", "--clean-valid", sound.images, cwd=tmp_path)
    assert done.returncode == 2
    assert list(tmp_path.iterdir()) == []


class _Interrupted(io.RawIOBase):
    """A stream during whose writes somebody presses Ctrl-C."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self.written = b""

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._descriptor

    def write(self, data: object) -> int:
        os.kill(os.getpid(), signal.SIGINT)
        self.written += bytes(data)  # type: ignore[call-overload]
        return len(bytes(data))  # type: ignore[call-overload]


def test_a_signal_during_a_write_to_stderr_stops_cleanly(monkeypatch: pytest.MonkeyPatch) -> None:
    read, write = os.pipe()
    raw = _Interrupted(write)
    monkeypatch.setattr(sys, "stderr", io.TextIOWrapper(io.BufferedWriter(raw), write_through=True))
    with _stop_on_signal() as stop_requested:
        sys.stderr.write("a line\n")
        sys.stderr.flush()
        assert stop_requested()
    monkeypatch.undo()
    os.close(write)
    with os.fdopen(read) as answered:
        assert "Stopping after this batch" in answered.read()
    assert raw.written == b"a line\n"
