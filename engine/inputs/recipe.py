"""A run as a TOML file: every run writes one, and ``--recipe`` replays it.

The keys are the long options without their dashes in front. Paths in it are relative to the recipe's own folder.
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from bdtui.engine.errors import OptionError
from bdtui.engine.machine.files import require_file
from bdtui.engine.settings import ROLES, RunSettings

_PATHS = ("model", "weights", *ROLES)
_HASHED = ("model", "weights", "architecture", *ROLES)
_LARGEST = 2**20
"""Bytes of a recipe that are read; an order of 10,000 channels has 70,000."""
_MOST_DOTS = 1000
"""In a line; keys in keys in keys take the square of their number to read."""
_FIELDS = {entry.name: entry for entry in fields(RunSettings)}


@dataclass(frozen=True)
class Recipe:
    """What a recipe file says.

    Attributes:
        settings: values by the field names of `RunSettings`, only those that the file gives.
        out: output folder, if the file gives one.
        sha256: expected hash of an input file by field name (``model``, ``weights``, ``clean_valid`` …).
    """

    settings: dict[str, Any]
    out: Path | None = None
    sha256: dict[str, str] = field(default_factory=dict)


def read_recipe(path: Path) -> Recipe:
    """Read a recipe.

    Raises:
        OptionError: the file cannot be read, is no TOML, or says something that is not an option of a run.
    """
    require_file(path, OptionError, "a recipe in TOML")
    try:
        if path.stat().st_size > _LARGEST:
            raise OptionError(
                f"{path}: is {path.stat().st_size:,} bytes long; expected a recipe of at most {_LARGEST:,}"
            )
        text = path.read_text("utf-8")
    except OSError as problem:
        raise OptionError(f"{path}: cannot be read ({problem.strerror}); expected a recipe in TOML") from problem
    except ValueError as problem:
        raise OptionError(f"{path}: is not valid TOML ({str(problem)[:200]}); expected a recipe") from problem
    return parse_recipe(text, path)


def parse_recipe(text: str, path: Path) -> Recipe:
    """Understand the text of a recipe.

    Args:
        text: in TOML.
        path: where it stands; what it names is relative to that file's folder.

    Raises:
        OptionError: the text is no TOML, or says something that is not an option of a run.
    """
    if max(line.count(".") for line in text.split("\n")) > _MOST_DOTS:
        raise OptionError(f"{path}: nests keys more than {_MOST_DOTS:,} deep; expected a recipe as bdtui writes it")
    try:
        content = tomllib.loads(text)
    except (ValueError, RecursionError) as problem:
        raise OptionError(f"{path}: is not valid TOML ({str(problem)[:200]}); expected a recipe") from problem
    hashes = content.pop("sha256", {})
    if not isinstance(hashes, dict) or not all(isinstance(value, str) for value in hashes.values()):
        raise OptionError(f"{path}: 'sha256' is not a table of texts; expected hashes by input")
    hashes = {key.replace("-", "_"): value for key, value in hashes.items()}
    unknown = [key for key in hashes if key not in _HASHED]
    if unknown:
        raise OptionError(f"{path}: 'sha256' names {unknown[0]!r}; expected some of {', '.join(_HASHED)}")
    given = {key.replace("-", "_"): value for key, value in content.items()}
    if len(given) < len(content):
        raise OptionError(f"{path}: an option is given twice, with - and with _; expected it once")
    out = given.pop("out", None)
    if isinstance(out, str) and not out.isprintable():
        raise OptionError(f"{path}: 'out' holds characters that cannot be shown; expected the name of a folder")
    settings = {key: _value(path, key, value) for key, value in given.items()}
    return Recipe(
        settings,
        None if out is None else path.parent / str(_typed(path, "out", out, str, "a text")),
        hashes,
    )


def _value(path: Path, key: str, value: Any) -> Any:
    """A value of the file as `RunSettings` wants it."""
    option = key.replace("_", "-")
    if key not in _FIELDS:
        known = ", ".join(name.replace("_", "-") for name in _FIELDS)
        raise OptionError(f"{path}: {option!r} is not an option of a run; expected one of {known}")
    if key == "thresholds":
        numbers = isinstance(value, list) and all(
            isinstance(item, int | float) and not isinstance(item, bool) for item in value
        )
        if not numbers or not value:
            raise OptionError(f"{path}: 'thresholds' is {str(value)[:80]}; expected a list of numbers")
        if any(math.isnan(item) for item in value if isinstance(item, float)):
            raise OptionError(f"{path}: 'thresholds' holds NaN; expected numbers above 0, up to 100")
        return tuple(float(min(item, 1e9)) for item in value)
    if key == "order":
        whole = isinstance(value, list) and all(isinstance(item, int) and not isinstance(item, bool) for item in value)
        if not whole:
            raise OptionError(f"{path}: 'order' is {str(value)[:80]}; expected a list of channel numbers")
        return tuple(value)
    if key in ("until_last_threshold", "sample"):
        return _typed(path, option, value, bool, "true or false")
    if key in ("seed", "activation_memory"):
        return _typed(path, option, value, int, "a whole number")
    text: str = _typed(path, option, str(value) if key == "scale" else value, str, "a text")
    if "\0" in text:
        raise OptionError(f"{path}: {option!r} holds a zero byte; expected a text without")
    if key in _PATHS:
        return path.parent / text
    if key == "architecture" and text.endswith(".json"):
        return str(path.parent / text)
    return text


def _typed(path: Path, option: str, value: Any, kind: type, expected: str) -> Any:
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise OptionError(f"{path}: {option!r} is {value!r}; expected {expected}")
    return value


def write_recipe_text(settings: RunSettings, sha256: Mapping[str, str]) -> str:
    """The text of a recipe that replays a run.

    Args:
        settings: of the run, with everything that was found automatically filled in.
        sha256: hash of every input file, by field name.
    """
    # Not above: who only reads a recipe, or an option, does not wait for it.
    import tomlkit

    document = tomlkit.document()
    document.add(tomlkit.comment("Replay with: bdtui --batch --recipe recipe.toml --out NEW_FOLDER"))
    for name, entry in _FIELDS.items():
        value = getattr(settings, name)
        if value is None or (value == entry.default and name in ("sample", "until_last_threshold")):
            continue
        if name in _PATHS or (name == "architecture" and value.endswith(".json")):
            value = str(Path(value).resolve())
        elif name == "thresholds":
            value = [int(drop) if drop == int(drop) else drop for drop in value]
        elif name == "order":
            value = list(value)
        document.add(name.replace("_", "-"), value)
    table = tomlkit.table()
    table.comment("the inputs this run was made of; a replay refuses others (delete a line to allow it)")
    for name, value in sha256.items():
        table.add(name.replace("_", "-"), value)
    document.add("sha256", table)
    return tomlkit.dumps(document)
