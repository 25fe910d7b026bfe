"""Writes the settings file: all of it with comments (``bdtui config``), or one setting into what is there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from bdtui.engine.errors import OptionError, OutputError
from bdtui.engine.machine.atomic_files import write_text
from bdtui.tui.actions import ACTIONS
from bdtui.tui.preferences import Preferences

_HEAD = """\
# Settings of bdtui's terminal app; none affects a result.
# A line that begins with # is a comment: what it shows is the default. Remove the # to change it.
"""


def commented_settings() -> str:
    """A settings file that changes nothing: every setting and every action's keys in comments, each with a line about it."""
    lines = [_HEAD]
    for setting in fields(Preferences):
        words, choices = setting.metadata["words"], setting.metadata.get("choices")
        lines.append(f"# {words}{': ' if choices else '.'}{', '.join(choices or ())}")
        if choices:
            lines.append(f'# {setting.name} = "{setting.default}"\n')
        else:
            lines.append(f"[{setting.name}]")
            lines += [f'# {f"""{action.id} = "{action.keys}" """:<40}# {action.description}' for action in ACTIONS]
    return "\n".join(lines) + "\n"


def write_commented_settings(path: Path, *, force: bool = False) -> None:
    """Write `commented_settings`.

    Raises:
        OptionError: there is a file already, and ``force`` is not set.
        OutputError: it cannot be written.
    """
    if path.exists() and not force:
        raise OptionError(f"{path}: is there already; expected --force to replace it")
    _write(path, commented_settings())


def write_setting(path: Path, name: str, value: str) -> None:
    """Set a setting in the file, which keeps everything else, comments too.

    Raises:
        OptionError: the file is no longer valid.
        OutputError: it cannot be written.
    """

    def change(document: Any) -> None:
        document[name] = value

    _change(path, change)


def write_keys(path: Path, keys: Mapping[str, str]) -> None:
    """Set the keys in the file: those of ``keys``, by `Action.id`, and no others. Raises as `write_setting` does."""

    def change(document: Any) -> None:
        table = document.setdefault("keys", {})
        for name in [name for name in table if name not in keys]:
            del table[name]
        table.update(keys)

    _change(path, change)


def _change(path: Path, change: Callable[[Any], None]) -> None:
    # Imported here: not needed until something is changed.
    import tomlkit
    from tomlkit.exceptions import TOMLKitError

    try:
        document = tomlkit.parse(path.read_text(encoding="utf-8") if path.exists() else _HEAD)
        change(document)
    except OSError as problem:
        raise OutputError(f"{path}: cannot be read ({problem.strerror})") from problem
    except (TOMLKitError, ValueError, TypeError, AttributeError) as problem:
        raise OptionError(f"{path}: is not valid TOML; correct it first, or remove it") from problem
    _write(path, tomlkit.dumps(document))


def _write(path: Path, text: str) -> None:
    """Write atomically; where the file is a link to one in another place, that one."""
    target = path.resolve()
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise OutputError(f"{path}: cannot be written ({problem.strerror})") from problem
    write_text(target, text)
