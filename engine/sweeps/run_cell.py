"""One cell as an ordinary run in a folder of its own: what ``bdtui --batch --resume --out`` does, without a screen."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from bdtui.engine.errors import FolderInUse, InputError, OptionError
from bdtui.engine.option import options_of
from bdtui.engine.reporter import Reporter
from bdtui.engine.reports.record import RunRecord
from bdtui.engine.runs.begun import begun_recipe, refuse_changed
from bdtui.engine.runs.finished import asks_for_more, finished_run
from bdtui.engine.runs.folder import holds_run
from bdtui.engine.settings import RunSettings, gates_of
from bdtui.engine.sweeps.cell import given_options


def finished_cell(settings: RunSettings, folder: Path) -> RunRecord | None:
    """The run of a cell that an earlier start has finished; None where something is to be done, or somebody is at it.

    Raises:
        OptionError: the folder's run was begun with other options.
    """
    try:
        record, _ = finished_run(folder)
    except InputError:
        return None
    if record is None or asks_for_more(settings, record, folder):
        return None
    try:
        begun = begun_recipe(folder)
    except FolderInUse:
        # The worker of a client that was killed, in its last moment.
        return None
    refuse_changed(given_options(settings), begun, folder)
    return replace(record, gates=gates_of(settings))


def run_cell(settings: RunSettings, folder: Path, reporter: Reporter) -> RunRecord:
    """Do the run of a cell, or what is missing of it.

    Raises:
        InputError: something given cannot be worked with.
        Interrupted: the reporter requested a stop; what was finished is kept in the folder.
    """
    from bdtui.engine.runs.run import execute_run

    hashes: dict[str, str] = {}
    if holds_run(folder):
        finished = finished_cell(settings, folder)
        if finished is not None:
            return finished
        begun, given = begun_recipe(folder), given_options(settings)
        refuse_changed(given, begun, folder)
        free = {name: value for name, value in given.items() if options_of(settings)[name].may_change}
        try:
            settings = RunSettings(**{**begun.settings, **free})
        except TypeError as problem:  # pragma: no cover (a journal checks what it holds)
            raise OptionError(f"{folder}: was begun by another version; expected a new --out") from problem
        hashes = begun.sha256
    return execute_run(settings, folder, reporter=reporter, resume=True, expected_sha256=hashes).record
