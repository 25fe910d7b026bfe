"""Files that hold named arrays, of which some are images and labels, whatever the format: what is common to them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bdtui.engine.machine.array_store import let_go

ReadRows = Callable[[int, int], NDArray[Any]]
"""Reads the rows from a number up to another, as they are stored; the array is the thread's until it reads again."""


class StoredArray(ABC):
    """An array that lies somewhere, and can be read again once the file that it was found in is closed.

    Attributes:
        shape: with the axis of the images, N, in front.
        dtype: of its values.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    @abstractmethod
    def rows(self) -> AbstractContextManager[ReadRows]:
        """A function that reads some rows, from any thread.

        Raises:
            DataError: they cannot be read. The function raises it too.
        """


class ArrayFile(ABC):
    """An open file of named arrays.

    Attributes:
        path: of the file.
    """

    path: Path

    @abstractmethod
    def names(self) -> list[str]:
        """Of what it holds."""

    @abstractmethod
    def header(self, name: str) -> tuple[tuple[int, ...], np.dtype[Any]]:
        """Shape and dtype of an array.

        Raises:
            DataError: there is none of that name, or none that can be read safely.
        """

    @abstractmethod
    def blocks(self, name: str, rows: int) -> Iterator[NDArray[Any]]:
        """An array with at least one axis, so many rows at a time.

        Raises:
            DataError: it cannot be read.
        """

    @abstractmethod
    def stored(self, name: str) -> StoredArray:
        """An array that is to be read later, and more than once.

        Raises:
            DataError: it cannot be read.
        """


@dataclass(frozen=True, eq=False)
class KeptArray(StoredArray):
    """An array that was read already, and is kept in memory or in a file without a name."""

    values: NDArray[Any]

    @property
    def shape(self) -> tuple[int, ...]:  # type: ignore[override]
        """See `StoredArray`."""
        return self.values.shape

    @property
    def dtype(self) -> np.dtype[Any]:  # type: ignore[override]
        """See `StoredArray`."""
        return self.values.dtype

    @contextmanager
    def rows(self) -> Iterator[ReadRows]:
        """See `StoredArray.rows`."""

        def read(start: int, stop: int) -> NDArray[Any]:
            found = np.array(self.values[start:stop])
            let_go(self.values)
            return found

        yield read


def shape_words(shape: Sequence[int | str | None]) -> str:
    """A shape for a person, e.g. ``N×28×28``."""
    return "×".join("any" if size is None else str(size) for size in shape)
