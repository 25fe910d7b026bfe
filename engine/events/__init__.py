"""What the engine emits while it works.

Every event is a frozen record of plain values, so that it can cross a thread, be written as JSON, and be
shown by either front without asking the engine anything.

A name's module is loaded on first use: the app's first paint does not wait for records that come later.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bdtui.engine.events.comparison import ComparisonBegun, ComparisonEnded, OrderCompared
    from bdtui.engine.events.curve import BaselineMeasured, StepFinished, ThresholdMissed, ThresholdReached
    from bdtui.engine.events.detection import ClassesRanked, DetectionFinished, DetectorFinished, TriggerShown
    from bdtui.engine.events.event import Event
    from bdtui.engine.events.inputs import ClassesNamed, DataOpened, LayerChosen, LayerFound, ModelOpened, ScaleDecided
    from bdtui.engine.events.repair import RepairAttacked, RepairFinished, RepairMeasured, RepairOffered, RepairsOffered
    from bdtui.engine.events.run import ArtifactRefused, ArtifactWritten, Notice, Progress, RunFinished, VerdictReached
    from bdtui.engine.events.screening import ImagesScreened, ScreenedImage
    from bdtui.engine.events.session import (
        ChannelsProfiled,
        ExportPlanned,
        NothingOpen,
        PicturesTaken,
        PositionReached,
        PositionWished,
        SessionKept,
        SessionOpened,
    )
    from bdtui.engine.events.sweep import (
        CellFinished,
        CellProgressed,
        CellStarted,
        SweepBegun,
        SweepFinished,
        WorkerJoined,
        WorkerRefused,
    )
    from bdtui.engine.events.work import LOADING, EngineReady, JobEnded, WorkEnded, WorkFailed, WorkStarted, WorkStopped

_HOMES = (
    "event",
    "work",
    "run",
    "session",
    "inputs",
    "curve",
    "comparison",
    "detection",
    "repair",
    "screening",
    "sweep",
)

__all__ = [
    "LOADING",
    "ArtifactRefused",
    "ArtifactWritten",
    "BaselineMeasured",
    "CellFinished",
    "CellProgressed",
    "CellStarted",
    "ChannelsProfiled",
    "ClassesNamed",
    "ClassesRanked",
    "ComparisonBegun",
    "ComparisonEnded",
    "DataOpened",
    "DetectionFinished",
    "DetectorFinished",
    "EngineReady",
    "Event",
    "ExportPlanned",
    "ImagesScreened",
    "JobEnded",
    "LayerChosen",
    "LayerFound",
    "ModelOpened",
    "NothingOpen",
    "Notice",
    "OrderCompared",
    "PicturesTaken",
    "PositionReached",
    "PositionWished",
    "Progress",
    "RepairAttacked",
    "RepairFinished",
    "RepairMeasured",
    "RepairOffered",
    "RepairsOffered",
    "RunFinished",
    "ScaleDecided",
    "ScreenedImage",
    "SessionKept",
    "SessionOpened",
    "StepFinished",
    "SweepBegun",
    "SweepFinished",
    "ThresholdMissed",
    "ThresholdReached",
    "TriggerShown",
    "VerdictReached",
    "WorkEnded",
    "WorkFailed",
    "WorkStarted",
    "WorkStopped",
    "WorkerJoined",
    "WorkerRefused",
]


def __getattr__(name: str) -> Any:
    if name in __all__:
        for home in _HOMES:
            found = vars(import_module(f"{__name__}.{home}")).get(name)
            if found is not None:
                globals()[name] = found
                return found
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
