"""The user's settings, theme and keys, from a TOML file in the system's configuration folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import platformdirs

from bdtui.engine.errors import OptionError
from bdtui.tui.actions import ACTIONS
from bdtui.tui.keymaps import DEFAULT_KEYMAP, KEYMAPS, all_keys, check_unambiguous, is_key
from bdtui.tui.theme_names import THEME_NAMES


def _setting(words: str, default: Any = None, choices: tuple[str, ...] = ()) -> Any:
    """A setting with a line about it, and the words to choose from."""
    return field(default=default, metadata={"words": words, "choices": choices})


@dataclass(frozen=True)
class Preferences:
    """Settings of the app; none affects a result. Each has a line about it, for the file that ``bdtui config`` writes.

    Attributes:
        theme: one of `THEME_NAMES`.
        keymap: one of `KEYMAPS`.
        keys: by `Action.id`, keys separated by commas: those that differ from the keymap's.
    """

    theme: str = _setting("Colours", THEME_NAMES[0], THEME_NAMES)
    keymap: str = _setting("Keys: a map to begin with", DEFAULT_KEYMAP, tuple(KEYMAPS))
    keys: Mapping[str, str] = field(
        default_factory=dict,
        metadata={"words": "Keys of single actions, in place of the keymap's; several are separated by commas"},
    )

    @property
    def changed_keys(self) -> dict[str, str]:
        """By `Action.id`, the keys that differ from those in `ACTIONS`."""
        return {**KEYMAPS[self.keymap], **self.keys}


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
            # Imported here: without a file, the first paint would wait for it.
            import tomllib

            content = tomllib.load(file)
    except FileNotFoundError:
        return Preferences()
    except OSError as problem:
        raise OptionError(f"{path}: cannot be read ({problem.strerror}); expected settings in TOML") from problem
    except (ValueError, RecursionError) as problem:
        raise OptionError(f"{path}: is not valid TOML ({str(problem)[:200]}); expected theme and keys") from problem
    settings = {setting.name: setting for setting in fields(Preferences)}
    unknown = [name for name in content if name not in settings]
    if unknown:
        raise OptionError(f"{path}: {unknown[0]!r} is not a setting; expected {', '.join(settings)}")
    for name, value in content.items():
        choices = settings[name].metadata.get("choices")
        if choices and value not in choices:
            raise OptionError(f"{path}: {name} is {value!r}; expected one of {', '.join(choices)}")
    return Preferences(**{**content, "keys": _read_keys(path, content.get("keys", {}), content.get("keymap"))})


def _read_keys(path: Path, table: Any, keymap: str | None) -> dict[str, str]:
    if not isinstance(table, dict):
        raise OptionError(f"{path}: 'keys' is {str(table)[:80]!r}; expected a table, e.g. prune = \"n\"")
    known = {action.id for action in ACTIONS}
    keys: dict[str, str] = {}
    for name, value in table.items():
        if name not in known:
            # Imported here: the first paint does not wait for it.
            from difflib import get_close_matches

            close = next(iter(get_close_matches(name, sorted(known), 1)), "prune")
            raise OptionError(
                f"{path}: {name!r} is not an action; expected one that `bdtui config` lists, such as {close!r}"
            )
        parts = value.split(",") if isinstance(value, str) else []
        if not parts or not all(is_key(part.strip()) for part in parts):
            raise OptionError(
                f"{path}: key of {name!r} is {str(value)[:40]!r}; expected keys such as n, ctrl+n or f8, but no digits"
            )
        keys[name] = ",".join(part.strip() for part in parts)
    try:
        check_unambiguous(all_keys(keymap or DEFAULT_KEYMAP, keys))
    except OptionError as problem:
        raise OptionError(f"{path}: {problem}") from problem
    return keys
