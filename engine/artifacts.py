"""What a run leaves behind: the names of its files, and how each is written so that nobody reads half of one."""

from __future__ import annotations

import copy
import csv
import io
import json
import os
import time
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import keras

from bdtui.engine.errors import OutputError
from bdtui.engine.models import OpenedModel
from bdtui.engine.pruning import Step
from bdtui.engine.settings import CURVE, FIGURE, RECIPE, REPORT, RESULTS

_FIXED_NAMES = (RESULTS, CURVE, FIGURE, REPORT, RECIPE)
_MODEL_PATTERNS = ("model_X=*.h5", "model_X=*.keras", "goodnet_X=*.keras")


def drop_text(drop: float) -> str:
    """A threshold as file names have it: ``2``, ``2.5``."""
    return repr(int(drop)) if drop == int(drop) else repr(drop)


def model_name(drop: float, badnet: OpenedModel) -> str:
    """File name of the pruned model B′ of a threshold.

    It ends in ``.h5``, but for networks that Keras cannot write to HDF5 and read back: those are saved as ``.keras``.
    """
    return f"model_X={drop_text(drop)}.{'h5' if _fits_hdf5(badnet) else 'keras'}"


def _fits_hdf5(badnet: OpenedModel) -> bool:
    if any(not isinstance(call.layer, keras.layers.Layer) for call in badnet.network.calls):
        # Bare operations (`x + y` in place of an Add layer) are written, but come back as layers and fail.
        return False
    try:
        copy.deepcopy(badnet.keras_model.get_config())
    except TypeError:
        # Writing HDF5 copies the configuration; some augmentation layers, once loaded, hold what cannot be copied.
        return False
    return True


def goodnet_name(drop: float) -> str:
    """File name of the GoodNet of a threshold."""
    return f"goodnet_X={drop_text(drop)}.keras"


def holds_run(folder: Path) -> bool:
    """Whether a folder holds files of a run."""
    patterns = (*_FIXED_NAMES, *_MODEL_PATTERNS)
    return any(True for pattern in patterns for _ in folder.glob(pattern))


def discard_results(folder: Path) -> None:
    """Take away what says that a run is whole, and what a killed process left half-written, before it goes on."""
    for path in (folder / RESULTS, *folder.glob(".*.partial*")):
        path.unlink(missing_ok=True)


def default_folder(model: Path | None, now: time.struct_time) -> Path:
    """A folder under ``bdtui-runs/`` named after the model and the time, not there yet."""
    stem = "".join(c if c.isalnum() or c in "-_." else "_" for c in model.stem) if model else "run"
    wanted = Path("bdtui-runs") / f"{stem or 'run'}-{time.strftime('%Y%m%d-%H%M%S', now)}"
    folder, number = wanted, 1
    while folder.exists():
        number += 1
        folder = wanted.with_name(f"{wanted.name}-{number}")
    return folder


@contextmanager
def output_folder(folder: Path, *, may_hold_run: bool = False) -> Iterator[Path]:
    """Make sure that results can be written to a folder, before anything is computed.

    If the work ends in an error before the first file is written, a folder that was made here goes again.

    Raises:
        OutputError: the folder holds another run, or cannot be made or written to.
    """
    try:
        if folder.exists() and not folder.is_dir():
            raise OutputError(f"{folder}: is a file; expected a folder for the results")
        if folder.exists() and not may_hold_run and holds_run(folder):
            raise OutputError(
                f"{folder}: already holds a run; expected a new or empty folder (or --resume to go on with that run)"
            )
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
        yield folder
    finally:
        _remove_empty(made)


def _remove_empty(folders: Sequence[Path]) -> None:
    """Remove those of the folders, innermost first, that are there and empty."""
    for folder in folders:
        with suppress(OSError):
            folder.rmdir()


@contextmanager
def atomic_file(path: Path) -> Iterator[Path]:
    """Give a temporary path beside ``path``; what was written there takes the final name when all went well.

    Raises:
        OutputError: the file cannot be written, for example because the disk is full.
    """
    partial = path.with_name(f".{path.stem}.{os.getpid()}.partial{path.suffix}")
    try:
        yield partial
        with partial.open("rb+") as written:
            os.fsync(written.fileno())
        partial.replace(path)
    except OSError as problem:
        reason = problem.strerror or " ".join(str(problem).split())[:200]
        raise OutputError(f"{path}: cannot be written ({reason}); what was finished before is kept") from problem
    finally:
        partial.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write a text file atomically, UTF-8."""
    with atomic_file(path) as partial:
        partial.write_text(text, encoding="utf-8", errors="backslashreplace")


def write_json(path: Path, content: Any) -> None:
    """Write a JSON file atomically."""
    write_text(path, json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n")


def write_curve(path: Path, curve: Sequence[Step]) -> None:
    """Write curve.csv: a row a step, the columns named as in results.json; empty where there is no value."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["step", "channel", "fraction", "clean_accuracy", "attack_success_rate"])
    for step in curve:
        rates = step.rates.as_json()
        row = [step.step, step.channel, step.fraction, rates["clean_accuracy"], rates["attack_success_rate"]]
        writer.writerow("" if value is None else value for value in row)
    write_text(path, text.getvalue())


def write_model(path: Path, model: keras.Model, check: Callable[[Path], None] = lambda path: None) -> None:
    """Write a model atomically, in the format of the suffix; the same model gives the same bytes.

    Args:
        path: the final name.
        model: what to write.
        check: is given the written file; the file takes its final name only if this raises nothing.
    """
    with atomic_file(path) as partial:
        model.save(partial)
        if path.suffix == ".keras":
            _drop_times(partial)
        check(partial)


def _drop_times(archive_path: Path) -> None:
    """Rewrite a ``.keras`` archive without the moment of its making, so that a run can be repeated bit for bit."""
    with zipfile.ZipFile(archive_path) as archive:
        content = {name: archive.read(name) for name in sorted(archive.namelist())}
    metadata = json.loads(content["metadata.json"])
    metadata.pop("date_saved", None)
    content["metadata.json"] = json.dumps(metadata).encode()
    with zipfile.ZipFile(archive_path, "w") as archive:
        for name, data in content.items():
            archive.writestr(zipfile.ZipInfo(name), data)
