"""How much memory there is: what a file declares is held against it before anything is allocated."""

from __future__ import annotations

import psutil


def free_memory() -> int:
    """Bytes that can be had now without swapping."""
    return int(psutil.virtual_memory().available)
