"""What the classes of a network are called: a text file with one class a line, in the order of the network's outputs."""

from __future__ import annotations

import re
from pathlib import Path

from bdtui.engine.errors import DataError
from bdtui.engine.machine.files import require_file

_EXPECTED = "expected a text file with one class a line"
_LARGEST = 2**22
"""Bytes of a file of class names that are read; those of ImageNet's 21,843 classes are a quarter of it."""
_LONGEST = 200
"""Characters of a class name."""
_NUMBERED = re.compile(r"(\d+)[\s:,]+(.+)")


def read_class_names(path: Path, classes: int) -> tuple[str, ...]:
    """The names of a network's classes, by class number.

    Empty lines at the end mean nothing. Where each line begins with its own class number (``0 cat``, as Teachable
    Machine writes them), the numbers are left out.

    Args:
        path: a text file in UTF-8 with one class a line.
        classes: how many classes the network has.

    Raises:
        DataError: the file cannot be read, or does not name each class once.
    """
    lines = listed_names(path)
    if len(lines) != classes:
        raise DataError(
            f"{path}: names {len(lines):,} classes; expected one line for each of the network's {classes:,}"
        )
    return lines


def listed_names(path: Path) -> tuple[str, ...]:
    """The names in a file, as `read_class_names` reads them, however many there are.

    Raises:
        DataError: the file cannot be read, or a line is no name or stands there twice.
    """
    require_file(path, DataError, _EXPECTED.removeprefix("expected "))
    lines = [line.strip() for line in _read(path).rstrip().splitlines()]
    numbered = [_NUMBERED.fullmatch(line) for line in lines]
    # int() takes as many digits as it is given; no class has more than nine.
    if lines and all(found and len(found[1]) < 10 and int(found[1]) == row for row, found in enumerate(numbered)):
        lines = [found[2] for found in numbered if found]
    first: dict[str, int] = {}
    for row, name in enumerate(lines, start=1):
        if not name:
            raise DataError(f"{path}: line {row} is empty; expected a class name in each")
        if len(name) > _LONGEST or not name.isprintable():
            raise DataError(f"{path}: line {row} is no class name; expected up to {_LONGEST} printable characters")
        if name in first:
            raise DataError(f"{path}: lines {first[name]} and {row} are the same; expected each class once")
        first[name] = row
    return tuple(lines)


def shown_class(number: int, names: tuple[str, ...] = ()) -> str:
    """A class as a person reads it: ``3 (cat)``, or ``3`` where it has no name."""
    return f"{number} ({names[number]})" if 0 <= number < len(names) else str(number)


def _read(path: Path) -> str:
    try:
        if path.stat().st_size > _LARGEST:
            raise DataError(f"{path}: is {path.stat().st_size:,} bytes long; {_EXPECTED}")
        # With the mark that Windows' editors put in front, or without it.
        return path.read_text("utf-8-sig")
    except OSError as problem:
        raise DataError(f"{path}: cannot be read ({problem.strerror}); {_EXPECTED}") from problem
    except ValueError as problem:
        raise DataError(f"{path}: is not UTF-8 text; {_EXPECTED}") from problem
