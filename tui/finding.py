"""Finding a text in a list: what can be searched, and where the first match is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol


class Findable(Protocol):
    """What something can be found in."""

    @property
    def cursor(self) -> int:
        """Its row."""

    def find(self, text: str, start: int) -> bool:
        """Move the cursor to the first match from a row on, or to that row for no text; whether there is one."""


def first_match(texts: Sequence[str], text: str, start: int) -> int | None:
    """The first row that has a text in it, from a row on and then from the top, whatever the case; that row for no text."""
    if not text:
        return start
    rows = [*range(start, len(texts)), *range(min(start, len(texts)))]
    return next((row for row in rows if text.casefold() in texts[row].casefold()), None)
