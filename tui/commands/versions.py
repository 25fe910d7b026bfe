"""``-VV``: the versions of all that computes or draws, and the device; what a report of a fault needs."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version

_PACKAGES = {"TensorFlow": "tensorflow", "Keras": "keras", "numpy": "numpy", "Textual": "textual"}


def versions() -> dict[str, str]:
    """By name; imports TensorFlow for the device."""
    found = {"bdtui": _version("bdtui"), "Python": platform.python_version()}
    found |= {name: _version(package) for name, package in _PACKAGES.items()}
    return {**found, "device": _device()}


def print_versions() -> None:
    """Print `versions`, a line each; what TensorFlow prints when it is loaded is dropped."""
    from bdtui.tui.terminal.native_output import capture_native_output
    from bdtui.tui.wording import plain

    with capture_native_output():
        found = versions()
    longest = max(map(len, found))
    print("\n".join(f"{name:<{longest}}  {plain(text)}" for name, text in found.items()))


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _device() -> str:
    from bdtui.engine.startup import load_tensorflow

    try:
        load_tensorflow()
        from bdtui.engine.machine.device import device_in_use

        return device_in_use()
    except Exception as problem:
        # A TensorFlow that cannot be loaded is why somebody asks.
        return f"unknown: TensorFlow does not load ({' '.join(str(problem).split())[:200]})"
