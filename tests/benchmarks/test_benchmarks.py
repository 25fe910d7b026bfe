"""The benchmarks still run: what they measure passes or fails nowhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.benchmarks.applications import measure_application
from tests.benchmarks.curve import goodnet_ratio, move_seconds, sample_scale
from tests.benchmarks.repair_steps import measure_steps
from tests.engine.repair.small_badnet import small_badnet

pytestmark = pytest.mark.slow


def test_the_benchmarks_of_moves_and_of_the_goodnet_run_on_the_sample() -> None:
    scale = sample_scale()
    silent, firing, known, order = move_seconds(scale)
    assert min(silent, firing, known) > 0
    assert sorted(order) == list(range(60))
    assert goodnet_ratio(scale, next(scale.data["clean_valid"].batches(64)), order) > 0


def test_the_benchmark_of_an_application_runs_on_small_images(tmp_path: Path) -> None:
    found = measure_application("MobileNetV2", tmp_path, images=8, size=32, times=1)
    assert min(found.forward_pass, found.profile, found.curve) > 0
    assert (found.layer, found.pruned, found.steps) == ("global_average_pooling2d", "Conv_1", 1280)


def test_the_benchmark_of_a_repairs_steps_runs_on_a_small_network() -> None:
    badnet = small_badnet()
    found = measure_steps(badnet.model, badnet.parts.fit, few=1, many=4, turns=1)
    assert list(found) == ["fit", "scratch", "shrink-distil"]
