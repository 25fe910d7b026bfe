"""Shared by all tests: a quiet TensorFlow, and the networks the claims are tried on."""

from __future__ import annotations

import logging
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
logging.getLogger("absl").setLevel(logging.ERROR)

LAB_DIR = os.environ.get("BDTUI_LAB_DIR")
collect_ignore = [] if LAB_DIR else ["lab"]


def pytest_report_header() -> str:
    return (
        f"lab files: {LAB_DIR}" if LAB_DIR else "lab files: none (tests/lab is left out; set BDTUI_LAB_DIR to run it)"
    )
