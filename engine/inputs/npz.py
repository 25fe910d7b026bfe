"""The arrays of an ``.npz`` file, read without numpy's loader: no pickles, and nothing believed that a header declares.

What ``np.savez`` wrote is read in place, in slices. What is packed (``np.savez_compressed``) cannot be read from the
middle: it is unpacked once, into memory or a file without a name.
"""

from __future__ import annotations

import os
import struct
import warnings
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from bdtui.engine.errors import DataError, OutOfMemory
from bdtui.engine.inputs.stored_arrays import ArrayFile, KeptArray, ReadRows, StoredArray
from bdtui.engine.inputs.stored_images import WHOLE_IMAGES, first_line
from bdtui.engine.inputs.zip_files import BoundedFile
from bdtui.engine.machine.array_store import ArrayStore, default_budget
from bdtui.engine.machine.files import require_file
from bdtui.engine.machine.quoted_text import quoted
from bdtui.engine.reporter import SILENT, Reporter

_LARGEST_DIRECTORY = 4 * 1024**2
_LOCAL_HEADER = struct.Struct("<4s22xHH")
_ENCRYPTED = 0x1
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_PIECE = 16 * 1024**2
_MOST_COMPRESSION = 1100
"""Deflate unpacks to 1,032 times its size at most."""
_HARDLY_IMAGES = (2**30, 100)
"""Past so many bytes, images do not unpack to more than so many times their packed size."""


@dataclass(frozen=True)
class _Header:
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    fortran: bool
    length: int

    @property
    def size(self) -> int:
        return prod(self.shape) * self.dtype.itemsize


class NpzFile(ArrayFile):
    """An open ``.npz`` file."""

    def __init__(self, path: Path, archive: zipfile.ZipFile, reporter: Reporter = SILENT) -> None:
        self.path = path
        self._archive = archive
        self._reporter = reporter
        self._members = {info.filename[:-4]: info for info in archive.infolist() if info.filename.endswith(".npy")}

    def names(self) -> list[str]:
        """See `ArrayFile.names`."""
        return list(self._members)

    def header(self, name: str) -> tuple[tuple[int, ...], np.dtype[Any]]:
        """See `ArrayFile.header`."""
        with self._open(name) as (_, header):
            return header.shape, header.dtype

    def blocks(self, name: str, rows: int) -> Iterator[NDArray[Any]]:
        """See `ArrayFile.blocks`."""
        with self._open(name) as (member, header):
            if header.fortran:
                yield from _split(self._unpacked(name), rows)
                return
            for start in range(0, header.shape[0], rows):
                count = min(rows, header.shape[0] - start)
                block = np.empty((count, *header.shape[1:]), header.dtype)
                self._fill(name, member, _bytes_of(block))
                yield block

    def stored(self, name: str) -> StoredArray:
        """See `ArrayFile.stored`."""
        with self._open(name) as (_, header):
            info = self._members[name]
            if info.compress_type == zipfile.ZIP_STORED and not header.fortran:
                place = self._place(info) + header.length
                return NpzArray(self.path, name, header.shape, header.dtype, place)
        return KeptArray(self._unpacked(name))

    def _unpacked(self, name: str) -> NDArray[Any]:
        with self._open(name) as (member, header):
            store = ArrayStore(default_budget(), what="images")
            shape = header.shape[::-1] if header.fortran else header.shape
            try:
                values = store.make(shape, header.dtype)
            except MemoryError as problem:
                raise OutOfMemory(
                    f"{self.path}: {name!r} of {header.size:,} bytes does not fit into memory"
                ) from problem
            flat = _bytes_of(values)
            for start in range(0, len(flat), _PIECE):
                self._reporter.checkpoint()
                self._fill(name, member, flat[start : start + _PIECE])
            return values.T if header.fortran else values

    def _fill(self, name: str, member: Any, target: NDArray[np.uint8]) -> None:
        view = target.data
        done = 0
        while done < len(view):
            try:
                read = member.readinto(view[done:])
            except (OSError, RuntimeError, zlib.error, zipfile.BadZipFile, EOFError, NotImplementedError) as problem:
                raise DataError(
                    f"{self.path}: {name!r} cannot be unpacked ({first_line(problem)}); expected {WHOLE_IMAGES}"
                ) from problem
            if not read:
                raise DataError(f"{self.path}: {name!r} ends early; expected {WHOLE_IMAGES}")
            done += read

    @contextmanager
    def _open(self, name: str) -> Iterator[tuple[Any, _Header]]:
        """An array's bytes, behind its header."""
        where = f"{self.path}: {name!r}"
        info = self._members.get(name)
        if info is None:
            present = ", ".join(quoted(other, 40) for other in list(self._members)[:8]) or "nothing"
            raise DataError(f"{where} is missing (the file holds {present}); expected an array of that name")
        if info.flag_bits & _ENCRYPTED or info.compress_type not in _METHODS:
            raise DataError(f"{where} is encrypted or packed in an unusual way; expected what np.savez writes")
        packed, size = info.compress_size, info.file_size
        if size > _MOST_COMPRESSION * packed + 2**16 or (
            size > _HARDLY_IMAGES[0] and size > _HARDLY_IMAGES[1] * packed
        ):
            raise DataError(f"{where} unpacks to {size:,} bytes from {packed:,}; expected {WHOLE_IMAGES}")
        try:
            member = self._archive.open(info)
        except (OSError, RuntimeError, NotImplementedError, ValueError, zipfile.BadZipFile) as problem:
            raise DataError(f"{where} cannot be read ({first_line(problem)}); expected {WHOLE_IMAGES}") from problem
        with member:
            header = _read_header(member, where)
            if header.size != size - header.length:
                raise DataError(
                    f"{where} declares {header.size:,} bytes and stores {size - header.length:,}; "
                    "expected the content to be there"
                )
            yield member, header

    def _place(self, info: zipfile.ZipInfo) -> int:
        """Where the bytes of a member begin that is not packed."""
        try:
            with self.path.open("rb") as file:
                file.seek(info.header_offset)
                signature, name, extra = _LOCAL_HEADER.unpack(file.read(_LOCAL_HEADER.size))
        except (OSError, struct.error) as problem:
            raise DataError(f"{self.path}: truncated or corrupted; expected {WHOLE_IMAGES}") from problem
        if signature != b"PK\x03\x04":
            raise DataError(f"{self.path}: corrupted; expected {WHOLE_IMAGES}")
        return info.header_offset + _LOCAL_HEADER.size + int(name) + int(extra)


