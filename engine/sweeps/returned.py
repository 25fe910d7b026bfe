"""What a worker sends back of a cell, where it does not see the sweep's folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from bdtui.engine.errors import DataError, OutputError
from bdtui.engine.machine.atomic_files import atomic_file
from bdtui.engine.reports.file_names import RESULTS
from bdtui.engine.runs.manifest import check_manifest


def keep_files(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write a cell's files, results.json last, and hold them against their manifest.

    Args:
        folder: of the cell.
        files: their contents by name; empty where the worker wrote them itself.

    Raises:
        OutputError: they cannot be written, or are not what the run wrote.
    """
    if not files:
        return
    for name in sorted(files, key=lambda name: name == RESULTS):
        way = PurePosixPath(name)
        if way.is_absolute() or ".." in way.parts:
            raise OutputError(f"{folder}: a worker sent {name!r}; expected names in the cell's own folder")
        path = folder / way
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_file(path) as partial:
            partial.write_bytes(files[name])
    try:
        problems = check_manifest(folder).problems
    except DataError as problem:
        problems = (str(problem),)
    if problems:
        raise OutputError(f"what came back is not what the run wrote: {problems[0]}")
