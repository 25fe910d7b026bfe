"""What came of an export, as plain values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class ExportedNetwork:
    """A network of a run in one further format.

    Attributes:
        network: file name of the network in the run's own format.
        format: see `bdtui.engine.settings.FORMATS`.
        file: that was written; None where none was kept.
        images: validation images that the file gives the class that the network gives them.
        largest_difference: between an output of the file and the network's, over all of them; None without a file.
        problem: why no file was kept, a sentence; empty where one was.
    """

    network: str
    format: str
    file: str | None
    images: int
    largest_difference: float | None = None
    problem: str = ""

    def as_json(self) -> dict[str, Any]:
        """An entry of ``exports`` in results.json."""
        return {
            "network": self.network,
            "format": self.format,
            "file": self.file,
            "images": self.images,
            "largest_difference": self.largest_difference,
            "problem": self.problem or None,
        }
