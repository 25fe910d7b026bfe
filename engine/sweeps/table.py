"""sweep.csv and sweep.parquet: one row a cell, in the order of the plan."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bdtui.engine.event_values import CellRow
from bdtui.engine.machine.atomic_files import atomic_file, write_text

SWEEP_CSV, SWEEP_PARQUET, SWEEP_HTML = "sweep.csv", "sweep.parquet", "sweep.html"
_BEFORE = ("cell", "model")
_NUMBERS = ("clean_accuracy", "attack_success_rate", "seconds")
_BEHIND = ("state", "error", "backdoor", "target", "clean_accuracy", "attack_success_rate", "recommended", "seconds")


def write_csv(path: Path, rows: Sequence[CellRow], varied: Sequence[str]) -> None:
    """Write sweep.csv; empty where there is no value, numbers in full.

    Args:
        path: of the file.
        rows: of the cells.
        varied: the options that the plan varies, each a column.

    Raises:
        OutputError: it cannot be written.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_names(varied))
    for row in rows:
        writer.writerow("" if value is None else value for value in _values(row, varied))
    write_text(path, text.getvalue())


def write_parquet(path: Path, rows: Sequence[CellRow], varied: Sequence[str]) -> None:
    """Write sweep.parquet: the columns of sweep.csv, rates and seconds as numbers, all others as text.

    Raises:
        OutputError: it cannot be written.
    """
    import pyarrow
    from pyarrow import parquet

    columns = list(zip(*(_values(row, varied) for row in rows), strict=True))
    names = _names(varied)
    kinds = [pyarrow.float64() if name in _NUMBERS else pyarrow.string() for name in names]
    arrays = [pyarrow.array(_storable(column), kind) for column, kind in zip(columns, kinds, strict=True)]
    table = pyarrow.Table.from_arrays(arrays, names=names)
    with atomic_file(path) as partial:
        parquet.write_table(table, partial)


def _names(varied: Sequence[str]) -> list[str]:
    """The columns; a varied option that is called like one of the others says that it is varied."""
    return [*_BEFORE, *(f"varied_{name}" if name in _BEHIND else name for name in varied), *_BEHIND]


def _values(row: CellRow, varied: Sequence[str]) -> list[Any]:
    settings = dict(row.varied)
    before, behind = ([getattr(row, name) for name in names] for names in (_BEFORE, _BEHIND))
    return [*before, *(settings.get(name, "") for name in varied), *behind]


def _storable(column: Sequence[Any]) -> list[Any]:
    """Texts that UTF-8 can hold: names of files may be any bytes."""
    return [value.encode("utf-8", "backslashreplace").decode() if isinstance(value, str) else value for value in column]
