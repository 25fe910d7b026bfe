"""Laws of moving along a pruning order, and off it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bdtui.engine.pruning.moves import History, Position

orders = st.integers(1, 12).flatmap(lambda channels: st.permutations(range(channels)))


@st.composite
def positions(draw: st.DrawFn) -> tuple[Position, list[int]]:
    """A position somebody may have reached, and the ranking it began with."""
    ranked = draw(orders)
    position = Position(tuple(ranked))
    for channel in draw(st.lists(st.sampled_from(ranked), max_size=6)):
        position = position.toggled(channel, ranked).at(draw(st.integers(0, len(ranked))))
    return position, list(ranked)


@given(positions(), st.data())
def test_toggling_changes_exactly_one_channel_and_loses_none(
    reached: tuple[Position, list[int]], data: st.DataObject
) -> None:
    position, ranked = reached
    channel = data.draw(st.sampled_from(ranked))
    toggled = position.toggled(channel, ranked)
    assert set(toggled.pruned) ^ set(position.pruned) == {channel}
    assert sorted(toggled.order) == sorted(ranked)


@given(orders, st.data())
def test_pruning_out_of_turn_and_reviving_changes_nothing(ranked: list[int], data: st.DataObject) -> None:
    position = Position(tuple(ranked), data.draw(st.integers(0, len(ranked) - 1)))
    waiting = ranked[position.step + 1 :]
    for channel in waiting:
        assert position.toggled(channel, ranked).toggled(channel, ranked) == position


@given(positions(), st.data())
def test_what_was_revived_is_not_the_next_to_go_unless_nothing_else_is_left(
    reached: tuple[Position, list[int]], data: st.DataObject
) -> None:
    position, ranked = reached
    if not position.step:
        return
    channel = data.draw(st.sampled_from(list(position.pruned)))
    revived = position.toggled(channel, ranked)
    waiting = revived.order[revived.step :]
    assert waiting[0] != channel or len(waiting) == 1


def test_a_step_that_is_not_there_is_the_nearer_end() -> None:
    position = Position((2, 0, 1))
    assert position.at(7).step == 3
    assert position.at(-1).step == 0


def test_a_channel_that_is_not_there_cannot_be_toggled() -> None:
    with pytest.raises(ValueError, match="not in"):
        Position((0, 1)).toggled(2, [0, 1])


@given(orders, st.lists(st.integers(0, 12), min_size=1, max_size=8))
def test_undoing_everything_and_redoing_it_comes_back(ranked: list[int], steps: list[int]) -> None:
    begun = Position(tuple(ranked))
    history = History.beginning_at(begun)
    for step in steps:
        history = history.moved(begun.at(step))
    moves = len(history.past)
    gone_back = history
    for _ in range(moves):
        gone_back = gone_back.undone()
    assert gone_back.present == begun
    again = gone_back
    for _ in range(moves):
        again = again.redone()
    assert again == history


def test_undo_at_the_beginning_and_redo_at_the_end_stay_where_they_are() -> None:
    history = History.beginning_at(Position((0, 1)))
    assert history.undone() == history == history.redone()


def test_a_new_move_forgets_what_was_undone() -> None:
    begun = Position((0, 1, 2))
    history = History.beginning_at(begun).moved(begun.at(2)).undone().moved(begun.at(1))
    assert history.redone() == history
    assert history.present.step == 1
