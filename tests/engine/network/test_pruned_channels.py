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


def test_a_channel_below_0_is_refused_in_a_sentence() -> None:
    with pytest.raises(ModelError, match="there is no channel -1; expected 0 or more"):
        PrunedChannels.of([3, -1])


def test_numbers_of_numpy_are_channels_too() -> None:
    assert PrunedChannels.of(np.array([70, 3])) == PrunedChannels.of([3, 70])
