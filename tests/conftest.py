"""Shared by all tests: a quiet TensorFlow, and the networks the claims are tried on."""

from __future__ import annotations

import logging
import os

import pytest

pytest_plugins = ["tests.browser"]

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
logging.getLogger("absl").setLevel(logging.ERROR)

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
