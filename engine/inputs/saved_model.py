"""SavedModel folders: what makes one, and its hash. `saved_metadata` and `saved_weights` rebuild the model that is in one."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from bdtui.engine.machine.files import file_sha256

GRAPH, METADATA = "saved_model.pb", "keras_metadata.pb"
_FINGERPRINT = "fingerprint.pb"
_CHECKPOINT = Path("variables", "variables")


def is_saved_model(path: Path) -> bool:
    """Whether a path is a folder in which TensorFlow has saved a model."""
    return os.path.isfile(path / GRAPH)  # noqa: PTH113 (Path.is_file raises on names that are too long)


def may_be_rebuilt(folder: Path) -> bool:
    """Whether a SavedModel may be one of Keras 2: later than Keras 2.4 those have metadata in a file of their own."""
    return (folder / METADATA).is_file() or not (folder / _FINGERPRINT).exists()


def model_sha256(path: Path) -> str:
    """The sha256 of a model's file, in hex; of a SavedModel, over the names and hashes of the files that make it up.

    That is the hash of a text with a line ``HASH  NAME`` a file, sorted by name, as ``sha256sum`` prints it.
    """
    return _folder_sha256(path) if is_saved_model(path) else file_sha256(path)


def _folder_sha256(folder: Path) -> str:
    found = [path for path in (folder / GRAPH, folder / METADATA) if path.is_file()]
    found += sorted(path for path in (folder / _CHECKPOINT).parent.glob(f"{_CHECKPOINT.name}.*") if path.is_file())
    lines = sorted((path.relative_to(folder).as_posix(), file_sha256(path)) for path in found)
    return hashlib.sha256("".join(f"{sha256}  {name}\n" for name, sha256 in lines).encode()).hexdigest()


def checkpoint_of(folder: Path) -> Path:
    """What the names of a SavedModel's weight files begin with."""
    return folder / _CHECKPOINT
