"""What the header tells of the machine."""

from __future__ import annotations

import pytest

from bdtui.tui.terminal.memory_meter import driver_name


@pytest.mark.parametrize(
    ("index", "visible", "name"),
    [(1, None, 1), (0, "3", 3), (1, "2, 5", 5), (0, "", 0), (0, "GPU-8932f937,1", "GPU-8932f937"), (2, "0,1", 2)],
)
def test_the_driver_counts_gpus_that_tensorflow_was_not_shown(index: int, visible: str | None, name: object) -> None:
    assert driver_name(index, visible) == name
