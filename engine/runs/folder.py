"""The folder of a run: how it and its files are named, and when it may be written to."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from bdtui.engine.errors import OutputError
from bdtui.engine.machine.files import remove
from bdtui.engine.machine.folder_lock import lock_folder
from bdtui.engine.reports.file_names import MANIFEST, MODEL_CARD, RESULTS, RUN_FILES, SARIF
from bdtui.engine.settings import FORMATS, SAMPLE_MODEL, RunSettings

JOURNAL_FOLDER, JOURNAL = ".bdtui", "journal.sqlite"
"""Where a run's journal lies in its folder."""

RUNS = "bdtui-runs"
"""Where runs go whose folder nobody named."""

_FIXED_NAMES = (f"{JOURNAL_FOLDER}/{JOURNAL}", *RUN_FILES)
_PARTIAL = re.compile(
    r"\.bdtui(-journal)?-\d+\.partial"
    r"|\.(results|screened|pool|curve|comparison|report|recipe|manifest|model_X=[\d.e+-]+|goodnet_X=[\d.e+-]+|(repaired|goodnet)_[\w-]+|recommended|trigger_\d+|mask_\d+|model_card|findings|examples_[a-z_]+)\.\d+\.partial(\.\w+)?"
)
_PATTERNS = (
    *(f"{name}.{format}" for name in ("model_X=*", "goodnet_*", "repaired_*") for format in FORMATS),
    "recommended.*",
    *("trigger_[0-9]*.png", "mask_[0-9]*.png", "examples_*.png", "pool.csv"),
    *(MODEL_CARD, SARIF),
)
"""Files that a run may or may not have."""


def holds_run(folder: Path) -> bool:
    """Whether a folder holds files of a run."""
    patterns = (*_FIXED_NAMES, *_PATTERNS)
    return any(True for pattern in patterns for _ in folder.glob(pattern))


def discard_results(folder: Path) -> None:
    """Remove what marks a run as complete, and what a killed process left half-written, before it goes on.

    Raises:
        OutputError: it cannot be removed.
    """
    discard_partials(folder)
    for path in (folder / RESULTS, folder / MANIFEST):
        _unlink(path)


def discard_partials(folder: Path) -> None:
    """Take away what a killed process left half-written in a folder that is held.

    Raises:
        OutputError: it cannot be removed.
    """
    for path in folder.glob(".*.partial*"):
        if _PARTIAL.fullmatch(path.name):
            _unlink(path)


def discard_leftovers(folder: Path, kept: Collection[str]) -> None:
    """Take away the networks and pictures of an earlier start of a run that the finished one has not, such as for another order.

    Raises:
        OutputError: one cannot be removed.
    """
    for pattern in _PATTERNS:
        for path in folder.glob(pattern):
            if path.name not in kept:
                _unlink(path)


def _unlink(path: Path) -> None:
    try:
        remove(path)
    except OSError as problem:
        raise OutputError(f"{path}: cannot be removed ({problem.strerror}); expected a writable folder") from problem


def planned_folder(settings: RunSettings) -> Path:
    """The folder under ``bdtui-runs/`` that a run begun now would write to."""
    model = Path(SAMPLE_MODEL) if settings.sample else settings.model or settings.weights
    return default_folder(model, time.localtime())


def default_folder(model: Path | None, now: time.struct_time) -> Path:
    """A folder under ``bdtui-runs/`` named after the model and the time, not there yet."""
    stem = "".join(c if c.isalnum() or c in "-_." else "_" for c in model.stem) if model else "run"
    wanted = Path(RUNS) / f"{stem or 'run'}-{time.strftime('%Y%m%d-%H%M%S', now)}"
    return _numbered(wanted, Path.exists)


def unused_folder(wanted: Path) -> Path:
    """The wanted folder, or where it holds a run, the first of ``wanted-2``, ``wanted-3`` … that holds none."""
    return _numbered(wanted, holds_run)


def _numbered(wanted: Path, taken: Callable[[Path], bool]) -> Path:
    folder, number = wanted, 1
    while taken(folder):
        number += 1
        folder = wanted.with_name(f"{wanted.name}-{number}")
    return folder


@contextmanager
def output_folder(folder: Path, *, may_hold_run: bool = False) -> Iterator[Path]:
    """Make sure that results can be written to a folder, before anything is computed.

    If the work ends in an error before the first file is written, a folder that was made here goes again.

    Raises:
        OutputError: the folder holds another run, another bdtui is writing to it, or it cannot be made or written to.
    """
    try:
        if folder.exists() and not folder.is_dir():
            raise OutputError(f"{folder}: is a file; expected a folder for the results")
        if folder.exists() and not may_hold_run and holds_run(folder):
            # That another bdtui writes there comes first.
            with hold_folder(folder):
                raise holds_another_run(folder)
        # Without `..`, so that no folder is made on the way to another.
        whole = Path(os.path.abspath(folder))  # noqa: PTH100 (resolve() would follow links)
        made = [path for path in (whole, *whole.parents) if not os.path.lexists(path)]
        try:
            whole.mkdir(parents=True, exist_ok=True)
            probe = whole / f".bdtui-{os.getpid()}.partial"
            probe.touch()
            probe.unlink()
        except OSError:
            _remove_empty(made)
            raise
    except (OSError, ValueError) as problem:
        reason = getattr(problem, "strerror", None) or str(problem)
        raise OutputError(f"{folder}: cannot be written to ({reason}); expected a writable folder") from problem
    try:
        with hold_folder(folder):
            # Looked at again, now that nobody else can begin a run here.
            if not may_hold_run and holds_run(folder):
                raise holds_another_run(folder)
            yield folder
    finally:
        _remove_empty(made)


@contextmanager
def hold_folder(folder: Path) -> Iterator[None]:
    """Hold a folder that is there for oneself; where its file system knows no locks, go on without.

    Raises:
        OutputError: another bdtui is writing to it.
    """
    with ExitStack() as stack:
        with suppress(OSError):
            stack.enter_context(lock_folder(folder))
        yield


def holds_another_run(folder: Path) -> OutputError:
    """The error of a folder that holds a run, where a new one was to begin."""
    return OutputError(f"{folder}: already contains a run; choose another folder or add --resume")


def _remove_empty(folders: Sequence[Path]) -> None:
    """Remove those of the folders, innermost first, that are there and empty."""
    for folder in folders:
        with suppress(OSError):
            folder.rmdir()
