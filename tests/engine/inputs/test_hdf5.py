"""HDF5 files on file systems without locks open, and one that is being written to is called that."""

from __future__ import annotations

import errno
import fcntl
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from bdtui.engine.errors import DataError
from bdtui.engine.inputs.hdf5 import open_hdf5
from tests.hostile.corpus import _free_lists_in_circles


@pytest.fixture
def path(tmp_path: Path) -> Path:
    with h5py.File(tmp_path / "data.h5", "w") as file:
        file["data"] = np.arange(5)
    return tmp_path / "data.h5"


@contextmanager
def held(path: Path) -> Iterator[None]:
    """Hold a file as a process does that has it open for writing."""
    with path.open("rb+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def test_a_file_that_another_process_holds_open_is_read(path: Path) -> None:
    with held(path):
        with pytest.raises(OSError, match="unable to lock"):
            h5py.File(path, "r")
        with open_hdf5(path, DataError) as file:
            assert list(file["data"]) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("number", [errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP])
def test_a_file_on_a_file_system_without_locks_is_read(
    path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    original = h5py.File

    def without_locks(*arguments: Any, locking: bool | None = None, **settings: Any) -> h5py.File:
        if locking is not False:
            raise OSError(number, f"Unable to synchronously open file (unable to lock file, errno = {number})")
        return original(*arguments, locking=locking, **settings)

    monkeypatch.setattr(h5py, "File", without_locks)
    with open_hdf5(path, DataError) as file:
        assert list(file["data"]) == [0, 1, 2, 3, 4]


def test_a_variable_that_asks_for_locks_is_named(path: Path) -> None:
    program = f"""
import fcntl
from pathlib import Path
from bdtui.engine.errors import DataError
from bdtui.engine.inputs.hdf5 import open_hdf5
with open({str(path)!r}, "rb+") as file:
    fcntl.flock(file, fcntl.LOCK_EX)
    try:
        with open_hdf5(Path({str(path)!r}), DataError):
            print("opened")
    except DataError as problem:
        print(problem)
"""
    environment = {**os.environ, "HDF5_USE_FILE_LOCKING": "TRUE"}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    assert "expected that variable to be FALSE" in done.stdout


def test_a_file_that_changes_while_it_is_read_is_named_as_being_written_to(path: Path) -> None:
    with (
        held(path),
        pytest.raises(DataError, match=r"data\.h5: another process has it open for writing.*wait"),
        open_hdf5(path, DataError),
    ):
        os.utime(path, (0, 0))


@pytest.mark.parametrize("swmr", [True, False])
def test_a_file_with_a_writer_at_work_is_named_as_that(tmp_path: Path, swmr: bool) -> None:
    path = tmp_path / "data.h5"
    program = f"""
import h5py, sys
file = h5py.File({str(path)!r}, "w", libver="latest")
file["data"] = 1
if {swmr}:
    file.swmr_mode = True
file.flush()
print(flush=True)
sys.stdin.read()
"""
    with subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as writer:
        assert writer.stdout is not None
        writer.stdout.readline()
        with pytest.raises(DataError, match="another process has it open for writing"), open_hdf5(path, DataError):
            pass
        writer.kill()
    # Its mark stays when it is ended.
    with pytest.raises(DataError, match=r"or was stopped while it had.*h5clear"), open_hdf5(path, DataError):
        pass


def test_a_file_that_is_held_and_cut_off_is_still_being_written(path: Path) -> None:
    with path.open("r+b") as file:
        file.truncate(1000)
    with held(path), pytest.raises(DataError, match="another process has it open"), open_hdf5(path, DataError):
        pass
    with pytest.raises(DataError, match="truncated or corrupted"), open_hdf5(path, DataError):
        pass


def test_a_file_that_is_held_is_looked_through_all_the_same(path: Path) -> None:
    """One that libhdf5 would read for ever does not get past by being locked."""
    path.write_bytes(_free_lists_in_circles(path.read_bytes()))
    with held(path), pytest.raises(DataError, match="cannot be opened safely"), open_hdf5(path, DataError):
        pass