def _read_header(member: Any, where: str) -> _Header:
    try:
        version = npy.read_magic(member)
        readers = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            shape, fortran, dtype = readers[version](member)
    except (OSError, zlib.error, zipfile.BadZipFile, NotImplementedError) as problem:
        raise DataError(f"{where} cannot be unpacked ({first_line(problem)}); expected {WHOLE_IMAGES}") from problem
    except Exception as problem:
        # numpy reads the header as Python's tokens and literals, which fail in ways nobody has listed.
        raise DataError(f"{where} is not an array as numpy saves it; expected one that np.savez wrote") from problem
    if dtype.hasobject:
        raise DataError(
            f"{where} holds pickled objects, which could run code; expected numbers (in numpy: array.astype('float32'))"
        )
    if any(not isinstance(size, int) or size < 0 for size in shape):
        raise DataError(f"{where} has shape {str(shape)[:80]}; expected lengths of 0 and more")
    return _Header(tuple(shape), dtype, bool(fortran), member.tell())


@contextmanager
def open_npz(path: Path, reporter: Reporter = SILENT) -> Iterator[NpzFile]:
    """Open an ``.npz`` file.

    Args:
        path: the file.
        reporter: may stop the unpacking of large arrays.

    Raises:
        DataError: it is missing or corrupted.
    """
    require_file(path, DataError, "an .npz file")
    with ExitStack() as opened:
        try:
            file = opened.enter_context(path.open("rb"))
            # A first look bounds the table of contents: zipfile reads the whole of what a file says that it has.
            zipfile.ZipFile(cast(BinaryIO, BoundedFile(file, _LARGEST_DIRECTORY))).close()
            archive = opened.enter_context(zipfile.ZipFile(file))
        except (OSError, ValueError, zipfile.BadZipFile, NotImplementedError, EOFError, struct.error) as problem:
            raise DataError(
                f"{path}: truncated or corrupted ({first_line(problem)}); expected a complete .npz file"
            ) from problem
        arrays = NpzFile(path, archive, reporter)
        if not arrays.names():
            raise DataError(
                f"{path}: an archive without arrays; expected an .npz file, or pictures unpacked into a folder"
            )
        yield arrays


def _bytes_of(array: NDArray[Any]) -> NDArray[np.uint8]:
    """The memory of an array in one piece."""
    return array.reshape(-1).view(np.uint8) if array.nbytes else np.empty(0, np.uint8)


def _split(values: NDArray[Any], rows: int) -> Iterator[NDArray[Any]]:
    for start in range(0, len(values), rows):
        yield values[start : start + rows]


@dataclass(frozen=True)
class NpzArray(StoredArray):
    """An array of an ``.npz`` file that lies there as it is.

    Attributes:
        path: the file.
        name: of the array.
        shape: of it.
        dtype: of it.
        place: byte at which its values begin.
    """

    path: Path
    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    place: int

    @contextmanager
    def rows(self) -> Iterator[ReadRows]:
        """See `StoredArray.rows`."""
        row = prod(self.shape[1:]) * self.dtype.itemsize
        try:
            file = self.path.open("rb")
        except OSError as problem:
            raise DataError(f"{self.path}: cannot be read ({problem.strerror}); expected {WHOLE_IMAGES}") from problem
        with file:

            def read(start: int, stop: int) -> NDArray[Any]:
                count = max(0, min(stop, self.shape[0]) - start)
                found = np.empty((count, *self.shape[1:]), self.dtype)
                view = _bytes_of(found).data
                done = 0
                while done < len(view):
                    # Not mapped: a file that becomes shorter would end the process.
                    try:
                        got = os.preadv(file.fileno(), [view[done : done + 2**30]], self.place + start * row + done)
                    except OSError as problem:
                        raise DataError(
                            f"{self.path}: images from number {start} on cannot be read ({problem.strerror}); "
                            f"expected {self.shape[0]} whole images"
                        ) from problem
                    if not got:
                        raise DataError(
                            f"{self.path}: changed while it was being read; expected {self.shape[0]} images"
                        )
                    done += got
                return found

            yield read
