"""Everything that can go wrong and that a person can act on.

Each message is one sentence that names the file, what was found there and what was expected.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Kept:
    """What work that ended early leaves behind.

    Attributes:
        folder: of the run, which can be resumed; None where nothing was written.
        steps: finished steps of the curve; None where the folder is as it was before.
        files: written in the folder, by name.
    """

    folder: Path | None = None
    steps: int | None = None
    files: tuple[str, ...] = ()

    @property
    def is_unchanged(self) -> bool:
        """Whether the run is as it was before the work began."""
        return self.folder is not None and self.steps is None

    def __str__(self) -> str:
        if self.folder is None:
            return "before anything was written; no files were left"
        if self.steps is None:
            return f"{self.folder} is unchanged; resume with bdtui --batch --resume --out {self.folder}"
        files = ", ".join(self.files) or "the journal"
        return (
            f"after {self.steps or 'no'} finished steps; saved in {self.folder}: {files}; "
            f"finish with bdtui --batch --resume --out {self.folder}"
        )


class BdtuiError(Exception):
    """Root of all errors that bdtui explains in a sentence.

    Attributes:
        problem: what is wrong, where, and what to do.
        kept: what the work leaves behind; None where that is not known.
    """

    def __init__(self, problem: str, kept: Kept | None = None) -> None:
        super().__init__(problem)
        self.problem = problem
        self.kept = kept

    def __str__(self) -> str:
        return self.problem if self.kept is None else f"{self.problem}; {self.kept}"


class InputError(BdtuiError):
    """What was given cannot be worked with: a file, an option, a folder."""


class ModelError(InputError):
    """A model file cannot be opened, or its network cannot be pruned as asked."""


class DataError(InputError):
    """A data file cannot be read as images and labels for the model."""


class OptionError(InputError):
    """An option has an invalid value."""


class OutputError(InputError):
    """A result cannot be written where it was asked for."""


class FolderInUse(OutputError):
    """Another bdtui is writing to a folder, and may have ended in a while."""


class OutOfMemory(InputError):
    """The network or the images need more memory than there is."""


class Interrupted(BdtuiError):
    """Somebody asked the engine to stop."""

    def __init__(self, problem: str = "interrupted", kept: Kept | None = None) -> None:
        super().__init__(problem, kept)

    def __str__(self) -> str:
        if self.kept is None or self.kept.is_unchanged:
            return super().__str__()
        return f"{self.problem} {self.kept}"


class DeviceLost(Interrupted):
    """The GPU does not answer any more; nothing can be computed in this process, but another one can resume."""
