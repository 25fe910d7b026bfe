"""The simulation of large sweeps, where its answer can be told without it."""

from __future__ import annotations

import pytest

from tests.benchmarks.sweeps import simulate


def test_equal_cells_on_as_many_workers_take_one_cell_and_the_start() -> None:
    scale = simulate(4, 4, [2.0], start=1.0, client=0.0)
    assert scale.seconds == 3.0
    assert scale.busy == pytest.approx(100 * 8 / 12)


def test_twice_the_cells_take_twice_the_time() -> None:
    assert simulate(8, 4, [2.0], start=0.0, client=0.0).seconds == 4.0


def test_a_client_that_is_slow_becomes_the_bottleneck() -> None:
    scale = simulate(1000, 1000, [1.0], start=0.0, client=0.1)
    assert scale.seconds == pytest.approx(101.0)
    assert scale.client == pytest.approx(100 * 100 / 101)
