"""What a person may request of the engine while it runs in its own thread; moves stand in `pruning.moves`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from bdtui.engine.pruning.moves import Move
from bdtui.engine.settings import NEAR, RunSettings


@dataclass(frozen=True)
class Open:
    """Open model and images, profile them, and stand at step 0.

    Attributes:
        settings: what to open.
        expected_sha256: hashes of the inputs by field name, as a recipe recorded them; others are refused.
        resume_in: the folder of a session to go on with, where it was left; None to begin at step 0.
    """

    work: ClassVar[str] = "opening"
    settings: RunSettings
    expected_sha256: Mapping[str, str] = field(default_factory=dict)
    resume_in: Path | None = None


@dataclass(frozen=True)
class NextThreshold:
    """Prune on, step by step, until clean accuracy has dropped to the next threshold."""

    work: ClassVar[str] = "pruning to the next threshold"


@dataclass(frozen=True)
class Compare:
    """Measure layers and rankings side by side while nothing else is asked for.

    Attributes:
        layers: as ``--compare`` has them: ``near``, ``all``, or names.
    """

    work: ClassVar[str] = "comparing"
    layers: tuple[str, ...] = (NEAR,)


@dataclass(frozen=True)
class Export:
    """Write the files of the run; ``out`` None for a new folder under ``bdtui-runs/``."""

    work: ClassVar[str] = "exporting"
    out: Path | None = None


@dataclass(frozen=True)
class ShowPictures:
    """Show a page of the image sets, with what the network makes of each image as it is pruned now.

    Attributes:
        part: ``valid`` or ``test``.
        first: the first image of the page, counted from 0 among those that are asked for.
        number: how many are on a page, of each set.
        label: their true class; None for all. Of poisoned images whose true class is not known, the attacker's.
        wrong: only those that the network gets wrong.
    """

    work: ClassVar[str] = "showing images"
    part: str = "valid"
    first: int = 0
    number: int = 12
    label: int | None = None
    wrong: bool = False


Request = Open | NextThreshold | Export | Compare | ShowPictures | Move
"""What can be asked for; ``work`` names what it makes the engine do."""
