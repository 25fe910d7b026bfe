"""How many images a chart's rates are over."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ImageCounts:
    """How many images the rates are over; None where that is not known: no intervals are drawn then."""

    clean: int | None = None
    poisoned: int | None = None


NOT_KNOWN = ImageCounts()
