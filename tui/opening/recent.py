"""What was opened lately, kept in a small file, so that the next session starts with a choice and not with typing."""

from __future__ import annotations

import json
import os
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import platformdirs

from bdtui.engine.errors import InputError, OptionError
from bdtui.engine.option import Option, options_of
from bdtui.engine.settings import NETWORK, RunSettings

MOST_REMEMBERED = 10

_LARGEST_FILE = 2**20
_SCHEMA = 1


def recent(declared: type[RunSettings] = RunSettings) -> list[RunSettings]:
    """What was opened lately, the last first, without that whose model is gone; nothing where nothing can be read."""
    return [settings for settings in _read(declared) if _is_there(settings)]


def remember(settings: RunSettings) -> None:
    """Put what was opened at the top of the list. What cannot be written is forgotten: it is only a convenience."""
    if settings.sample or (settings.model is None and settings.weights is None):
        return
    earlier = [other for other in _read(type(settings)) if _files(other) != _files(settings)]
    with suppress(OSError):
        _write({"schema": _SCHEMA, "opened": [_as_json(entry) for entry in [settings, *earlier][:MOST_REMEMBERED]]})


def _file() -> Path:
    return platformdirs.user_state_path("bdtui") / "recent.json"


def _read(declared: type[RunSettings]) -> list[RunSettings]:
    """All that the file holds, whether its models are there (a disk may come back) or not."""
    try:
        with _file().open("rb") as file:
            content = json.loads(file.read(_LARGEST_FILE))
    except (OSError, ValueError, RecursionError):
        return []
    entries = content.get("opened") if isinstance(content, dict) else None
    if not isinstance(entries, list):
        return []
    found = (_as_settings(entry, declared) for entry in entries)
    return [settings for settings in found if settings is not None][:MOST_REMEMBERED]


def _remembered(declared: type[RunSettings]) -> dict[str, Option]:
    return {name: option for name, option in options_of(declared).items() if option.opens or option.reads_pixels}


def _as_json(settings: RunSettings) -> dict[str, Any]:
    """The options that say what to open, paths made absolute so that they hold wherever bdtui is started next."""
    return {
        # Not resolved: a link may be meant to be followed later.
        name: option.kind.dump(option.relocate(value, os.path.abspath))
        for name, option in _remembered(type(settings)).items()
        if (value := getattr(settings, name)) is not None
    }


def _as_settings(entry: Any, declared: type[RunSettings]) -> RunSettings | None:
    """An entry of the file; None where somebody else has written it."""
    options = _remembered(declared)
    if not isinstance(entry, dict) or not set(entry) <= set(options):
        return None
    try:
        values = {name: options[name].kind.load(value) for name, value in entry.items()}
    except OptionError:
        return None
    files = [options[name].file(value) for name, value in values.items()]
    return declared(**values) if all(path is None or path.is_absolute() for path in files) else None


def _is_there(settings: RunSettings) -> bool:
    """Whether what the network is made of still exists."""
    network = {name: option for name, option in options_of(settings).items() if option.group == NETWORK}
    needed = [
        (option.kind, path)
        for name, option in network.items()
        if (path := option.file(getattr(settings, name))) is not None
    ]
    try:
        for kind, path in needed:
            kind.require(path)
    except InputError:
        return False
    return bool(needed)


def _files(settings: RunSettings) -> list[Any]:
    """What makes two entries one: their files, whatever was chosen about them."""
    options = options_of(settings).items()
    return [option.relocate(getattr(settings, name), os.path.abspath) for name, option in options if option.names_file]


def _write(content: dict[str, Any]) -> None:
    """Write the file whole or not at all: another bdtui may be reading it."""
    path = _file()
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, partial = tempfile.mkstemp(prefix=".recent-", suffix=".json", dir=path.parent)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(content, file, indent=1)
        Path(partial).replace(path)
    except OSError:
        Path(partial).unlink(missing_ok=True)
        raise
