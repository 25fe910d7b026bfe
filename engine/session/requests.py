"""What a person may ask of the engine while it runs in its own thread."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from bdtui.engine.settings import RunSettings


@dataclass(frozen=True)
class Request:
    """Root of all requests; ``work`` names what it makes the engine do."""

    work: ClassVar[str] = ""


@dataclass(frozen=True)
class Open(Request):
    """Open model and images, profile them, and stand at step 0.

    Attributes:
        settings: what to open.
        expected_sha256: hashes of the inputs by field name, as a recipe recorded them; others are refused.
        go_on_in: the folder of a session to go on with, where it was left; None to begin at step 0.
    """

    work: ClassVar[str] = "opening"
    settings: RunSettings
    expected_sha256: Mapping[str, str] = field(default_factory=dict)
    go_on_in: Path | None = None


@dataclass(frozen=True)
class ChooseLayer(Request):
    """Profile another layer of the opened model, and stand at step 0."""

    work: ClassVar[str] = "profiling"
    layer: str


@dataclass(frozen=True)
class ChooseRanking(Request):
    """Order the channels in another way, and stand at step 0."""

    work: ClassVar[str] = "ranking"
    ranking: str


class Move(Request):
    """Root of the requests that lead to another position; several in a row are measured once, at their end."""

    work: ClassVar[str] = "pruning"


@dataclass(frozen=True)
class Prune(Move):
    """Silence the next channels of the order, one by one."""

    count: int = 1


@dataclass(frozen=True)
class Undo(Move):
    """Take moves back."""

    count: int = 1


@dataclass(frozen=True)
class Redo(Move):
    """Do moves again that were taken back."""

    count: int = 1


@dataclass(frozen=True)
class GoTo(Move):
    """Go to a step of the order."""

    step: int


@dataclass(frozen=True)
class Toggle(Move):
    """Silence a channel out of turn, or revive it."""

    channel: int


@dataclass(frozen=True)
class NextThreshold(Request):
    """Prune on, step by step, until clean accuracy has dropped to the next threshold."""

    work: ClassVar[str] = "pruning to the next threshold"


@dataclass(frozen=True)
class Export(Request):
    """Write the files of the run; ``out`` None for a new folder under ``bdtui-runs/``."""

    work: ClassVar[str] = "exporting"
    out: Path | None = None
