"""What a person may request of the engine while it runs in its own thread; moves stand in `pruning.moves`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from bdtui.engine.pruning.moves import Move
from bdtui.engine.settings import AUTO, NEAR, RunSettings


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
    """Write the files of the run.

    Attributes:
        out: the folder; None for a new one under ``bdtui-runs/``.
        formats: in which the networks are written beside their own, of `bdtui.engine.settings.FORMATS`.
        compact: leave pruned channels out where the graph allows it.
    """

    work: ClassVar[str] = "exporting"
    out: Path | None = None
    formats: tuple[str, ...] = ()
    compact: bool = False


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


@dataclass(frozen=True)
class Detect:
    """Examine the network for a backdoor without poisoned images; goes on where an examination was stopped.

    Attributes:
        methods: as ``--detect`` has them.
    """

    work: ClassVar[str] = "detecting"
    methods: tuple[str, ...] = (AUTO,)


@dataclass(frozen=True)
class UseTrigger:
    """Let the reversed triggers of the first suspect stand in for poisoned images, or no longer."""

    work: ClassVar[str] = "estimating with the reversed trigger"
    use: bool = True


@dataclass(frozen=True)
class OfferRepairs:
    """Say which repairs can be chosen, and about how long each takes here."""

    work: ClassVar[str] = "timing a step"


@dataclass(frozen=True)
class RepairNetwork:
    """Make a network without the backdoor; goes on where that repair was stopped.

    Attributes:
        method: as ``--repair`` names it.
    """

    work: ClassVar[str] = "repairing"
    method: str = AUTO


@dataclass(frozen=True)
class ScreenImages:
    """Judge images: which of them carry a trigger?

    Attributes:
        path: a picture, a folder of them, HDF5 or ``.npz``; labels are not looked at.
    """

    work: ClassVar[str] = "screening"
    path: Path


@dataclass(frozen=True)
class KeepScreened:
    """Write what was found of the images that were judged last."""

    work: ClassVar[str] = "saving"


Request = (
    Open
    | NextThreshold
    | Export
    | Compare
    | ShowPictures
    | Detect
    | UseTrigger
    | OfferRepairs
    | RepairNetwork
    | ScreenImages
    | KeepScreened
    | Move
)
"""What can be asked for; ``work`` names what it makes the engine do."""
