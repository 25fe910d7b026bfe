"""How an option is declared: once, beside its field, for the command line, recipes, recent files and the load form."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, ParamSpec

from bdtui.engine.errors import DataError, InputError, OptionError
from bdtui.engine.machine.files import require_file
from bdtui.engine.machine.path_text import path_from_text, path_text

P = ParamSpec("P")
_NOTHING = "none"


@dataclass(frozen=True)
class OptionKind:
    """What the values of an option are.

    Attributes:
        load: makes a value of what TOML or JSON hold. Its `OptionError` is the half of a sentence after the name.
        parse: makes a value of typed text; raises `OptionError` with a whole sentence, or ValueError.
        dump: makes of a value what TOML and JSON hold.
        file: the file that a value names, if it names one; None where no value does.
        expected: what that file should be.
        contents: the same, in the words of `bdtui.engine.inputs.file_preview.Kind`.
        error: class of the error where the file is something else.
        show: makes of a value the text that one types.
        folders: whether any folder will do as well.
        folder_marks: files of which a folder holds one that will do in place of the file.
    """

    load: Callable[[Any], Any]
    parse: Callable[[str], Any] = str
    dump: Callable[[Any], Any] = lambda value: value
    file: Callable[[Any], Path | None] | None = None
    expected: str = ""
    contents: tuple[str, ...] = ()
    error: type[InputError] = DataError
    show: Callable[[Any], str] = str
    folders: bool = False
    folder_marks: tuple[str, ...] = ()

    def require(self, path: Path) -> None:
        """Raise `error` where a path names nothing that could be such a file, or such a folder."""
        # os.path answers where Path raises: names that are too long, folders that may not be entered.
        is_folder = self.folders and os.path.isdir(path)  # noqa: PTH112
        if not is_folder and not any(os.path.isfile(path / mark) for mark in self.folder_marks):  # noqa: PTH113
            require_file(path, self.error, self.expected)


@dataclass(frozen=True)
class Option:
    """The declaration of an option.

    Attributes:
        kind: of its values.
        help: a line for ``--help``; ``{default}`` stands for the default.
        group: of ``--help``; empty for what only a recipe can say.
        metavar: stands for the value in ``--help``.
        default: of its field.
        choices: the words to choose from; empty where there are others.
        opens: whether it says what is opened, or how: the load form asks for it, and recent files keep it. It is a
            file, a text, a flag or one of its choices.
        hint: what the form shows while nothing is given.
        displaced_by: options that cannot stand beside it; where one is given, what a recipe says here is left out.
        may_change: whether a run can be resumed with another value.
        reads_pixels: whether it says how pixels are read, so that rates measured with another value do not hold.
        bare: the value of the option when it is given without one; None where it must have one.
    """

    kind: OptionKind
    help: str
    group: str = ""
    metavar: str | None = None
    default: Any = None
    choices: tuple[str, ...] = ()
    opens: bool = False
    hint: str = ""
    displaced_by: tuple[str, ...] = ()
    may_change: bool = False
    reads_pixels: bool = False
    bare: Any = None

    @property
    def names_file(self) -> bool:
        """Whether its values can name a file, which is an input of the run."""
        return self.kind.file is not None

    def file(self, value: Any) -> Path | None:
        """The file that a value names, if it does."""
        return self.kind.file(value) if self.kind.file and value is not None else None

    def relocate(self, value: Any, place: Callable[[Path], Path | str]) -> Any:
        """A value with its file as ``place`` names it; a value without a file as it is."""
        path = self.file(value)
        return value if path is None else self.kind.parse(str(place(path)))


def _field_of(make: Callable[P, Option]) -> Callable[P, Any]:
    def declare(*args: P.args, **named: P.kwargs) -> Any:
        declared = make(*args, **named)
        return field(default=declared.default, metadata={"option": declared})

    return declare


option = _field_of(Option)
"""The field of a dataclass that holds an option; takes what `Option` takes."""


def options_of(declared: Any) -> dict[str, Option]:
    """The options that a dataclass (or one of its values) declares, by the names of their fields."""
    return {entry.name: entry.metadata["option"] for entry in fields(declared)}


def flag_of(name: str) -> str:
    """What one types on the command line; the model is given without a flag."""
    return name if name == "model" else f"--{name.replace('_', '-')}"


def _load_plain(kind: type, expected: str) -> Callable[[Any], Any]:
    def load(value: Any) -> Any:
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise OptionError(f"is {value!r}; expected {expected}")
        if isinstance(value, str) and "\0" in value:
            raise OptionError("holds a zero byte; expected a text without")
        return value

    return load


_load_text = _load_plain(str, "a text")
_load_whole_number = _load_plain(int, "a whole number")


def _load_list(kind: Any, value: Any, expected: str) -> tuple[Any, ...]:
    if not isinstance(value, list) or not all(isinstance(item, kind) and not isinstance(item, bool) for item in value):
        raise OptionError(f"is {str(value)[:80]}; expected {expected}")
    return tuple(value)


def _load_drops(value: Any) -> tuple[float, ...]:
    numbers = _load_list(int | float, value, "a list of numbers")
    if not numbers:
        raise OptionError("is []; expected a list of numbers")
    if any(math.isnan(item) for item in numbers if isinstance(item, float)):
        raise OptionError("holds NaN; expected numbers above 0, up to 100")
    return tuple(float(min(item, 1e9)) for item in numbers)


def _parse_drops(text: str) -> tuple[float, ...]:
    try:
        drops = tuple(float(part) for part in text.split(","))
    except ValueError:
        drops = ()
    if not drops or not all(0 < drop <= 100 for drop in drops):
        raise OptionError(f"{text!r} is no list of numbers above 0, up to 100, such as 2,4,10")
    return drops


def _numbers_kind(expected: str, fits: Callable[[float], bool]) -> OptionKind:
    def load(value: Any) -> tuple[float, ...]:
        # A whole number of TOML may be larger than any that float() takes.
        found = _load_list(int | float, value, f"a list of {expected}")
        numbers = tuple(float(min(max(number, -1e9), 1e9)) for number in found)
        if not numbers or any(map(math.isnan, numbers)) or not all(map(fits, numbers)):
            raise OptionError(f"is {str(value)[:80]}; expected a list of {expected}")
        return numbers

    def parse(text: str) -> tuple[float, ...]:
        try:
            return load([float(part) for part in text.split(",")])
        except (ValueError, OptionError):
            raise OptionError(
                f"{text!r} is no list of {expected}, one for each channel or one for all, such as 0.5,0.5,0.5"
            ) from None

    return OptionKind(load, parse, list, show=lambda numbers: ",".join(f"{number:g}" for number in numbers))


def _load_names(value: Any) -> tuple[str, ...]:
    names = tuple(map(_load_text, _load_list(str, [value] if isinstance(value, str) else value, "a list of names")))
    if not names or not all(names):
        raise OptionError(f"is {str(value)[:80]}; expected at least one name")
    return names


def _parse_names(text: str) -> tuple[str, ...]:
    names = tuple(part.strip() for part in text.split(","))
    if not all(names):
        raise OptionError(f"{text!r} is no list of names with commas between them")
    return names


def _load_methods(value: Any) -> tuple[str, ...]:
    names = _load_names(value)
    if _contradict(names):
        raise OptionError(f"is {str(value)[:80]}; expected {_NOTHING} alone, or names without it")
    return names


def _parse_methods(text: str) -> tuple[str, ...]:
    names = _parse_names(text)
    if _contradict(names):
        raise OptionError(f"{text!r} names methods and {_NOTHING}; expected {_NOTHING} alone, or names without it")
    return names


def _contradict(names: tuple[str, ...]) -> bool:
    return _NOTHING in names and set(names) != {_NOTHING}


def _load_place(value: Any) -> tuple[int, int]:
    found = _load_list(int, value, "a list of a row and a column")
    if len(found) != 2 or not all(0 <= number < 10**9 for number in found):
        raise OptionError(f"is {str(value)[:80]}; expected a list of a row and a column, counted from 0")
    return found[0], found[1]


def _parse_place(text: str) -> tuple[int, int]:
    try:
        return _load_place([int(part) for part in text.split(",")])
    except (ValueError, OptionError):
        raise OptionError(f"{text!r} is no place; expected a row and a column, counted from 0, such as 20,16") from None


def _parse_mebibytes(text: str) -> int:
    if not text.isdecimal() or len(text) > 9:
        raise OptionError(f"{text!r} is no amount of memory; expected a whole number of MiB")
    return int(text)


def _load_percent(value: Any) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value <= 100:
        raise OptionError(f"is {str(value)[:80]}; expected a percentage between 0 and 100")
    return float(value)


def _parse_percent(text: str) -> float:
    try:
        return _load_percent(float(text))
    except (ValueError, OptionError):
        raise OptionError(f"{text!r} is no number between 0 and 100") from None


def words_kind(*words: str) -> OptionKind:
    """The kind of an option that takes some of a few words, with commas between them."""
    expected = f"some of {', '.join(words)}"

    def load(value: Any) -> tuple[str, ...]:
        found = _load_list(str, value, f"a list with {expected}")
        if not found or not set(found) <= set(words):
            raise OptionError(f"is {str(value)[:80]}; expected {expected}")
        return found

    def parse(text: str) -> tuple[str, ...]:
        try:
            return load(text.split(","))
        except OptionError:
            raise OptionError(f"{text!r} is not valid; expected {expected}, with commas between") from None

    return OptionKind(load, parse, list, show=",".join)


def _load_path(value: Any) -> str:
    try:
        return path_from_text(_load_text(value))
    except ValueError as problem:
        raise OptionError(f"{problem}; expected a path, or a URI file:///… of one") from problem


def file_kind(
    expected: str,
    *contents: str,
    error: type[InputError] = DataError,
    folders: bool = False,
    folder_marks: tuple[str, ...] = (),
) -> OptionKind:
    """The kind of an option that names a file, or a folder where one will do, to be read as what is expected."""
    return OptionKind(
        lambda value: Path(_load_path(value)),
        Path,
        path_text,
        Path,
        expected,
        contents,
        error,
        folders=folders,
        folder_marks=folder_marks,
    )


def name_or_file_kind(
    names: tuple[str, ...], expected: str, *contents: str, error: type[InputError] = DataError
) -> OptionKind:
    """The kind of an option that takes one of a few names, and anything else as a file's."""
    return OptionKind(
        _load_path,
        dump=path_text,
        file=lambda value: None if value in names else Path(value),
        expected=f"{', '.join(names)} or {expected}",
        contents=contents,
        error=error,
    )


TEXT = OptionKind(_load_text)
CHOICE = OptionKind(lambda value: _load_text(str(value) if type(value) is int else value))
FLAG = OptionKind(_load_plain(bool, "true or false"))
WHOLE_NUMBER = OptionKind(_load_whole_number, int)
MEBIBYTES = OptionKind(_load_whole_number, _parse_mebibytes)
PERCENT = OptionKind(_load_percent, _parse_percent, show=lambda percent: f"{percent:g}")
DROPS = OptionKind(
    _load_drops, _parse_drops, lambda drops: [int(drop) if drop == int(drop) else drop for drop in drops]
)
MEAN = _numbers_kind("numbers", lambda number: True)
DEVIATION = _numbers_kind("numbers above 0", lambda number: number > 0)
PLACE = OptionKind(_load_place, _parse_place, list, show=lambda place: f"{place[0]},{place[1]}")
CHANNELS = OptionKind(lambda value: _load_list(int, value, "a list of channel numbers"), dump=list)
NAMES = OptionKind(_load_names, _parse_names, list, show=",".join)
METHODS = OptionKind(_load_methods, _parse_methods, list, show=",".join)
