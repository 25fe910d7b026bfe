"""The commands behind the tables of docs/detection.md measure what they say."""

from __future__ import annotations

import numpy as np
import pytest

from bdtui.engine.detect.evidence import ReversedTrigger
from bdtui.engine.event_values import Estimate
from tests.benchmarks.clean_nets import RECIPES
from tests.benchmarks.neural_cleanse import Cost, NeuralCleanse, anomaly_index, rank
from tests.benchmarks.sample_estimate import Depth, precision, six, sunglasses
from tests.engine.detect.made_nets import IMAGE, TARGET, patch_net


def test_a_mask_costs_more_while_its_trigger_works_and_less_while_it_does_not() -> None:
    cost = Cost()
    for _ in range(5):
        cost.adapt(works=True)
    assert cost.value == 1e-3
    for _ in range(5):
        cost.adapt(works=True)
    assert (cost.value, cost.rose, cost.fell) == (2e-3, True, False)
    for _ in range(5):
        cost.adapt(works=False)
    assert cost.value == pytest.approx(2e-3 / 2**1.5)
    assert cost.fell


def test_the_published_algorithm_finds_a_smaller_trigger_for_the_target() -> None:
    images = np.random.default_rng(2).random((64, *IMAGE), np.float32)
    cleanse, random = NeuralCleanse(patch_net(), images, steps=60), np.random.default_rng(0)
    sizes = np.array([cleanse.size(target, random)[0] for target in (TARGET, 0)])
    assert sizes[0] < sizes[1]


def test_a_class_without_a_trigger_comes_last() -> None:
    sizes = np.array([3.0, np.inf, 30.0, 31.0, 29.0])
    assert [rank(sizes, target) for target in range(5)] == [1, 5, 3, 4, 2]
    assert anomaly_index(sizes) == pytest.approx(26.5 / (1.4826 * 1.0))


def test_rare_classes_are_rare() -> None:
    labels = RECIPES["unbalanced"].training(1).labels
    counts = np.bincount(labels)
    assert counts[0] == 600
    assert 15 < counts[9] < 50


def test_a_trigger_on_the_sunglasses_is_precise() -> None:
    worn = sunglasses()
    assert worn.shape == (55, 47)
    there, nowhere = worn >= 0.5, np.zeros((55, 47, 3), np.float32)
    assert 100 < there.sum() < 600
    for mask, expected in ((there, 1.0), (~there, 0.0)):
        trigger = ReversedTrigger(0, mask[..., None].astype(np.float32), nowhere, float(mask.sum()), 0, 0)
        assert precision(trigger, there) == expected


def test_six_depths_are_spread_over_all_channels() -> None:
    depths = [Depth(step, 50.0, Estimate(40.0, 60.0)) for step in range(61)]
    assert [depth.pruned for depth in six(depths)] == [9, 17, 26, 34, 43, 51]
    assert all(depth.holds for depth in depths)
    assert not Depth(0, 61.0, Estimate(40.0, 60.0)).holds
