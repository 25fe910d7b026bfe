"""The export pane says of every file what it is for."""

from __future__ import annotations

from bdtui.engine import run_folder
from bdtui.tui.panes import export


def test_every_file_of_a_run_has_a_purpose() -> None:
    assert export._PURPOSES.keys() == set(run_folder._FIXED_NAMES)
