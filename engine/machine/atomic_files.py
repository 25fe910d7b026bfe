"""Files, and folders of files, written so that nobody reads half of one: under a temporary name first, then renamed."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bdtui.engine.errors import OutputError
from bdtui.engine.machine.files import errno_of, passing_files, remove


@contextmanager
def atomic_file(path: Path) -> Iterator[Path]:
    """Give a temporary path beside ``path``; what was written there takes the final name when all went well.

    It may be a folder, with folders in it.

    Raises:
        OutputError: it cannot be written, for example because the disk is full.
    """
    partial = path.with_name(f".{path.stem}.{os.getpid()}.partial{path.suffix}")
    passing_files.add(partial)
    try:
        yield partial
        for file in (partial, *partial.rglob("*")):
            if file.is_file():
                with file.open("rb+") as written:
                    os.fsync(written.fileno())
        if partial.is_dir():
            # A folder takes the place of nothing but an empty one.
            remove(path)
        partial.replace(path)
    except OSError as problem:
        number = errno_of(problem)
        reason = os.strerror(number) if number else " ".join(str(problem).split())[:200]
        raise OutputError(f"{path}: cannot be written ({reason})") from problem
    finally:
        remove(partial)
        passing_files.discard(partial)


def copy_file(source: Path, path: Path) -> None:
    """Copy a file, or a folder, atomically."""
    with atomic_file(path) as partial:
        (shutil.copytree if source.is_dir() else shutil.copyfile)(source, partial)


def write_text(path: Path, text: str) -> None:
    """Write a text file atomically, UTF-8."""
    with atomic_file(path) as partial:
        partial.write_text(text, encoding="utf-8", errors="backslashreplace")


def write_json(path: Path, content: Any) -> None:
    """Write a JSON file atomically."""
    write_text(path, json_text(content))


def json_text(content: Any) -> str:
    """What `write_json` writes."""
    return json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
