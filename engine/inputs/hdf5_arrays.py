"""The data sets of an HDF5 file as named arrays."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from bdtui.engine.errors import DataError
from bdtui.engine.inputs.hdf5 import PackedChunks, explain_damage, open_hdf5, own_dataset
from bdtui.engine.inputs.stored_arrays import ArrayFile, ReadRows, StoredArray
from bdtui.engine.inputs.stored_images import WHOLE_IMAGES, first_line

_MOST_NAMES = 10_000


class Hdf5ArrayFile(ArrayFile):
    """An open HDF5 file."""

    def __init__(self, path: Path, file: h5py.File) -> None:
        self.path = path
        self._file = file

    def names(self) -> list[str]:
        """Of what lies at the top of the file."""
        return list(islice(self._file, _MOST_NAMES))

    def header(self, name: str) -> tuple[tuple[int, ...], np.dtype[Any]]:
        """See `ArrayFile.header`."""
        found = _dataset(self._file, name, self.path)
        return tuple(found.shape), found.dtype

    def blocks(self, name: str, rows: int) -> Iterator[NDArray[Any]]:
        """See `ArrayFile.blocks`."""
        stored = _dataset(self._file, name, self.path)
        packed = PackedChunks(stored, f"{self.path}: {name!r}", DataError)
        for start in range(0, stored.shape[0], rows):
            packed.check(start, start + rows)
            yield np.asarray(stored[start : start + rows])

    def stored(self, name: str) -> Hdf5Array:
        """See `ArrayFile.stored`."""
        return Hdf5Array(self.path, name, *self.header(name))


@contextmanager
def open_hdf5_arrays(path: Path) -> Iterator[Hdf5ArrayFile]:
    """Open an HDF5 file.

    Raises:
        DataError: it is missing or corrupted.
    """
    with open_hdf5(path, DataError) as file, explain_damage(path, DataError, WHOLE_IMAGES):
        yield Hdf5ArrayFile(path, file)


def _dataset(file: h5py.File, name: str, path: Path) -> h5py.Dataset:
    """The data set of a name, in groups perhaps, none of which may lead out of the file."""
    group: Any = file
    *above, last = name.strip("/").split("/")
    for part in above:
        link = group.get(part, getlink=True)
        if not isinstance(link, h5py.HardLink) or not isinstance(group[part], h5py.Group):
            raise DataError(f"{path}: {name!r} is not in a group of this file; expected a data set")
        group = group[part]
    return own_dataset(group, last, path, DataError)


@dataclass(frozen=True)
class Hdf5Array(StoredArray):
    """A data set of an HDF5 file.

    Attributes:
        path: the file.
        name: of the data set.
        shape: of it.
        dtype: of it.
    """

    path: Path
    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    @contextmanager
    def rows(self) -> Iterator[ReadRows]:
        """See `StoredArray.rows`."""
        with open_hdf5(self.path, DataError, chunk_cache=64 * 1024**2) as file:
            with explain_damage(self.path, DataError, WHOLE_IMAGES):
                data = _dataset(file, self.name, self.path)
                packed = PackedChunks(data, f"{self.path}: {self.name!r}", DataError)
            # Used again by each thread: fresh memory costs more than what is read into it.
            own = threading.local()

            def read(start: int, stop: int) -> NDArray[Any]:
                images = max(0, min(stop, len(data)) - start)
                if len(getattr(own, "buffer", ())) < images:
                    own.buffer = np.empty((images, *data.shape[1:]), data.dtype)
                raw: NDArray[Any] = own.buffer[:images]
                try:
                    packed.check(start, start + images)
                    data.read_direct(raw, np.s_[start : start + images])
                except (OSError, RuntimeError) as problem:
                    raise DataError(
                        f"{self.path}: images from number {start} on cannot be read ({first_line(problem)}); "
                        f"expected {self.shape[0]} whole images"
                    ) from problem
                if len(raw) != min(stop, self.shape[0]) - start:
                    raise DataError(f"{self.path}: changed while it was being read; expected {self.shape[0]} images")
                return raw

            yield read
