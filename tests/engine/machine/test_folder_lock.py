"""Two runs in one folder: the second is told who holds it, and the lock of a dead process blocks nobody."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from bdtui.engine.errors import OutputError
from bdtui.engine.machine.folder_lock import LOCK, lock_folder
from bdtui.engine.runs.folder import output_folder

HOLD = """
import sys
from pathlib import Path
from bdtui.engine.runs.folder import output_folder
with output_folder(Path(sys.argv[1]), may_hold_run=True):
    print("held", flush=True)
    sys.stdin.read()
"""


@contextmanager
def holder(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the folder."""
    command = [sys.executable, "-c", HOLD, str(folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        try:
            yield process
        finally:
            process.kill()


def test_a_second_run_is_told_who_holds_the_folder(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with holder(out) as first:
        who = rf"process {first.pid} on \S+, since 20\d\d-\d\d-\d\d "
        with pytest.raises(OutputError, match=who), output_folder(out):
            pass
        assert (out / LOCK).exists(), "the first one's lock is still there"
        assert first.stdin is not None
        first.stdin.close()
        assert first.wait(60) == 0
    assert not out.exists(), "nothing was written, nothing is left"


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_the_lock_of_a_dead_process_blocks_nobody(tmp_path: Path, number: signal.Signals) -> None:
    out = tmp_path / "out"
    with holder(out) as first:
        first.send_signal(number)
        first.wait(60)
        with output_folder(out, may_hold_run=True):
            assert str(os.getpid()) in (out / LOCK).read_text()
        assert not (out / LOCK).exists()


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b'{"pid": "x"}', b'{"pid": 1, "host": "' + b"h" * 9000])
def test_a_lock_file_with_garbage_still_locks(tmp_path: Path, content: bytes) -> None:
    with lock_folder(tmp_path):
        (tmp_path / LOCK).write_bytes(content)
        with pytest.raises(OutputError, match="another bdtui is writing to it"), lock_folder(tmp_path):
            pass


def test_a_symlinked_lock_file_is_not_followed(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("mine")
    (tmp_path / LOCK).symlink_to(victim)
    with pytest.raises(OSError, match="symbolic links"), lock_folder(tmp_path):
        pass
    assert victim.read_text() == "mine"


def test_a_lock_file_deleted_while_being_locked_does_not_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file is deleted between being opened and being locked: the next process would create and lock another."""
    flock, tries = fcntl.flock, []

    def late(descriptor: int, operation: int) -> None:
        if not tries:
            (tmp_path / LOCK).unlink()
        tries.append(descriptor)
        flock(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", late)
    with lock_folder(tmp_path):
        assert len(tries) == 2
        assert str(os.getpid()) in (tmp_path / LOCK).read_text()


def test_only_one_of_many_holds_the_folder_at_a_time(tmp_path: Path) -> None:
    inside, most, refused = 0, 0, 0
    count = threading.Lock()

    def take() -> None:
        nonlocal inside, most, refused
        for _ in range(200):
            try:
                with lock_folder(tmp_path):
                    with count:
                        inside += 1
                        most = max(most, inside)
                    with count:
                        inside -= 1
            except OutputError:
                with count:
                    refused += 1

    with ThreadPoolExecutor(4) as pool:
        for taken in [pool.submit(take) for _ in range(4)]:
            taken.result()
    assert most == 1
    assert refused < 800
    assert list(tmp_path.iterdir()) == []
