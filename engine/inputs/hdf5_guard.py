"""A process that looks through HDF5 files from strangers first, and that a file may hang, kill or fill.

A flipped bit can make libhdf5 loop for ever, or crash, inside a call that holds Python's global lock: no thread, signal
handler or timer of the process that made the call can do anything about it. So another process makes the calls first.
It is started once and only forks; the fork walks through one file (every object, attribute and chunk index, and the
values of small data sets) under limits that the kernel enforces, and ends. libhdf5 does with the same bytes what it did before: what
the fork came through, bdtui can open. Starting it runs beside the import of TensorFlow, a walk takes milliseconds.
"""

from __future__ import annotations

import atexit
import json
import math
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

_SECONDS = 2
"""That a walk may compute: of the processor, not of the clock, so that a slow disk is no damage."""
_PATIENCE = 60
"""Seconds that a walk may take in all."""
_MEMORY = 2 * 1024**3
"""Bytes of address space; Python and its libraries take a quarter of that."""
_SMALL = 16 * 1024**2
"""Bytes up to which the values of a data set are read."""
_FEW_CHUNKS = 1000
"""Chunks up to which they are."""


class FileUnsafeError(Exception):
    """A file that libhdf5 does not come through; the message says how that showed."""


class _Guard:
    """The process, and which files came through.

    Args:
        command: that starts the process.
    """

    def __init__(self, command: Sequence[str]) -> None:
        self._command = command
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._passed: set[tuple[int, ...]] = set()

    def start(self) -> None:
        with self._lock:
            self._running()

    def pass_through(self, path: Path) -> None:
        status = path.stat()
        version = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
        with self._lock:
            if version in self._passed:
                return
            ended_by = self._ask(path)
            if ended_by:
                raise FileUnsafeError(_REASONS.get(ended_by, f"it ended by {_signal_name(ended_by)}"))
            self._passed.add(version)

    def stop(self) -> None:
        with self._lock:
            process, self._process = self._process, None
            if process is None or process.stdin is None or process.stdout is None:
                return
            with suppress(OSError):
                process.stdin.close()
            process.wait()
            process.stdout.close()

    def _ask(self, path: Path) -> int:
        """Walk through a file; the number of the signal that ended it, 0 where none did."""
        question = json.dumps(os.fsdecode(os.path.abspath(path))).encode() + b"\n"  # noqa: PTH100 (keeps links)
        for _ in range(2):
            process = self._running()
            assert process.stdin is not None and process.stdout is not None
            with suppress(OSError):
                process.stdin.write(question)
                process.stdin.flush()
                answer = process.stdout.readline()
                if answer.endswith(b"\n"):
                    return int(answer)
            # Somebody ended the process itself; another one is asked once.
            process.kill()
            process.wait()
            self._process = None
        raise FileUnsafeError("the process that checks files was killed twice")

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            try:
                self._process = subprocess.Popen(
                    self._command,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL,
                    # One thread: a process with several is not safe to fork.
                    env={**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
                    # A Ctrl-C is for bdtui, which stops in order.
                    process_group=0,
                )
            except OSError as problem:
                raise FileUnsafeError(
                    f"the process that checks files could not be started: {problem.strerror}"
                ) from problem
        return self._process


# Without this file's folder on the path: its neighbours have names of the standard library's.
_guard = _Guard([sys.executable, "-P", __file__])
atexit.register(_guard.stop)

_REASONS = {
    int(signal.SIGXCPU): "libhdf5 hangs on it",
    int(signal.SIGALRM): "libhdf5 hangs on it",
    int(signal.SIGKILL): "libhdf5 hangs on it, or it uses too much memory",
    int(signal.SIGUSR1): "it uses too much memory",
}


def start_guard() -> None:
    """Start the process now, so that nobody waits for it later."""
    with suppress(FileUnsafeError):
        _guard.start()


def pass_through_guard(path: Path) -> None:
    """Come back when libhdf5 has come through a file.

    Raises:
        FileUnsafeError: it hangs, crashes, or takes more memory than there is for it.
        OSError: there is no such file.
    """
    _guard.pass_through(path)


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _serve() -> None:
    """Walk through every file that is named on stdin, each in a fork, and answer with the signal that ended it."""
    import h5py  # noqa: F401 (so that no fork has to)

    for question in sys.stdin.buffer:
        walker = os.fork()
        if not walker:
            _walk_under_limits(json.loads(question))
        _, status = os.waitpid(walker, 0)
        sys.stdout.write(f"{os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0}\n")
        sys.stdout.flush()


def _walk_under_limits(path: str) -> None:
    """Never comes back."""
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (_SECONDS, _SECONDS + 1))
    signal.alarm(_PATIENCE)
    try:
        with _skip_damage():
            _walk(path)
    except MemoryError:
        os.kill(os.getpid(), signal.SIGUSR1)
    finally:
        os._exit(0)


@contextmanager
def _skip_damage() -> Iterator[None]:
    """Ignore read errors, since opening the file reports damage; only MemoryError is raised."""
    try:
        yield
    except Exception as problem:
        if isinstance(problem, MemoryError) or "allocation failed" in str(problem):
            raise MemoryError from problem


def _walk(path: str) -> None:
    import h5py

    # Without locks: a file that another process holds, or on a file system without them, is looked through all the same.
    with h5py.File(path, "r", locking=False) as file:
        waiting: list[Any] = [file]
        visited = set()
        while waiting:
            item = waiting.pop()
            address = h5py.h5o.get_info(item.id).addr
            if address in visited:
                continue
            visited.add(address)
            _read_attributes(item)
            if isinstance(item, h5py.Group):
                waiting.extend(_children(item))
            elif isinstance(item, h5py.Dataset):
                with _skip_damage():
                    _read_small(item)


def _read_attributes(item: Any) -> None:
    with _skip_damage():
        for name in list(item.attrs):
            with _skip_damage():
                item.attrs[name]


def _children(group: Any) -> list[Any]:
    """What lies in a group itself; links elsewhere are not followed."""
    import h5py

    found = []
    with _skip_damage():
        for name in list(group):
            with _skip_damage():
                if isinstance(group.get(name, getlink=True), h5py.HardLink):
                    found.append(group[name])
    return found


def _read_small(data: Any) -> None:
    """Go through the index of a data set's chunks, and read its values where they are few.

    Many values in one piece need no reading here, since libhdf5 takes them as they lie; what comes out of packed chunks
    `PackedChunks` sees to.
    """
    if data.is_virtual or data.external or not data.shape or not data.size or data.dtype.kind not in "uifb":
        return
    if data.chunks is not None:
        data.id.get_num_chunks()
        chunks = math.prod(-(-length // piece) for length, piece in zip(data.shape, data.chunks, strict=True))
        if chunks > _FEW_CHUNKS or data.id.get_create_plist().get_nfilters():
            return
    if data.size * data.dtype.itemsize <= _SMALL:
        data[()]


if __name__ == "__main__":
    _serve()
