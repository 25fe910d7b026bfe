"""HDF5 files from strangers: opened with errors a person can act on, and never followed out of the file.

HDF5 can point anywhere: external links, raw storage in other files, virtual data sets. Opening such a
file would read whatever its author wished, so those are refused.
"""

from __future__ import annotations

import errno
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from bdtui.engine.errors import InputError, OutOfMemory
from bdtui.engine.inputs.foreign_files import name_foreign
from bdtui.engine.inputs.hdf5_guard import FileUnsafeError, pass_through_guard
from bdtui.engine.machine.files import refuse_full_temporary_folder, require_file
from bdtui.engine.machine.quoted_text import quoted

_MOST_COMPRESSION = 1100
"""gzip unpacks to 1,032 times its size at most."""
_UNPACKED_UNSEEN = 256 * 1024**2
"""Bytes that a chunk may unpack to without a look at what it really does."""
_FILTERS = {
    h5py.h5z.FILTER_DEFLATE: "gzip",
    h5py.h5z.FILTER_SHUFFLE: "shuffle",
    h5py.h5z.FILTER_LZF: "lzf",
    h5py.h5z.FILTER_FLETCHER32: "fletcher32",
}
_WRITTEN_TO = (
    "another process has it open for writing, or was stopped while it had; expected a file that is closed (wait for it, or "
    "repair a copy with h5clear -s)"
)
_PACKINGS = [
    [*shuffle, *packing]
    for shuffle in ([], [h5py.h5z.FILTER_SHUFFLE])
    for packing in ([], [h5py.h5z.FILTER_DEFLATE], [h5py.h5z.FILTER_LZF])
]


@contextmanager
def open_hdf5(
    path: Path, error: type[InputError], chunk_cache: int = 1024**2, shown: Path | None = None
) -> Iterator[h5py.File]:
    """Open an HDF5 file for reading.

    Args:
        path: the file.
        error: class of the error that is raised when it cannot be opened.
        chunk_cache: bytes of unpacked chunks to keep, per data set.
        shown: what messages name in place of the path.
    """
    require_file(path, error, "an HDF5 file")
    shown = shown or path
    try:
        size = path.stat().st_size
        sound = h5py.is_hdf5(path)
        with path.open("rb"):
            pass
    except OSError as problem:
        raise error(f"{shown}: cannot be read ({problem.strerror}); expected a readable HDF5 file") from problem
    if not size:
        raise error(f"{shown}: is empty; expected an HDF5 file")
    if not sound:
        foreign = None if shown != path else name_foreign(path)
        raise error(f"{shown}: {foreign or 'not an HDF5 file, or corrupted; expected a complete HDF5 file'}")
    held = False
    try:
        pass_through_guard(path)
        try:
            file = h5py.File(path, "r", rdcc_nbytes=chunk_cache)
        except OSError as problem:
            if "unable to lock" not in str(problem):
                raise
            # Some file systems know no locks. Where one is held, another process has the file open for writing.
            held = problem.errno in (errno.EAGAIN, errno.EACCES)
            file = h5py.File(path, "r", rdcc_nbytes=chunk_cache, locking=False)
    except FileUnsafeError as problem:
        raise error(f"{shown}: cannot be opened safely ({problem}); expected a sound HDF5 file") from problem
    except (OSError, RuntimeError) as problem:
        if "unable to lock" in str(problem):
            # Asked not to lock, HDF5 still does where the environment says so.
            raise error(
                f"{shown}: cannot be locked, as HDF5_USE_FILE_LOCKING asks; expected that variable to be FALSE"
            ) from problem
        if held or "already open for write" in str(problem):
            raise error(f"{shown}: {_WRITTEN_TO}") from problem
        raise error(f"{shown}: truncated or corrupted HDF5 file; expected a complete one") from problem
    before = _version(path) if held else None
    with file:
        try:
            yield file
        except error as problem:
            if held:
                raise error(f"{shown}: {_WRITTEN_TO}") from problem
            raise
    if held and _version(path) != before:
        raise error(f"{shown}: {_WRITTEN_TO}")


def _version(path: Path) -> tuple[int, ...]:
    status = path.stat()
    return status.st_ino, status.st_size, status.st_mtime_ns


@contextmanager
def explain_damage(path: Path, error: type[InputError], expected: str) -> Iterator[None]:
    """Turn what h5py raises over a corrupted file into a sentence; for blocks that only read the file, or copy it."""
    try:
        yield
    except (OSError, RuntimeError, LookupError, ValueError, TypeError, AttributeError) as problem:
        refuse_full_temporary_folder(problem, path)
        raise error(f"{path}: corrupted HDF5 file; expected {expected}") from problem
    except MemoryError as problem:
        raise OutOfMemory(f"{path}: not enough memory to read it; expected {expected} that fits") from problem


