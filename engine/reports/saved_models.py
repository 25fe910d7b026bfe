"""The files of a run, each written so that nobody reads half of one."""

from __future__ import annotations

import copy
import csv
import io
import json
import os
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import keras

from bdtui.engine.errors import OutputError
from bdtui.engine.inputs.model import OpenedModel
from bdtui.engine.machine.files import errno_of, passing_files
from bdtui.engine.pruning.curve import Step
from bdtui.engine.runs.folder import drop_text


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


@contextmanager
def atomic_file(path: Path) -> Iterator[Path]:
    """Give a temporary path beside ``path``; what was written there takes the final name when all went well.

    Raises:
        OutputError: the file cannot be written, for example because the disk is full.
    """
    partial = path.with_name(f".{path.stem}.{os.getpid()}.partial{path.suffix}")
    passing_files.add(partial)
    try:
        yield partial
        with partial.open("rb+") as written:
            os.fsync(written.fileno())
        partial.replace(path)
    except OSError as problem:
        number = errno_of(problem)
        reason = os.strerror(number) if number else " ".join(str(problem).split())[:200]
        raise OutputError(f"{path}: cannot be written ({reason})") from problem
    finally:
        partial.unlink(missing_ok=True)
        passing_files.discard(partial)


def write_text(path: Path, text: str) -> None:
    """Write a text file atomically, UTF-8."""
    with atomic_file(path) as partial:
        partial.write_text(text, encoding="utf-8", errors="backslashreplace")


def write_json(path: Path, content: Any) -> None:
    """Write a JSON file atomically."""
    write_text(path, json_text(content))


def json_text(content: Any) -> str:
    """What `write_json` writes."""
    return json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


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
