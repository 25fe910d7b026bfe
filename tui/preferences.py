"""The user's settings, theme and keys, from a TOML file in the system's configuration folder."""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import platformdirs

from bdtui.engine.errors import OptionError
from bdtui.tui.actions import ACTIONS

THEME_NAMES = ("dark", "light", "high-contrast")
_KEY = re.compile(r"[A-Za-z0-9_]+")
_NAMED_KEYS = {
    *(f"f{number}" for number in range(1, 25)),
    *"space enter tab backspace delete insert home end pageup pagedown up down left right escape".split(),
}
"""Other keys go by the Unicode name of their character, e.g. ``question_mark``."""


@dataclass(frozen=True)
class Preferences:
    """Settings of the app; none affects a result.

    Attributes:
        theme: one of `THEME_NAMES`.
        keys: by `Action.id`, keys separated by commas.
    """

    theme: str = THEME_NAMES[0]
    keys: Mapping[str, str] = field(default_factory=dict)


def preferences_path() -> Path:
    """Path of the settings file, whether it exists or not: ``$XDG_CONFIG_HOME/bdtui/config.toml``."""
    return platformdirs.user_config_path("bdtui") / "config.toml"


def read_preferences(path: Path) -> Preferences:
    """Read the settings file; defaults if there is none.

    Raises:
        OptionError: the file cannot be read, or a setting is invalid.
    """
    try:
        with path.open("rb") as file:
            content = tomllib.load(file)
    except FileNotFoundError:
        return Preferences()
    except OSError as problem:
        raise OptionError(f"{path}: cannot be read ({problem.strerror}); expected settings in TOML") from problem
    except (ValueError, RecursionError) as problem:
        raise OptionError(f"{path}: is not valid TOML ({str(problem)[:200]}); expected theme and keys") from problem
    unknown = [name for name in content if name not in ("theme", "keys")]
    if unknown:
        raise OptionError(f"{path}: {unknown[0]!r} is not a setting; expected theme or keys")
    theme = content.get("theme", THEME_NAMES[0])
    if theme not in THEME_NAMES:
        raise OptionError(f"{path}: theme is {theme!r}; expected one of {', '.join(THEME_NAMES)}")
    return Preferences(theme, _read_keys(path, content.get("keys", {})))


def _read_keys(path: Path, table: Any) -> dict[str, str]:
    if not isinstance(table, dict):
        raise OptionError(f"{path}: 'keys' is {str(table)[:80]!r}; expected a table, e.g. prune = \"n\"")
    known = {action.id: action for action in ACTIONS}
    keys: dict[str, str] = {}
    for name, value in table.items():
        if name not in known:
            raise OptionError(f"{path}: {name!r} is not an action; expected one of {', '.join(known)}")
        parts = value.split(",") if isinstance(value, str) else []
        if not parts or not all(_is_key(part.strip()) for part in parts):
            raise OptionError(
                f"{path}: key of {name!r} is {str(value)[:40]!r}; expected keys such as n, ctrl+n or f8, but no digits"
            )
        keys[name] = ",".join(part.strip() for part in parts)
    _check_unambiguous(path, {**{name: action.keys for name, action in known.items()}, **keys})
    return keys


def _is_key(text: str) -> bool:
    """Whether a terminal can send this key."""
    *modifiers, key = text.split("+")
    if not set(modifiers) <= {"ctrl", "shift", "alt"} or not _KEY.fullmatch(key):
        return False
    if len(key) == 1:
        return key.isalpha() or (key.isdecimal() and bool(modifiers))
    if key in _NAMED_KEYS:
        return True
    try:
        unicodedata.lookup(key.replace("_", " "))
    except KeyError:
        return False
    return True


def _check_unambiguous(path: Path, keys: Mapping[str, str]) -> None:
    taken: dict[str, str] = {}
    for name, listed in keys.items():
        for key in listed.split(","):
            if key in taken:
                raise OptionError(
                    f"{path}: key {key!r} is assigned to both {taken[key]!r} and {name!r}; expected only one of them"
                )
            taken[key] = name
