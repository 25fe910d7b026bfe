"""Where the journal of a run lies: made with the run, held while it is written, and looked into to resume."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from bdtui.engine.errors import DataError, OutputError
from bdtui.engine.inputs.recipe import Recipe
from bdtui.engine.runs.folder import JOURNAL, JOURNAL_FOLDER, hold_folder, output_folder
from bdtui.engine.runs.journal import Journal
from bdtui.engine.settings import RunSettings


@contextmanager
def open_run_folder(
    folder: Path, settings: RunSettings, sha256: Mapping[str, str], *, may_hold_run: bool = False
) -> Iterator[Journal]:
    """Hold a folder for a run, with its journal; see `output_folder`.

    If the work ends before anything is finished, what was made here goes again.

    Args:
        folder: for the files of the run.
        settings: what the run is to do; of no account where the folder's journal knows.
        sha256: hashes of the inputs that a recipe recorded.
        may_hold_run: whether to go on with a run that the folder holds.

    Raises:
        DataError: the folder's journal is none.
        OutputError: the folder holds another run, another bdtui is writing to it, or it cannot be written to.
    """
    with output_folder(folder, may_hold_run=may_hold_run):
        home = folder / JOURNAL_FOLDER
        is_new = not (_checked(home) / JOURNAL).exists()
        if is_new:
            _make(home, settings, sha256)
        with closing(Journal(home / JOURNAL)) as journal:
            try:
                yield journal
            finally:
                # A journal that cannot be read may hold anything.
                with suppress(DataError):
                    if is_new and not journal.holds_work:
                        journal.close()
                        _remove(home)


@contextmanager
def open_begun_journal(folder: Path) -> Iterator[Journal | None]:
    """The journal of a run that was begun in a folder, to look into; None where the folder has none.

    Raises:
        DataError: the journal is none.
        OutputError: another bdtui is writing to the folder, or it cannot be written to.
    """
    home = folder / JOURNAL_FOLDER
    if not (home / JOURNAL).exists():
        yield None
        return
    with hold_folder(folder), closing(Journal(_checked(home) / JOURNAL)) as journal:
        yield journal


def read_begun_recipe(folder: Path) -> Recipe | None:
    """What the run in a folder was begun with; None where the folder has no journal.

    Raises:
        DataError: the journal is none.
        OutputError: another bdtui is writing to the folder, or it cannot be written to.
    """
    with open_begun_journal(folder) as journal:
        return None if journal is None else journal.recipe


def _checked(home: Path) -> Path:
    """The folder of a journal; refused where it, or what is in it, leads elsewhere."""
    for path in (home, *home.glob(f"{JOURNAL}*")):
        is_expected = path.is_dir() if path == home else path.is_file()
        if path.is_symlink() or (path.exists() and not is_expected):
            raise DataError(
                f"{path}: points to another place; expected the journal of a run (delete it to start the run over)"
            )
    return home


def _make(home: Path, settings: RunSettings, sha256: Mapping[str, str]) -> None:
    """Make a journal that says what is to be done: all of it or nothing, whatever happens meanwhile."""
    passing = home.with_name(f"{JOURNAL_FOLDER}-journal-{os.getpid()}.partial")
    try:
        for unfinished in (home, *home.parent.glob(f"{JOURNAL_FOLDER}-journal-*.partial")):
            _remove(unfinished)
        passing.mkdir(mode=0o700)
        with closing(Journal(passing / JOURNAL)) as journal:
            journal.begin(settings, sha256)
        passing.rename(home)
    except (OSError, OutputError) as problem:
        reason = getattr(problem, "strerror", None) or "no space for it"
        raise OutputError(
            f"{home}: cannot be created ({reason}); expected a writable folder with free space"
        ) from problem
    finally:
        _remove(passing)


def _remove(home: Path) -> None:
    with suppress(OSError):
        for path in home.glob(f"{JOURNAL}*"):
            path.unlink()
    with suppress(OSError):
        home.rmdir()
