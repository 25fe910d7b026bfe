"""A set of pruned channels is a value, however it came about."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bdtui.engine.errors import ModelError
from bdtui.engine.network.pruned_channels import PrunedChannels, along

channels = st.lists(st.integers(0, 200), unique=True)


@given(channels, st.randoms())
def test_the_order_of_pruning_makes_no_difference(pruned: list[int], random: np.random.Generator) -> None:
    shuffled = list(pruned)
    random.shuffle(shuffled)
    assert PrunedChannels.of(pruned) == PrunedChannels.of(shuffled)
    assert hash(PrunedChannels.of(pruned)) == hash(PrunedChannels.of(shuffled))


@given(channels)
def test_it_holds_its_channels_and_no_others(pruned: list[int]) -> None:
    found = PrunedChannels.of(pruned)
    assert list(found) == sorted(pruned)
    assert len(found) == len(pruned)
    assert [channel for channel in range(-1, 202) if channel in found] == sorted(pruned)
    assert list(np.flatnonzero(found.mask(201))) == sorted(pruned)


@given(channels)
def test_along_an_order_each_step_has_one_channel_more(order: list[int]) -> None:
    steps = along(order)
    assert [set(step) for step in steps] == [set(order[:step]) for step in range(len(order) + 1)]


@pytest.mark.parametrize("channel", [-1, 10**13])
def test_a_channel_that_no_layer_has_is_refused_in_a_sentence(channel: int) -> None:
    with pytest.raises(ModelError, match=f"there is no channel {channel}; expected one from 0 to"):
        PrunedChannels.of([3, channel])


def test_numbers_of_numpy_are_channels_too() -> None:
    assert PrunedChannels.of(np.array([70, 3])) == PrunedChannels.of([3, 70])
    assert np.int64(70) in PrunedChannels.of([70])


def test_an_order_of_numpys_numbers_is_the_same_order() -> None:
    order = np.random.default_rng(3).permutation(100)
    assert [set(step) for step in along(order)] == [set(order[:step].tolist()) for step in range(101)]
    assert along(order.tolist()) == along(order)
