"""Shared by all tests: a quiet TensorFlow that computes as bdtui lets it, and no test that fails because a machine is busy."""

from __future__ import annotations

import gc
import logging
import os
import sys

import hypothesis
import pytest

pytest_plugins = ["tests.browser"]

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
logging.getLogger("absl").setLevel(logging.ERROR)

# An example that takes long says something about the machine.
hypothesis.settings.register_profile(
    "any machine", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("any machine")

LAB_DIR = os.environ.get("BDTUI_LAB_DIR")
collect_ignore = [] if LAB_DIR else ["lab"]


def pytest_report_header() -> str:
    return (
        f"lab files: {LAB_DIR}" if LAB_DIR else "lab files: none (tests/lab is left out; set BDTUI_LAB_DIR to run it)"
    )


_LONGEST_FIRST = ("test_kills.py", "test_fuzzer.py", "test_terminal.py", "test_lab_badnet.py", "test_app_real.py")
"""Files with few tests that take long: begun last, they would keep one worker busy alone."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: item.path.name not in _LONGEST_FIRST)


def pytest_collection_finish() -> None:
    """Collect less garbage, and round as the program does."""
    # Else a fifth of the time goes into looking for garbage in what TensorFlow and Keras consist of.
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)
    if "tensorflow" in sys.modules:
        # On a GPU, TensorFlow by itself is less exact and gives other numbers every time.
        from bdtui.engine.machine.device import prepare_backend

        prepare_backend()
