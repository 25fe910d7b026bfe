"""Functions that are found when they are called for: what nobody uses is not imported."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any


def lazy_function(module: str, name: str) -> Callable[[], Any]:
    """Gives a function of a module once it is called.

    Args:
        module: its full name.
        name: of the function in it.
    """

    def load() -> Any:
        return getattr(importlib.import_module(module), name)

    return load
