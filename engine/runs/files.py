"""The files that a run writes into its folder, each in the journal as soon as it has its name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from bdtui.engine.events import ArtifactWritten
from bdtui.engine.reporter import Reporter
from bdtui.engine.runs.journal import Journal


class RunFiles:
    """Writes files atomically, and counts those of an earlier start of the run that are there unchanged.

    Args:
        folder: that is held.
        journal: of that folder.
        reporter: receives every file.

    Attributes:
        sha256: of the files so far, by name.
    """

    def __init__(self, folder: Path, journal: Journal, reporter: Reporter) -> None:
        self.folder = folder
        self.sha256: dict[str, str] = {}
        self._journal = journal
        self._reporter = reporter

    def write(self, name: str, write: Callable[[Path], None], network: str = "") -> None:
        """Write a file.

        Args:
            name: of the file.
            write: is given its path.
            network: for a model, which one it is; see `bdtui.engine.runs.journal.network_name`.
        """
        path = self.folder / name
        write(path)
        self._add(name, self._journal.keep_artifact(path, network))

    def holds(self, name: str, network: str) -> bool:
        """Whether the folder has that model already, as it was written."""
        return bool(self._journal.find_artifact(self.folder / name, network))

    def adopt(self, name: str, network: str) -> None:
        """Count a model that the folder has already as written."""
        self._add(name, self._journal.find_artifact(self.folder / name, network))

    def _add(self, name: str, sha256: str) -> None:
        self.sha256[name] = sha256
        self._reporter.emit(ArtifactWritten(str(self.folder / name)))
