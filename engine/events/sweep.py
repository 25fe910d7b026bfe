"""What a sweep emits: its workers come and go, its cells begin and end."""

from __future__ import annotations

from dataclasses import dataclass

from bdtui.engine.event_values import CellRow
from bdtui.engine.events.event import Event


@dataclass(frozen=True)
class SweepBegun(Event):
    """The cells are known.

    Attributes:
        out: the folder of the sweep.
        cells: the name, the model and the varied settings of every cell, as rows without results.
        varied: the options that the plan varies.
    """

    out: str
    cells: tuple[CellRow, ...]
    varied: tuple[str, ...]


@dataclass(frozen=True)
class WorkerJoined(Event):
    """A worker with the right versions takes cells; ``name`` is what the cluster calls it."""

    name: str
    address: str


@dataclass(frozen=True)
class WorkerRefused(Event):
    """A worker is not used, because it would compute something else; ``sentence`` says why."""

    name: str
    address: str
    sentence: str


@dataclass(frozen=True)
class CellStarted(Event):
    """A worker has begun with a cell, or again with one whose worker was lost."""

    cell: str
    worker: str


@dataclass(frozen=True)
class CellProgressed(Event):
    """How far a cell's run is; as `Progress`."""

    cell: str
    stage: str
    done: int
    total: int | None
    unit: str


@dataclass(frozen=True)
class CellFinished(Event):
    """A cell is done or has failed, or was done before.

    Attributes:
        row: of the table.
        done: cells that are done or have failed so far.
        total: cells of the sweep.
        was_done: an earlier start of the sweep has finished it.
    """

    row: CellRow
    done: int
    total: int
    was_done: bool = False


@dataclass(frozen=True)
class SweepFinished(Event):
    """Every cell is done or has failed, and the tables are written."""

    out: str
    done: int
    failed: int
    seconds: float
