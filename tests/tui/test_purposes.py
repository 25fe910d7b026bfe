"""The export pane says of every file what it is for."""

from __future__ import annotations

from bdtui.engine.runs import folder as run_folder
from bdtui.tui.panes import export


def test_every_file_of_a_run_has_a_purpose() -> None:
    assert export._PURPOSES.keys() == {name for name in run_folder._FIXED_NAMES if "/" not in name}, (
        "and not of the journal"
    )
