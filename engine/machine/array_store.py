"""Where the frontier values of an image set are kept: in memory, or past a budget in a file."""

from __future__ import annotations

import mmap
import os
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bdtui.engine.errors import OutputError
from bdtui.engine.machine.memory import free_memory

_PIECE = 64 * 1024**2
"""Bytes of a file at least: many small arrays share one."""


class ActivationStore:
    """Keeps float32 arrays, in memory up to a budget and memory-mapped from then on.

    The mapped files have no name (they are unlinked at once): nothing is left behind, however the program ends.

    Args:
        budget: bytes that may be taken from memory.
        folder: where mapped files are made; the system's temporary folder by default.
    """

    def __init__(self, budget: int, folder: Path | None = None) -> None:
        self._left = budget
        self._folder = folder
        self._piece: NDArray[np.float32] = np.empty(0, np.float32)

    def keep(self, array: NDArray[np.float32]) -> NDArray[np.float32]:
        """The array itself where memory has room for it, else a copy that lies in a file.

        Raises:
            OutputError: the folder has no room for the file.
        """
        if array.nbytes <= self._left or not array.size:
            self._left -= array.nbytes
            return array
        if array.size > len(self._piece):
            self._piece = self._mapped(max(array.nbytes, _PIECE))
        kept = self._piece[: array.size].reshape(array.shape)
        self._piece = self._piece[array.size :]
        kept[...] = array
        let_go(kept)
        return kept

    def _mapped(self, size: int) -> NDArray[np.float32]:
        try:
            with tempfile.TemporaryFile(dir=self._folder, prefix="bdtui-activations-") as file:
                # Room is taken at once: a mapped file that meets a full disk later kills the process.
                os.posix_fallocate(file.fileno(), 0, size)
                return np.memmap(file, np.float32, "r+")
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
