"""Zip files from strangers: their table of contents is bounded before it is read."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import BinaryIO, cast

_LARGEST_LIST = 1024**2
"""Bytes of a table of contents that is read for its names; Keras' own has some hundred."""


class BoundedFile:
    """A file that refuses large reads, so that a zip file cannot ask for a table of contents of gigabytes.

    Args:
        file: a zip file.
        most: bytes of a read.
    """

    def __init__(self, file: BinaryIO, most: int) -> None:
        self._file, self._most = file, most
        self.seek, self.tell = file.seek, file.tell

    def read(self, size: int = -1) -> bytes:
        """See `BinaryIO.read`; OSError where that is too large."""
        if size > self._most:
            raise OSError("too large a table of contents")
        return self._file.read(self._most if size < 0 else size)


def names_in_zip(path: Path) -> list[str]:
    """The names in a zip file's table of contents.

    Raises:
        OSError: it cannot be read, or is too large.
        zipfile.BadZipFile: it is no zip file, or corrupted.
    """
    with path.open("rb") as file, zipfile.ZipFile(cast(BinaryIO, BoundedFile(file, _LARGEST_LIST))) as archive:
        return archive.namelist()
