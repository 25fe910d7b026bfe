"""Text from outside in Markdown, so that nothing in it is read as Markdown."""

from __future__ import annotations

import re


def escaped(text: str) -> str:
    """A sentence that may hold names from outside."""
    return re.sub(r"([\\`*\[\]<>#|])", r"\\\1", "".join(c if c.isprintable() else "�" for c in text))


def code(text: str) -> str:
    """A name or a path."""
    plain = "".join(c if c.isprintable() else "�" for c in text).replace("`", "'").replace("|", "¦")
    return f"`{plain}`"
