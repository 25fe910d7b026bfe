"""The content of a folder: its folders, and the files that bdtui can open."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from bdtui.engine.inputs.file_preview import may_be_opened
from bdtui.engine.inputs.saved_model import is_saved_model

_MOST_SHOWN = 1000
_MOST_ENTRIES = 50_000


@dataclass(frozen=True)
class Listing:
    """What is shown of a folder: its folders, its files that can be opened, and how many entries are left out."""

    folders: tuple[Path, ...]
    files: tuple[Path, ...]
    left_out: int


def list_folder(folder: Path) -> Listing | None:
    """The content of a folder, sorted by name; None if it cannot be read."""
    folders: list[Path] = []
    files: list[Path] = []
    try:
        for path in _entries(folder):
            if os.path.isdir(path):  # noqa: PTH112 (Path.is_dir raises without permission)
                (files if is_saved_model(path) else folders).append(path)
            elif may_be_opened(path.name):
                files.append(path)
    except OSError:
        return None
    shown_folders, shown_files = _sorted(folders)[:_MOST_SHOWN], _sorted(files)[:_MOST_SHOWN]
    left_out = len(folders) + len(files) - len(shown_folders) - len(shown_files)
    return Listing(tuple(shown_folders), tuple(shown_files), left_out)


def _entries(folder: Path) -> Iterator[Path]:
    with os.scandir(folder) as entries:
        for entry in islice(entries, _MOST_ENTRIES):
            if not entry.name.startswith("."):
                yield folder / entry.name


def _sorted(paths: list[Path]) -> list[Path]:
    return sorted(paths, key=lambda path: (path.name.casefold(), path.name))
