"""Where the frontier values of an image set are kept: in memory, or past a budget in a file."""

from __future__ import annotations

import mmap
import os
import tempfile
from contextlib import suppress
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bdtui.engine.errors import OutputError
from bdtui.engine.memory import free_memory


class ActivationStore:
    """Allocates float32 arrays, from a memory budget first and memory-mapped from then on.

    The mapped files have no name (they are unlinked at once): nothing is left behind, however the program ends.

    Args:
        budget: bytes that may be taken from memory.
        folder: where mapped files are made; the system's temporary folder by default.
    """

    def __init__(self, budget: int, folder: Path | None = None) -> None:
        self._left = budget
        self._folder = folder

    def take(self, wanted: int) -> int:
        """Bytes of the budget for something that is kept in memory or not at all: as many as are left, at most."""
        given = min(wanted, max(0, self._left))
        self._left -= given
        return given

    def allocate(self, shape: tuple[int, ...]) -> NDArray[np.float32]:
        """An uninitialised array of the shape."""
        size = int(np.prod(shape)) * np.dtype(np.float32).itemsize
        if size <= self._left or size == 0:
            self._left -= size
            # Where memory is less than it seemed, a file has to do.
            with suppress(MemoryError):
                return np.empty(shape, np.float32)
        try:
            with tempfile.TemporaryFile(dir=self._folder, prefix="bdtui-activations-") as file:
                # Room is taken at once: a mapped file that meets a full disk later kills the process.
                os.posix_fallocate(file.fileno(), 0, size)
                return np.memmap(file, np.float32, "r+", shape=shape)
        except OSError as problem:
            folder = self._folder or tempfile.gettempdir()
            raise OutputError(
                f"{folder}: {size:,} bytes of activations cannot be kept there ({problem.strerror}); "
                f"expected room for them{'' if self._folder else ' (TMPDIR names another folder)'}"
            ) from problem


def let_go(array: NDArray[np.float32]) -> None:
    """Let the system take back the memory in which a mapped array was read or written; the values stay in its file."""
    if isinstance(array, np.memmap):
        mapped: mmap.mmap = array._mmap  # type: ignore[attr-defined]
        mapped.madvise(mmap.MADV_DONTNEED)


def default_budget() -> int:
    """A quarter of the memory that is free now, in bytes."""
    return free_memory() // 4
