"""Which programs a number was computed with: told in the manifest, and a reason to measure anew where they differ."""

from __future__ import annotations

import platform
from importlib.metadata import version


def computing_versions() -> dict[str, str]:
    """The versions of bdtui and of everything it computes with, by name."""
    packages = ("bdtui", "tensorflow", "keras", "numpy", "h5py")
    return {"python": platform.python_version(), **{name: version(name) for name in packages}}
