"""The names of a model's classes, as a file gives them: one a line, in the order of the model's outputs."""

from __future__ import annotations

from pathlib import Path

from bdtui.engine.errors import DataError
from bdtui.engine.machine.files import require_file

_LARGEST = 16 * 1024**2


def read_class_names(path: Path, classes: int) -> tuple[str, ...]:
    """Read a text file with one class a line; lines that are empty at the end do not count.

    Args:
        path: in UTF-8.
        classes: how many the model has.

    Raises:
        DataError: the file cannot be read, or does not hold one name for each class.
    """
    expected = f"expected {classes} lines, one class in each, in the order of the model's outputs"
    require_file(path, DataError, "a text file with one class a line")
    try:
        if path.stat().st_size > _LARGEST:
            raise DataError(f"{path}: is {path.stat().st_size:,} bytes long; {expected}")
        text = path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as problem:
        raise DataError(f"{path}: cannot be read as UTF-8 text; {expected}") from problem
    names = tuple(line.strip() for line in text.rstrip().splitlines())
    if len(names) != classes:
        raise DataError(f"{path}: has {len(names)} line{'' if len(names) == 1 else 's'}; {expected}")
    if not all(names):
        raise DataError(f"{path}: line {names.index('') + 1} is empty; {expected}")
    if len(set(names)) < len(names):
        twice = next(name for number, name in enumerate(names) if name in names[:number])
        raise DataError(f"{path}: names {twice!r} twice; {expected}")
    return names
