"""What a worker is given to do, and what it says of itself: plain values that cross machines."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from bdtui.engine.event_values import CellRow
from bdtui.engine.sweeps.cell import Cell
from bdtui.engine.sweeps.shipping import Shipment

TOKEN = ".bdtui-sweep"
"""A file in the sweep's folder by which workers show that they see it."""


@dataclass(frozen=True)
class Job:
    """A cell for a worker.

    Attributes:
        cell: to run.
        folder: for its files, as the client calls it.
        topic: under which the worker reports.
        token: what the file `TOKEN` of the sweep's folder holds.
        shipments: the files that the run reads, by field name; empty where the worker opens them by their paths.
    """

    cell: Cell
    folder: Path
    topic: str
    token: str
    shipments: dict[str, Shipment]


@dataclass(frozen=True)
class Outcome:
    """What came of a job.

    Attributes:
        row: of the table.
        files: the content of the cell's folder by name, where the worker does not see the sweep's folder.
    """

    row: CellRow
    files: dict[str, bytes]


@dataclass(frozen=True)
class WorkerReport:
    """What a worker says of itself.

    Attributes:
        versions: as `computing_versions` gives them.
        sees_folder: whether it sees the sweep's folder.
    """

    versions: dict[str, str]
    sees_folder: bool


def report_on(folder: Path, token: str) -> WorkerReport:
    """What a worker answers before it is given anything to do.

    Args:
        folder: of the sweep.
        token: that it finds there, if it sees the same folder.
    """
    from bdtui.engine.runs.manifest import computing_versions

    return WorkerReport(computing_versions(), sees(folder, token))


def sees(folder: Path, token: str) -> bool:
    """Whether this process sees a sweep's folder."""
    try:
        return (folder / TOKEN).read_text("utf-8") == token
    except (OSError, ValueError):
        return False
