"""Names that are found when they are called for: what nobody uses is not imported."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
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


def lazy_names(package: str, homes: Mapping[str, str]) -> Callable[[str], Any]:
    """A package's ``__getattr__``, which finds its public names in its modules.

    Args:
        package: its full name.
        homes: the module within it where each name is, by the name.
    """

    def find(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(importlib.import_module(f"{package}.{homes[name]}"), name)

    return find