def own_dataset(group: h5py.Group, key: str, path: Path, error: type[InputError]) -> h5py.Dataset:
    """The data set of a name, which must lie in this very file; ``path`` stands in messages.

    Raises:
        InputError: of class ``error``: it is missing, no data set, or points out of the file.
    """
    name = f"{path}: {key!r}"
    try:
        link = group.get(key, getlink=True)
        if link is None:
            present = ", ".join(quoted(other, 40) for other in list(group)[:8]) or "nothing"
            raise error(f"{name} is missing (the file holds {present}); expected a data set of that name")
        if not isinstance(link, h5py.HardLink):
            raise error(f"{name} is a link to another place; expected the data itself")
        found = group[key]
    except (KeyError, OSError, RuntimeError) as problem:
        raise error(f"{name} cannot be opened, the file is corrupted; expected a data set") from problem
    if not isinstance(found, h5py.Dataset):
        raise error(f"{name} is a group; expected a data set")
    if found.is_virtual or found.external:
        raise error(f"{name} keeps its content in other files; expected the data itself")
    if found.shape is None:
        raise error(f"{name} is empty; expected an array")
    _refuse_filters(found, name, error)
    declared = found.size * found.dtype.itemsize
    stored = found.id.get_storage_size()
    if declared > _MOST_COMPRESSION * stored + 2**20:
        raise error(f"{name} declares {declared:,} bytes and stores {stored:,}; expected the content to be there")
    return found


def _refuse_filters(data: h5py.Dataset, name: str, error: type[InputError]) -> None:
    """Refuse packing that needs a plugin or that nobody uses for images and weights; and gzip inside of gzip."""
    plan = data.id.get_create_plist()
    used = [plan.get_filter(number)[0] for number in range(plan.get_nfilters())]
    # The checksum may stand anywhere; apart from that packing comes last, so that it can be looked at by itself.
    order = [number for number in used if number != h5py.h5z.FILTER_FLETCHER32]
    if order not in _PACKINGS or len(used) > len(order) + 1:
        words = ", ".join(_FILTERS.get(number, f"filter {number}") for number in used)
        raise error(f"{name} is packed with {words}; expected gzip or lzf, behind shuffle or without")


class PackedChunks:
    """The chunks of a data set, looked at before libhdf5 unpacks them.

    It unpacks a gzip chunk to wherever that ends, a thousand times its size at most, whatever the file declares. A small
    chunk does no harm with that; a large one is unpacked here first, piece by piece, to see whether it stays in bounds.

    Args:
        data: a data set with at least one axis.
        name: of it, for messages.
        error: class of the error that is raised.
    """

    def __init__(self, data: h5py.Dataset, name: str, error: type[InputError]) -> None:
        self._data, self._name, self._error = data, name, error
        self._large: dict[tuple[int, ...], int] = {}
        self._declared = data.dtype.itemsize
        if data.compression == "gzip":
            self._declared *= int(np.prod(data.chunks, dtype=object))
            data.id.chunk_iter(self._note)

    def check(self, start: int, stop: int) -> None:
        """Look at the chunks of the rows from ``start`` up to ``stop`` that were not looked at before.

        Raises:
            InputError: a chunk unpacks to more than the data set declares.
        """
        length = self._data.chunks[0] if self._large else 1
        for place, size in list(self._large.items()):
            if start - length < place[0] < stop:
                self._look_at(place, size)
                self._large.pop(place, None)

    def _note(self, chunk: Any) -> None:
        if chunk.size * _MOST_COMPRESSION > _UNPACKED_UNSEEN:
            self._large[chunk.chunk_offset] = chunk.size

    def _look_at(self, place: tuple[int, ...], size: int) -> None:
        chunk = f"{self._name}: the chunk at {place[0]} is"
        # zlib never makes a chunk larger by more than a thousandth.
        if size > self._declared + self._declared // 1000 + 4096:
            raise self._error(f"{chunk} {size:,} bytes packed; expected {self._declared:,} bytes before packing")
        unpacking, left = zlib.decompressobj(), self._data.id.read_direct_chunk(place)[1]
        room = self._declared + 4096
        with suppress(zlib.error):
            while left and room > 0:
                room -= len(unpacking.decompress(left, 2**20))
                left = unpacking.unconsumed_tail
        if room <= 0:
            raise self._error(f"{chunk} larger than declared when unpacked; expected {self._declared:,} bytes")
