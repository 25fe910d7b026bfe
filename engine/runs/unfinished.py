"""Runs and sessions that ended before their end: found again by their journals, so that the app can offer them."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from bdtui.engine.errors import InputError
from bdtui.engine.reports.file_names import RESULTS
from bdtui.engine.runs.folder import JOURNAL, JOURNAL_FOLDER, RUNS
from bdtui.engine.runs.journal_folder import open_begun_journal
from bdtui.engine.settings import RunSettings


@dataclass(frozen=True)
class UnfinishedRun:
    """A run or session to go on with.

    Attributes:
        folder: that holds it.
        settings: what it was begun with.
        sha256: of its inputs, by field name.
        steps: how many networks were measured on the validation sets, without the unpruned one.
        channels: that the layer has, which is how many steps there are; None where that is not known.
        touched: when it was worked on last, in seconds since 1970.
    """

    folder: Path
    settings: RunSettings
    sha256: dict[str, str]
    steps: int
    channels: int | None
    touched: float


def unfinished_runs(place: Path, most: int = 3) -> list[UnfinishedRun]:
    """The runs under ``bdtui-runs/`` that did not come to their end, the last first.

    Those that another bdtui is working on, and those whose journal is none, are left out.

    Args:
        place: the folder that ``bdtui-runs/`` is in.
        most: how many, at most.
    """
    begun: list[tuple[float, Path]] = []
    for journal in place.glob(f"{RUNS}/*/{JOURNAL_FOLDER}/{JOURNAL}"):
        folder = journal.parent.parent
        # A run that is just finishing may remove files.
        with suppress(OSError):
            if not (folder / RESULTS).exists():
                begun.append((max(path.stat().st_mtime for path in journal.parent.iterdir()), folder))
    found = []
    for touched, folder in sorted(begun, reverse=True):
        run = _unfinished(folder, touched)
        if run is not None:
            found.append(run)
        if len(found) == most:
            break
    return found


def _unfinished(folder: Path, touched: float) -> UnfinishedRun | None:
    try:
        with open_begun_journal(folder) as journal:
            recipe = journal.recipe if journal is not None else None
            if journal is None or recipe is None or not (steps := journal.steps_measured):
                return None
            channels = journal.channels
    except (InputError, OSError):
        return None
    return UnfinishedRun(folder, replace(RunSettings(), **recipe.settings), recipe.sha256, steps, channels, touched)
