"""Values that come from files, as they stand in a sentence: short, on one line, with every quote and bracket closed."""

from __future__ import annotations

import reprlib
from typing import Any

_SIGN = "…"
"""Stands for what is left out."""


def quoted(value: Any, longest: int = 80) -> str:
    """A value in quotes or brackets, as Python writes it; what it shows of a long one ends with ``…``.

    Control characters are written out. Of a long text whole words are shown where it has words, of a long list the first
    items.

    Args:
        value: a text, a number, or a list or an object of JSON.
        longest: so many characters at most.
    """
    for levels in (2, 1):
        shown = _ShortRepr(longest, levels).repr(value)
        if len(shown) <= longest:
            return shown
    return _ShortRepr(longest, 0).repr(value)


class _ShortRepr(reprlib.Repr):
    """Python's own way to shorten values, with the beginning of a text in place of its two ends."""

    def __init__(self, longest: int, levels: int) -> None:
        super().__init__()
        self.fillvalue = _SIGN
        self.maxlevel, self.maxlist, self.maxtuple, self.maxdict = levels, 4, 4, 2
        self.maxlong = self.maxother = min(longest, 40)
        self._longest = longest
        self._levels = levels

    def repr_str(self, x: str, level: int) -> str:
        """A text; those in lists and objects are shown to a third."""
        return _closed(x, self._longest if level == self._levels else self._longest // 3)


def _closed(text: str, longest: int) -> str:
    shown = repr(text[: longest + 1])
    if len(text) <= longest and len(shown) <= longest:
        return shown
    beginning = text[: longest - 3]
    words = beginning.rpartition(" ")[0].rstrip()
    beginning = words if len(words) > longest // 2 else beginning
    # Characters that are written out take more room than one.
    while len(shown := repr(beginning)) >= longest:
        beginning = beginning[:-1]
    return f"{shown[:-1]}{_SIGN}{shown[-1]}"
