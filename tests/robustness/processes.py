"""`bdtui --batch` in a process that may be killed or run out of room: from nothing, or with TensorFlow imported already."""

from __future__ import annotations

import multiprocessing
import multiprocessing.connection
import os
import resource
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

SECONDS = 300
"""That a run may take before it counts as hanging."""


class Running(Protocol):
    """A started process, as `subprocess.Popen` describes one."""

    @property
    def pid(self) -> int | None: ...

    def poll(self) -> int | None: ...

    def kill(self) -> None: ...

    def wait(self, timeout: float | None = None) -> int: ...


Start = Callable[[Sequence[str], Path, Path, int | None], Running]
"""Arguments of ``bdtui --batch``, files for stdout and stderr, and the size that no file may exceed (RLIMIT_FSIZE)."""


def start_process(arguments: Sequence[str], stdout: Path, stderr: Path, largest_file: int | None = None) -> Running:
    """Start ``bdtui --batch`` as a person does."""
    with stdout.open("wb") as out, stderr.open("wb") as err:
        process = subprocess.Popen([sys.executable, "-m", "bdtui.tui", "--batch", *arguments], stdout=out, stderr=err)
    if largest_file is not None:
        # Python itself takes longer to start than this.
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (largest_file, largest_file))
    return process


def start_fork(arguments: Sequence[str], stdout: Path, stderr: Path, largest_file: int | None = None) -> Running:
    """Start ``bdtui --batch`` as a fork of a process that has imported TensorFlow and done nothing else.

    It saves the seconds of the import, which are most of a run on the sample.
    """
    for path in (stdout, stderr):
        # The fork opens them a moment later.
        if not path.is_char_device():
            path.write_bytes(b"")
    return _Fork(arguments, stdout, stderr, largest_file)


_forks = multiprocessing.get_context("forkserver")
_forks.set_forkserver_preload(["tensorflow", "keras", "matplotlib.figure", "bdtui.engine.runs.run", "bdtui.tui.cli"])
# multiprocessing asks after every child whenever it starts one, and two threads must not ask after the same.
_asking = threading.Lock()


class _Fork:
    def __init__(self, *given: object) -> None:
        self._process = _forks.Process(target=_become_bdtui, args=given, daemon=True)
        with _asking:
            self._process.start()

    @property
    def pid(self) -> int | None:
        return self._process.pid

    def poll(self) -> int | None:
        with _asking:
            return self._process.exitcode

    def kill(self) -> None:
        with _asking:
            self._process.kill()

    def wait(self, timeout: float | None = None) -> int:
        multiprocessing.connection.wait([self._process.sentinel], timeout)
        status = self.poll()
        if status is None:
            raise TimeoutError(f"bdtui runs for more than {timeout} s")
        return status


def _become_bdtui(arguments: Sequence[str], stdout: Path, stderr: Path, largest_file: int | None) -> None:
    for path, descriptor in ((stdout, 1), (stderr, 2)):
        with path.open("wb") as file:
            os.dup2(file.fileno(), descriptor)
    if largest_file is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (largest_file, largest_file))
    from bdtui.tui.cli import main

    sys.exit(main(["--batch", *arguments]))
