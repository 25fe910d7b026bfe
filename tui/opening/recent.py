"""What was opened lately, kept in a small file, so that the next session starts with a choice and not with typing."""

from __future__ import annotations

import json
import os
import tempfile
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import platformdirs

from bdtui.engine.settings import ROLES, RunSettings

MOST_REMEMBERED = 10

_PATHS = ("model", "weights", *ROLES)
_TEXTS = ("architecture", "layout", "scale", "layer")
_LARGEST_FILE = 2**20
_SCHEMA = 1


def recent() -> list[RunSettings]:
    """What was opened lately, the last first, without that whose model is gone; nothing where nothing can be read."""
    return [settings for settings in _read() if _is_there(settings)]


def remember(settings: RunSettings) -> None:
    """Put what was opened at the top of the list. What cannot be written is forgotten: it is only a convenience."""
    if settings.sample or (settings.model is None and settings.weights is None):
        return
    entry = _as_json(settings)
    earlier = [other for other in map(_as_json, _read()) if _files(other) != _files(entry)]
    with suppress(OSError):
        _write({"schema": _SCHEMA, "opened": [entry, *earlier][:MOST_REMEMBERED]})


def _file() -> Path:
    return platformdirs.user_state_path("bdtui") / "recent.json"


def _read() -> list[RunSettings]:
    """All that the file holds, whether its models are there (a disk may come back) or not."""
    try:
        with _file().open("rb") as file:
            content = json.loads(file.read(_LARGEST_FILE))
    except (OSError, ValueError, RecursionError):
        return []
    entries = content.get("opened") if isinstance(content, dict) else None
    if not isinstance(entries, list):
        return []
    return [settings for settings in map(_as_settings, entries) if settings is not None][:MOST_REMEMBERED]


def _as_json(settings: RunSettings) -> dict[str, str]:
    """The fields that say what to open, paths made absolute so that they hold wherever bdtui is started next."""
    values = {name: value for name, value in asdict(settings).items() if value is not None}
    entry = {name: os.path.abspath(values[name]) for name in _PATHS if name in values}  # noqa: PTH100 (keeps links)
    entry.update({name: values[name] for name in _TEXTS if name in values})
    if entry.get("architecture", "").endswith(".json"):
        entry["architecture"] = os.path.abspath(entry["architecture"])  # noqa: PTH100
    return entry


def _as_settings(entry: Any) -> RunSettings | None:
    """An entry of the file; None where somebody else has written it."""
    if not isinstance(entry, dict) or not set(entry) <= {*_PATHS, *_TEXTS}:
        return None
    if not all(isinstance(value, str) and "\0" not in value for value in entry.values()):
        return None
    if not all(Path(entry[name]).is_absolute() for name in _PATHS if name in entry):
        return None
    values: dict[str, Any] = {name: Path(value) if name in _PATHS else value for name, value in entry.items()}
    return RunSettings(**values)


def _is_there(settings: RunSettings) -> bool:
    """Whether what the network is made of still exists."""
    needed = [path for path in (settings.model, settings.weights) if path is not None]
    if settings.architecture is not None and settings.architecture.endswith(".json"):
        needed.append(Path(settings.architecture))
    # os.path answers where Path raises: names that are too long, folders that may not be entered.
    return bool(needed) and all(os.path.isfile(path) for path in needed)  # noqa: PTH113


def _files(entry: dict[str, str]) -> dict[str, str]:
    """What makes two entries one: their files, whatever was chosen about them."""
    return {name: value for name, value in entry.items() if name in {*_PATHS, "architecture"}}


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
