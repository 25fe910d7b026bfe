"""Files from strangers: what is opened has to be a plain file, not a pipe that never ends."""

from __future__ import annotations

import errno
import hashlib
import os
import re
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

from bdtui.engine.errors import InputError, OutputError

passing_files: set[Path] = set()
"""Files, and folders, that are there for the moment only: half-written ones, locks. Who makes one adds it, and removes both."""


def abandon_passing_files() -> None:
    """Remove what is there for the moment only; for a program that ends without waiting for its threads."""
    for path in tuple(passing_files):
        with suppress(OSError):
            remove(path)


def remove(path: Path) -> None:
    """Remove a file, or a folder with all that is in it, if it is there; of a link, the link alone."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def require_file(path: Path, error: type[InputError], expected: str) -> None:
    """Raise ``error`` where a path does not name a plain file: nothing, a folder, a device, a pipe."""
    if os.path.isfile(path):  # noqa: PTH113 (Path.is_file raises on names that are too long)
        return
    if os.path.isdir(path):  # noqa: PTH112
        raise error(f"{path}: is a folder; expected {expected}")
    if os.path.exists(path):  # noqa: PTH110
        raise error(f"{path}: is not a regular file; expected {expected}")
    raise error(f"{path}: no such file; expected {expected}")


def errno_of(problem: BaseException) -> int | None:
    """The system's number of an error, which HDF5 has only in its text; None where there is none."""
    found = re.search(r"errno = (\d+)", str(problem))
    return getattr(problem, "errno", None) or (int(found[1]) if found else None)


def refuse_full_temporary_folder(problem: BaseException, path: Path) -> None:
    """Raise `OutputError` where there is no room for a copy of a file."""
    number = errno_of(problem)
    if number in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        raise OutputError(
            f"{tempfile.gettempdir()}: a copy of {path.name} cannot be written there ({os.strerror(number)}); "
            "expected room for it (TMPDIR names another folder)"
        ) from problem


def file_sha256(path: Path) -> str:
    """The sha256 of a file's bytes, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def content_sha256(path: Path) -> str:
    """The sha256 of a file's bytes; of a folder that of a text with a line ``HASH  NAME`` for every file in it.

    The lines are those of ``sha256sum``, sorted by name; a link in the folder counts as a link, whatever it leads to.
    """
    if not path.is_dir():
        return file_sha256(path)
    files = sorted((each for each in path.rglob("*") if each.is_symlink() or not each.is_dir()), key=Path.as_posix)
    lines = [
        f"{'link' if each.is_symlink() else file_sha256(each)}  {each.relative_to(path).as_posix()}\n" for each in files
    ]
    return hashlib.sha256("".join(lines).encode("utf-8", "surrogateescape")).hexdigest()
