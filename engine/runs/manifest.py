"""The hashes of what a run left: written with the run, and compared with the files later, without TensorFlow."""

from __future__ import annotations

import json
import platform
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from bdtui.engine.errors import DataError
from bdtui.engine.machine.files import content_sha256, require_file
from bdtui.engine.machine.quoted_text import quoted
from bdtui.engine.reports.file_names import MANIFEST
from bdtui.engine.runs.folder import JOURNAL, JOURNAL_FOLDER

_SCHEMA = 1
_LARGEST = 2**20
"""Bytes of a manifest that are read; a run's own has some thousand."""
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class FileCheck:
    """What became of the files that a manifest names.

    Attributes:
        unchanged: names of the files that are as they were written.
        problems: a sentence for each that is not.
    """

    unchanged: tuple[str, ...]
    problems: tuple[str, ...]


def manifest_json(
    files: Mapping[str, str], inputs: Mapping[str, str], versions: Mapping[str, str], seed: int
) -> dict[str, Any]:
    """The content of manifest.json.

    Args:
        files: sha256 of every file that the run wrote, by name.
        inputs: sha256 of the model's files and of the image sets, by field name of `RunSettings`.
        versions: of bdtui and of what it computed with, by name.
        seed: of the run.
    """
    return {"schema": _SCHEMA, "versions": dict(versions), "seed": seed, "inputs": dict(inputs), "files": dict(files)}


def check_manifest(folder: Path) -> FileCheck:
    """Hold the files of a run against its manifest.

    Args:
        folder: of a finished run.

    Raises:
        DataError: there is no manifest, or none that can be understood.
    """
    path = folder / MANIFEST
    if not path.exists() and (folder / JOURNAL_FOLDER / JOURNAL).exists():
        raise DataError(f"{folder}: holds an unfinished run; finish it with bdtui --batch --resume --out {folder}")
    require_file(path, DataError, f"the folder of a finished run, which holds {MANIFEST}")
    unchanged, problems = [], []
    for name, expected in recorded_files(path).items():
        file = folder / name
        if file.is_symlink() or not (file.is_file() or file.is_dir()):
            problems.append(f"{file}: is missing; expected the file that the run wrote")
        elif content_sha256(file) != expected:
            problems.append(f"{file}: is not what the run wrote (its sha256 differs)")
        else:
            unchanged.append(name)
    return FileCheck(tuple(unchanged), tuple(problems))


def recorded_files(path: Path) -> dict[str, str]:
    """The hashes of a manifest by file name.

    Raises:
        DataError: it cannot be understood, or a name leads out of the folder.
    """
    expected = "expected a manifest as bdtui writes it"
    try:
        if path.stat().st_size > _LARGEST:
            raise DataError(f"{path}: is {path.stat().st_size:,} bytes long; {expected}")
        content = json.loads(path.read_text("utf-8"))
    except OSError as problem:
        raise DataError(f"{path}: cannot be read ({problem.strerror}); {expected}") from problem
    except (ValueError, RecursionError) as problem:
        raise DataError(f"{path}: is not readable JSON; {expected}") from problem
    if not isinstance(content, dict) or content.get("schema") != _SCHEMA:
        raise DataError(f"{path}: has no schema {_SCHEMA}; {expected}")
    files = content.get("files")
    if not isinstance(files, dict) or not files:
        raise DataError(f"{path}: names no files; {expected}")
    for name, sha256 in files.items():
        if not name or name in (".", "..") or Path(name).name != name or "\0" in name:
            raise DataError(f"{path}: names the file {quoted(name)}; expected names in the run's own folder")
        if not isinstance(sha256, str) or not _SHA256.fullmatch(sha256):
            raise DataError(f"{path}: has no sha256 for {quoted(name)}; {expected}")
    return files


def computing_versions(*further: str) -> dict[str, str]:
    """The versions of bdtui and of everything it computes with, by name, and of further packages where they are told."""
    found = {"python": platform.python_version()}
    found |= {name: version(name) for name in ("bdtui", "tensorflow", "keras", "numpy", "h5py")}
    for name in further:
        # onnxruntime comes under several names.
        with suppress(PackageNotFoundError):
            found[name] = version(name)
    return found
