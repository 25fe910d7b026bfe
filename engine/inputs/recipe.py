"""A run as a TOML file: every run writes one, and ``--recipe`` replays it.

The keys are the long options without their dashes in front. Paths in it are relative to the recipe's own folder.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bdtui.engine.errors import OptionError
from bdtui.engine.machine.files import require_file
from bdtui.engine.option import TEXT, OptionKind, options_of
from bdtui.engine.settings import RunSettings

_LARGEST = 2**20
"""Bytes of a recipe that are read; an order of 10,000 channels has 70,000."""
_MOST_DOTS = 1000
"""In a line; keys in keys in keys take the square of their number to read."""


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


def read_recipe(path: Path, declared: type[RunSettings] = RunSettings) -> Recipe:
    """Read a recipe of the options that are declared.

    Raises:
        OptionError: the file cannot be read, is no TOML, or says something that is not an option of a run.
    """
    return parse_recipe(read_text(path, "a recipe"), path, declared)


def read_text(path: Path, expected: str) -> str:
    """Read the text of a TOML file.

    Args:
        path: of the file.
        expected: what it should be, e.g. ``a recipe``.

    Raises:
        OptionError: the file cannot be read, or is too long.
    """
    require_file(path, OptionError, f"{expected} in TOML")
    try:
        if path.stat().st_size > _LARGEST:
            raise OptionError(
                f"{path}: is {path.stat().st_size:,} bytes long; expected {expected} of at most {_LARGEST:,}"
            )
        return path.read_text("utf-8")
    except OSError as problem:
        raise OptionError(f"{path}: cannot be read ({problem.strerror}); expected {expected} in TOML") from problem
    except ValueError as problem:
        raise OptionError(f"{path}: is not valid TOML ({str(problem)[:200]}); expected {expected}") from problem


def parse_recipe(text: str, path: Path, declared: type[RunSettings] = RunSettings) -> Recipe:
    """Understand the text of a recipe.

    Args:
        text: in TOML.
        path: where it stands; what it names is relative to that file's folder.
        declared: its fields are the options.

    Raises:
        OptionError: the text is no TOML, or says something that is not an option of a run.
    """
    content = parse_toml(text, path, "a recipe")
    hashes = content.pop("sha256", {})
    if not isinstance(hashes, dict) or not all(isinstance(value, str) for value in hashes.values()):
        raise OptionError(f"{path}: 'sha256' is not a table of texts; expected hashes by input")
    hashes = {key.replace("-", "_"): value for key, value in hashes.items()}
    options = options_of(declared)
    hashed = [name for name, option in options.items() if option.names_file]
    unknown = [key for key in hashes if key not in hashed]
    if unknown:
        raise OptionError(f"{path}: 'sha256' names {unknown[0]!r}; expected some of {', '.join(hashed)}")
    given = named_by_fields(content, path)
    out = given.pop("out", None)
    if isinstance(out, str) and not out.isprintable():
        raise OptionError(f"{path}: 'out' holds characters that cannot be shown; expected the name of a folder")
    settings = load_options(given, path, declared)
    return Recipe(settings, None if out is None else path.parent / _load(TEXT, path, "out", out), hashes)


def parse_toml(text: str, path: Path, expected: str) -> dict[str, Any]:
    """Understand TOML from anywhere; ``expected`` says in errors what it should be.

    Raises:
        OptionError: it is none, or nests too deep.
    """
    # Imported here: without a recipe, the first paint would wait for it.
    import tomllib

    if max(line.count(".") for line in text.split("\n")) > _MOST_DOTS:
        raise OptionError(f"{path}: nests keys more than {_MOST_DOTS:,} deep; expected {expected} as bdtui writes it")
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as problem:
        raise OptionError(f"{path}: is not valid TOML ({str(problem)[:200]}); expected {expected}") from problem


def named_by_fields(content: Mapping[str, Any], path: Path) -> dict[str, Any]:
    """The same table with the field names of `RunSettings` for keys.

    Raises:
        OptionError: a key stands there twice, with hyphens and with underscores.
    """
    given = {key.replace("-", "_"): value for key, value in content.items()}
    if len(given) < len(content):
        raise OptionError(f"{path}: an option is given twice, with - and with _; expected it once")
    return given


def load_options(given: Mapping[str, Any], path: Path, declared: type[RunSettings] = RunSettings) -> dict[str, Any]:
    """The values of options as TOML has them, files relative to the folder of the file that names them.

    Args:
        given: by field name.
        path: of the file, for errors and as the place of what it names.
        declared: its fields are the options.

    Raises:
        OptionError: one is no option of a run, or has another kind of value.
    """
    options = options_of(declared)
    settings = {}
    for name, value in given.items():
        if name not in options:
            known = ", ".join(_key(name) for name in options)
            raise OptionError(f"{path}: {_key(name)!r} is not an option of a run; expected one of {known}")
        loaded = _load(options[name].kind, path, name, value)
        choices = options[name].choices
        if choices and loaded not in choices:
            raise OptionError(f"{path}: {_key(name)!r} is {loaded!r}; expected one of {', '.join(choices)}")
        settings[name] = options[name].relocate(loaded, lambda file: path.parent / file)
    return settings


def _load(kind: OptionKind, path: Path, name: str, value: Any) -> Any:
    try:
        return kind.load(value)
    except OptionError as problem:
        raise OptionError(f"{path}: {_key(name)!r} {problem}") from problem


def _key(name: str) -> str:
    return name.replace("_", "-")


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
    for name, option in options_of(settings).items():
        value = option.relocate(getattr(settings, name), Path.resolve)
        if value is not None and value is not False:
            document.add(_key(name), option.kind.dump(value))
    table = tomlkit.table()
    table.comment("the inputs this run was made of; a replay refuses others (delete a line to allow it)")
    for name, value in sha256.items():
        table.add(_key(name), value)
    document.add("sha256", table)
    return tomlkit.dumps(document)
