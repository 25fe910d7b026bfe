"""HDF5 files from strangers: opened with errors a person can act on, and never followed out of the file.

HDF5 can point anywhere: external links, raw storage in other files, virtual data sets. Opening such a
file would read whatever its author wished, so those are refused.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import h5py

from bdtui.engine.errors import InputError
from bdtui.engine.files import require_file

_MOST_COMPRESSION = 1100
"""gzip unpacks to 1,032 times its size at most."""


@contextmanager
def open_hdf5(path: Path, error: type[InputError], chunk_cache: int = 1024**2) -> Iterator[h5py.File]:
    """Open an HDF5 file for reading.

    Args:
        path: the file.
        error: class of the error that is raised when it cannot be opened.
        chunk_cache: bytes of unpacked chunks to keep, per data set.
    """
    require_file(path, error, "an HDF5 file")
    try:
        size = path.stat().st_size
        sound = h5py.is_hdf5(path)
        with path.open("rb"):
            pass
    except OSError as problem:
        raise error(f"{path}: cannot be read ({problem.strerror}); expected a readable HDF5 file") from problem
    if not size:
        raise error(f"{path}: is empty; expected an HDF5 file")
    if not sound:
        raise error(f"{path}: is no HDF5 file, or its beginning is damaged; expected an HDF5 file")
    try:
        file = h5py.File(path, "r", rdcc_nbytes=chunk_cache)
    except (OSError, RuntimeError) as problem:
        raise error(f"{path}: is a truncated or damaged HDF5 file; expected a whole one") from problem
    with file:
        yield file


def own_dataset(group: h5py.Group, key: str, error: type[InputError]) -> h5py.Dataset:
    """The data set of a name, which must lie in this very file.

    Raises:
        InputError: of class ``error``: it is missing, no data set, or points out of the file.
    """
    name = f"{group.file.filename}: {key!r}"
    try:
        link = group.get(key, getlink=True)
        if link is None:
            present = ", ".join(repr(other) for other in list(group)[:8]) or "nothing"
            raise error(f"{name} is missing (the file holds {present}); expected a data set of that name")
        if not isinstance(link, h5py.HardLink):
            raise error(f"{name} is a link to another place; expected the data itself")
        found = group[key]
    except (KeyError, OSError, RuntimeError) as problem:
        raise error(f"{name} cannot be opened, the file is damaged; expected a data set") from problem
    if not isinstance(found, h5py.Dataset):
        raise error(f"{name} is a group; expected a data set")
    if found.is_virtual or found.external:
        raise error(f"{name} keeps its content in other files; expected the data itself")
    if found.shape is None:
        raise error(f"{name} is empty; expected an array")
    declared = found.size * found.dtype.itemsize
    stored = found.id.get_storage_size()
    if declared > _MOST_COMPRESSION * stored + 2**20:
        raise error(f"{name} declares {declared:,} bytes and stores {stored:,}; expected the content to be there")
    return found
