"""The benchmarks still run: what they measure passes or fails nowhere."""

from __future__ import annotations

import pytest

from tests.benchmarks.curve import goodnet_ratio, move_seconds, sample_scale

pytestmark = pytest.mark.slow


def test_the_benchmarks_of_moves_and_of_the_goodnet_run_on_the_sample() -> None:
    scale = sample_scale()
    silent, firing, known, order = move_seconds(scale)
    assert min(silent, firing, known) > 0
    assert sorted(order) == list(range(60))
    assert goodnet_ratio(scale, next(scale.data["clean_valid"].batches(64)), order) > 0
