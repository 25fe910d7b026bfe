"""Notices that call a whole measurement in question: they are given once, and the verdict repeats them."""

from __future__ import annotations

SWAPPED = "look swapped"
SAME = "are the same images"
ONE_CLASS = "its clean accuracy says nothing about other classes"
OTHER_ORDER = "look like the network's classes in another order"
NEVER_PREDICTED = "which all poisoned images are to get, not even for clean images"


def is_doubt(notice: str) -> bool:
    """Whether rates mean little while what a notice says is not settled."""
    return any(words in notice for words in (SWAPPED, SAME, ONE_CLASS, OTHER_ORDER, NEVER_PREDICTED))
