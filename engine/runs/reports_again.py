"""The reports of a finished run made again from its results, by this version, without TensorFlow."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bdtui.engine.errors import DataError
from bdtui.engine.machine.atomic_files import write_json, write_text
from bdtui.engine.machine.files import file_sha256, require_file
from bdtui.engine.reports.all_reports import reports_of
from bdtui.engine.reports.file_names import MANIFEST, RESULTS
from bdtui.engine.reports.results import read_record
from bdtui.engine.runs.folder import hold_folder
from bdtui.engine.runs.manifest import recorded_files


@dataclass(frozen=True)
class ReportsMade:
    """What was made again.

    Attributes:
        written: paths of the reports that are now as this version makes them.
        notices: a sentence for each that was kept as it is, and for what is doubtful.
    """

    written: tuple[Path, ...]
    notices: tuple[str, ...]


def make_reports_again(folder: Path, *, replace_changed: bool = False) -> ReportsMade:
    """Make every report of a run again; its results and its networks stay as they are.

    The manifest takes the new hashes, so that the folder still verifies.

    Args:
        folder: of a finished run of this or of an earlier version; of its files only results.json is needed.
        replace_changed: also replace a report that is not as the run wrote it, such as a model card that was edited.

    Raises:
        DataError: there is no results.json that can be understood.
        OutputError: the folder cannot be written to, or another bdtui is writing to it.
    """
    results = folder / RESULTS
    require_file(results, DataError, f"the folder of a finished run, which holds {RESULTS}")
    run = read_record(results)
    with hold_folder(folder):
        hashes, notices = _hashes(folder)
        if RESULTS in hashes and file_sha256(results) != hashes[RESULTS]:
            notices.append(
                f"{results}: is not what the run wrote (its sha256 differs); the reports tell what it says now"
            )
        made = {}
        for name, text in reports_of(run, folder, hashes).items():
            path, content = folder / name, text.encode("utf-8", "backslashreplace")
            if not replace_changed and _was_changed(path, content, hashes):
                notices.append(f"{path}: was changed since it was written, and is kept; add --force to replace it")
                continue
            write_text(path, text)
            made[name] = hashlib.sha256(content).hexdigest()
        if hashes:
            _update_manifest(folder / MANIFEST, made)
    return ReportsMade(tuple(folder / name for name in made), tuple(notices))


def _hashes(folder: Path) -> tuple[Mapping[str, str], list[str]]:
    """What the manifest says, if there is one that can be understood."""
    path = folder / MANIFEST
    if not path.exists():
        return {}, []
    try:
        return recorded_files(path), []
    except DataError as problem:
        return {}, [str(problem)]


def _was_changed(path: Path, content: bytes, hashes: Mapping[str, str]) -> bool:
    """Whether there is a file that neither the run nor this version wrote."""
    if not path.is_symlink() and not path.exists():
        return False
    if path.is_symlink() or not path.is_file():
        return True
    return file_sha256(path) not in (hashes.get(path.name), hashlib.sha256(content).hexdigest())


def _update_manifest(path: Path, made: Mapping[str, str]) -> None:
    content = json.loads(path.read_text("utf-8"))
    content["files"].update(made)
    write_json(path, content)
