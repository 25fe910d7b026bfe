"""Where the arrays of an image set are kept, pixels or values at the cut: in memory, or past a budget in a file."""

from __future__ import annotations

import mmap
import os
import tempfile
from math import prod
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from bdtui.engine.errors import OutputError
from bdtui.engine.machine.memory import free_memory

Kept = TypeVar("Kept", bound=NDArray[Any])

_PIECE = 64 * 1024**2
"""Bytes of a file at least: many small arrays share one."""
_ALIGNED = 64
"""Bytes that an array begins at a multiple of."""


class ArrayStore:
    """Keeps arrays, in memory up to a budget and memory-mapped from then on.

    The mapped files have no name (they are unlinked at once): nothing is left behind, however the program ends.

    Args:
        budget: bytes that may be taken from memory.
        folder: where mapped files are made; the system's temporary folder by default.
        what: is kept, in messages.
    """

    def __init__(self, budget: int, folder: Path | None = None, what: str = "activations") -> None:
        self._left = budget
        self._folder = folder
        self._what = what
        self._piece: NDArray[np.uint8] = np.empty(0, np.uint8)

    def keep(self, array: Kept) -> Kept:
        """The array itself where memory has room for it, else a copy that lies in a file.

        Raises:
            OutputError: the folder has no room for the file.
        """
        if array.nbytes <= self._left or not array.size:
            self._left -= array.nbytes
            return array
        kept = self._take(array.shape, array.dtype)
        kept[...] = array
        let_go(kept)
        return kept  # type: ignore[return-value]

    def make(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any]:
        """An array to be filled, of no values yet.

        Raises:
            OutputError: the folder has no room for the file.
        """
        size = prod(shape) * dtype.itemsize
        if size <= self._left:
            self._left -= size
            return np.empty(shape, dtype)
        return self._take(shape, dtype)

    def _take(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any]:
        size = prod(shape) * dtype.itemsize
        if size > len(self._piece):
            self._piece = self._mapped(max(size, _PIECE))
        taken = self._piece[:size].view(dtype).reshape(shape)
        self._piece = self._piece[-(-size // _ALIGNED) * _ALIGNED :]
        return taken

    def _mapped(self, size: int) -> NDArray[np.uint8]:
        try:
            with tempfile.TemporaryFile(dir=self._folder, prefix=f"bdtui-{self._what}-") as file:
                # Room is taken at once: a mapped file that meets a full disk later kills the process.
                os.posix_fallocate(file.fileno(), 0, size)
                return np.memmap(file, np.uint8, "r+")
        except OSError as problem:
            folder = self._folder or tempfile.gettempdir()
            raise OutputError(
                f"{folder}: {size:,} bytes of {self._what} cannot be kept there ({problem.strerror}); "
                f"expected room for them{'' if self._folder else ' (TMPDIR names another folder)'}"
            ) from problem


def let_go(array: NDArray[Any]) -> None:
    """Let the system take back the memory in which a mapped array was read or written; the values stay in its file."""
    if isinstance(array, np.memmap):
        mapped: mmap.mmap = array._mmap  # type: ignore[attr-defined]
        mapped.madvise(mmap.MADV_DONTNEED)


def default_budget() -> int:
    """A quarter of the memory that is free now, in bytes."""
    return free_memory() // 4
