"""Where a repair keeps how far it is, so that one that was killed goes on and ends with the same network."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from bdtui.engine.machine.atomic_files import atomic_file

Arrays = Mapping[str, NDArray[Any]]


class Checkpoints(Protocol):
    """Keeps named sets of arrays."""

    @property
    def keeps(self) -> bool:
        """Whether anything is kept at all."""

    def load(self, name: str) -> Arrays | None:
        """What was saved last under a name; None where there is nothing, or nothing whole."""

    def save(self, name: str, arrays: Arrays) -> None:
        """Keep arrays under a name, in place of those before, whole or not at all.

        Raises:
            OutputError: they cannot be written.
        """


class NoCheckpoints:
    """Keeps nothing."""

    keeps = False

    def load(self, name: str) -> Arrays | None:
        """Nothing."""
        return None

    def save(self, name: str, arrays: Arrays) -> None:
        """Nothing happens."""


class FolderCheckpoints:
    """Keeps arrays as ``.npz`` files in a folder.

    Args:
        folder: made where it is missing.
    """

    keeps = True

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def load(self, name: str) -> Arrays | None:
        """See `Checkpoints.load`."""
        try:
            with np.load(self._path(name), allow_pickle=False) as file:
                return {key: file[key] for key in file.files}
        except (OSError, ValueError, EOFError, zipfile.BadZipFile):
            return None

    def save(self, name: str, arrays: Arrays) -> None:
        """See `Checkpoints.save`."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with atomic_file(self._path(name)) as partial:
            named: Any = dict(arrays)
            np.savez(partial, **named)

    def _path(self, name: str) -> Path:
        return self.folder / f"{name}.npz"


NO_CHECKPOINTS = NoCheckpoints()


def fingerprint(*parts: Any) -> str:
    """A short hash of arrays and of anything whose ``repr`` says what it is: what a checkpoint has to be of."""
    digest = hashlib.sha256()
    for part in parts:
        if isinstance(part, np.ndarray):
            digest.update(f"{part.dtype}{part.shape}".encode())
            digest.update(np.ascontiguousarray(part).view(np.uint8).data if part.size else b"")
        else:
            digest.update(repr(part).encode())
    return digest.hexdigest()[:32]
