"""A file that makes libhdf5 hang, crash or fill the memory is a plain error, and bdtui goes on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np
import pytest

from bdtui.engine.errors import DataError
from bdtui.engine.events import Event, WorkFailed
from bdtui.engine.inputs import hdf5_guard
from bdtui.engine.inputs.datasets import open_dataset
from bdtui.engine.inputs.hdf5_guard import pass_through_guard
from bdtui.engine.session.engine_thread import EngineThread
from bdtui.engine.session.requests import Open
from bdtui.engine.settings import RunSettings
from tests.networks import write_images
from tests.tui.test_bad_input import exit_status

pytestmark = pytest.mark.slow

WALKS = {
    # A match that takes ages holds Python's global lock, as a call into libhdf5 does.
    "hangs": ("__import__('re').match('(a+)+$', 'a' * 60 + 'b')", "libhdf5 hangs on it"),
    "crashes": ("__import__('ctypes').string_at(0)", "SIGSEGV"),
    "aborts": ("__import__('os').abort()", "SIGABRT"),
    "fills the memory": ("bytearray(2**33)", "uses too much memory"),
}


@pytest.fixture
def images(tmp_path: Path) -> Path:
    return write_images(tmp_path / "valid.h5", np.zeros((5, 8, 8, 3), np.uint8), np.arange(5))


@pytest.fixture
def guard(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[hdf5_guard._Guard]:
    """A guard whose walk through a file does what a bad file makes libhdf5 do."""
    walk = getattr(request, "param", "None")
    code = f"from bdtui.engine.inputs import hdf5_guard; hdf5_guard._walk = lambda path: {walk}; hdf5_guard._serve()"
    made = hdf5_guard._Guard([sys.executable, "-c", code])
    monkeypatch.setattr(hdf5_guard, "_guard", made)
    yield made
    made.stop()


def child_processes() -> set[int]:
    """Ids of the processes that this one has started, by any of its threads."""
    return {
        int(child) for task in Path("/proc/self/task").iterdir() for child in (task / "children").read_text().split()
    }


@pytest.mark.parametrize(("guard", "finding"), WALKS.values(), ids=WALKS.keys(), indirect=["guard"])
def test_a_file_that_kills_the_walk_is_refused_each_time(guard: hdf5_guard._Guard, images: Path, finding: str) -> None:
    for _ in range(2):
        with pytest.raises(DataError, match=rf"valid\.h5: cannot be opened safely \(.*{finding}.*\); expected"):
            open_dataset(images, (8, 8, 3), 5)


@pytest.mark.parametrize("guard", [WALKS["hangs"][0]], indirect=True)
def test_a_hang_is_a_one_line_error_with_exit_2(
    guard: hdf5_guard._Guard, images: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert exit_status("--check", images, "--clean-valid", images) == 2
    told = [line for line in capfd.readouterr().err.splitlines() if line.startswith("bdtui:")]
    assert len(told) == 1
    assert "libhdf5 hangs on it" in told[0]


@pytest.mark.parametrize("guard", [WALKS["hangs"][0]], indirect=True)
def test_a_hang_is_a_plain_error_in_the_app_too(guard: hdf5_guard._Guard, images: Path) -> None:
    heard: list[Event] = []
    settings = RunSettings(model=images, clean_valid=images)
    thread = EngineThread(heard.append, settings, None)
    thread.start()
    thread.submit(Open(settings))
    until = time.monotonic() + 120
    while time.monotonic() < until and not any(isinstance(event, WorkFailed) for event in heard):
        time.sleep(0.05)
    (failed,) = [event for event in heard if isinstance(event, WorkFailed)]
    assert "libhdf5 hangs on it" in failed.sentence
    assert not failed.details
    thread.stop()


def test_a_killed_guard_is_restarted(guard: hdf5_guard._Guard, images: Path) -> None:
    before = child_processes()
    guard.start()
    (process,) = child_processes() - before
    os.kill(process, signal.SIGKILL)
    guard.pass_through(images)
    assert child_processes() - before not in (set(), {process})


def test_an_unchanged_file_is_checked_once(guard: hdf5_guard._Guard, images: Path) -> None:
    before = child_processes()
    guard.pass_through(images)
    guard.stop()
    guard.pass_through(images)
    assert child_processes() == before, "nobody had to be asked"
    images.write_bytes(b"another")
    guard.pass_through(images)
    assert len(child_processes() - before) == 1


def test_the_walk_reaches_nested_data_and_follows_no_link(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "deep.h5"
    with h5py.File(path, "w") as file:
        group = file
        for _ in range(50):
            group = group.create_group("deeper")
        group["numbers"] = np.arange(10)
        file["loop"] = file
        file["elsewhere"] = h5py.ExternalLink("/dev/zero", "/x")
    pass_through_guard(path)
    reached: list[str] = []
    monkeypatch.setattr(hdf5_guard, "_read_small", lambda data: reached.append(data.name))
    hdf5_guard._walk(str(path))
    assert reached == ["/deeper" * 50 + "/numbers"]


def test_no_process_is_left_behind(tmp_path: Path, images: Path) -> None:
    code = (
        "import os, pathlib; from bdtui.engine.inputs.hdf5_guard import pass_through_guard; "
        f"pass_through_guard(pathlib.Path({str(images)!r})); "
        "print(pathlib.Path(f'/proc/self/task/{os.getpid()}/children').read_text(), flush=True); os._exit(0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    until = time.monotonic() + 60
    while Path(f"/proc/{int(done.stdout)}").exists() and time.monotonic() < until:
        time.sleep(0.02)
    assert not Path(f"/proc/{int(done.stdout)}").exists()
