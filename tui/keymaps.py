"""The named keymaps, and the rule that a key means one thing."""

from __future__ import annotations

import re
import string
import unicodedata
from collections.abc import Mapping
from functools import cache

from bdtui.engine.errors import OptionError
from bdtui.tui.actions import ACTIONS, readable_keys

DEFAULT_KEYMAP = "default"
KEYMAPS: Mapping[str, Mapping[str, str]] = {
    DEFAULT_KEYMAP: {},
    "vim": {
        "command_palette": "colon,ctrl+p",
        "page_down": "ctrl+d,ctrl+f",
        "page_up": "ctrl+u,ctrl+b",
        "move_to_bottom": "G",
        "next_chart": "v,ctrl+w",
    },
    "emacs": {
        "move_down": "ctrl+n",
        "move_up": "ctrl+p",
        "page_down": "ctrl+v",
        "page_up": "alt+v",
        # Most terminals send alt+< as <.
        "move_to_top": "less_than_sign,alt+less_than_sign",
        "move_to_bottom": "greater_than_sign,alt+greater_than_sign",
        "find": "ctrl+s",
        "undo": "u,ctrl+underscore",
        "stop": "x,ctrl+g,ctrl+c",
        "copy": "alt+w",
        "command_palette": "alt+x",
    },
}
"""Keys by `Action.id`, only where they differ from those of `ACTIONS`."""
KEYMAP_WORDS: Mapping[str, str] = {
    DEFAULT_KEYMAP: "as help lists them",
    "vim": "also : for the palette, G for the end, ctrl+f and ctrl+b",
    "emacs": "ctrl+n, ctrl+p, ctrl+v, alt+v; ctrl+s find, alt+x palette",
}

_KEY = re.compile(r"[A-Za-z0-9_]+")
_NAMED_KEYS = {
    *(f"f{number}" for number in range(1, 25)),
    *"space enter tab backspace delete insert home end pageup pagedown up down left right escape".split(),
}
"""Other keys go by the Unicode name of their character, e.g. ``question_mark``."""
_OTHER_NAMES = {
    "solidus": "slash",
    "reverse_solidus": "backslash",
    "commercial_at": "at",
    "hyphen_minus": "minus",
    "plus_sign": "plus",
    "low_line": "underscore",
}
"""Textual's, where they are not those of Unicode."""
_MOVING = frozenset("enter tab escape up down left right home end pageup pagedown".split())
_SIMULATED = {action.id: action.name.split("'")[1] for action in ACTIONS if action.name.startswith("simulate_key(")}
_WORDS = {action.id: action.description.partition(":")[0].partition(" (")[0] for action in ACTIONS}


def all_keys(keymap: str, own: Mapping[str, str]) -> dict[str, str]:
    """The keys of every action, by `Action.id`.

    Args:
        keymap: one of `KEYMAPS`.
        own: keys that the user chose, which win.
    """
    return {action.id: action.keys for action in ACTIONS} | dict(KEYMAPS[keymap]) | dict(own)


def is_key(text: str) -> bool:
    """Whether a terminal can send this key, and it does not begin a count."""
    *modifiers, key = text.split("+")
    if not set(modifiers) <= {"ctrl", "shift", "alt"} or not _KEY.fullmatch(key):
        return False
    if len(key) == 1:
        return key.isalpha() or (key.isdecimal() and bool(modifiers))
    if key in _NAMED_KEYS or key in _punctuation():
        return True
    try:
        unicodedata.lookup(key.replace("_", " "))
    except KeyError:
        return False
    return True


@cache
def _punctuation() -> frozenset[str]:
    """The names of the characters of a keyboard that are neither letters nor digits."""
    names = (re.sub("[- ]", "_", unicodedata.name(character)).lower() for character in string.punctuation)
    return frozenset(_OTHER_NAMES.get(name, name) for name in names)


def check_unambiguous(keys: Mapping[str, str]) -> None:
    """Raise `OptionError` where a key is assigned twice, or an action would press its own key.

    Args:
        keys: of every action, by `Action.id`.
    """
    taken: dict[str, str] = {}
    for name, listed in keys.items():
        for key in listed.split(","):
            if key in taken:
                raise OptionError(
                    f"key {key!r} is assigned to both {taken[key]!r} and {name!r}; expected only one of them"
                )
            if key == _SIMULATED.get(name):
                raise OptionError(f"key {key!r} does what {name!r} does wherever it can; expected another key")
            taken[key] = name


def refusal(action: str, key: str, keys: Mapping[str, str]) -> str | None:
    """Why an action cannot get a key that was pressed, in a sentence; None if it can.

    Args:
        action: an `Action.id`.
        key: as Textual names it.
        keys: of every action, by `Action.id`.
    """
    shown = readable_keys(key)
    if not is_key(key):
        return f"{shown} cannot be a key here: digits are counts, and other keys go by their name."
    if key.rsplit("+", maxsplit=1)[-1] in _MOVING:
        return f"{shown} moves in every window; press another key."
    holder = next((name for name, listed in keys.items() if name != action and key in listed.split(",")), None)
    if holder is not None:
        return f"{shown} is taken by “{_WORDS[holder]}”; press another key, or change that one first."
    return None
