"""Paths as text that a UTF-8 file can hold, whatever bytes their names are made of."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import quote, unquote_to_bytes

from bdtui.engine.machine.quoted_text import quoted

_URI = "file://"


def path_text(path: Path | str) -> str:
    """A path as it is written down: itself, or where its names are not UTF-8 an absolute file URI (RFC 8089)."""
    text = str(path)
    try:
        text.encode()
    except UnicodeEncodeError:
        return _URI + quote(os.fsencode(Path(path).absolute()))
    return text


def path_from_text(text: str) -> str:
    """The path that `path_text` wrote down.

    Raises:
        ValueError: a URI names another machine, or holds a zero byte.
    """
    if not text.startswith(_URI):
        return text
    path = unquote_to_bytes(text.removeprefix(_URI))
    if not path.startswith(b"/") or b"\0" in path:
        raise ValueError(f"{quoted(text)} names no file of this machine")
    return os.fsdecode(path)
