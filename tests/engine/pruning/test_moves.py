"""Laws of moving along a pruning order, and off it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bdtui.engine.pruning.moves import (
    ChooseLayer,
    ChooseRanking,
    GoTo,
    History,
    Move,
    Place,
    Position,
    Prune,
    Redo,
    Toggle,
    Undo,
)

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


CHANNELS = {"pool_1": 4, "pool_2": 7}


def ranked_at(place: Place) -> list[int]:
    """Another order for each layer and ranking."""
    channels = list(range(CHANNELS[place.layer]))
    return channels if place.ranking == "up" else channels[::-1]


moves = st.one_of(
    st.builds(Prune, st.integers(1, 3)),
    st.builds(GoTo, st.integers(0, 4)),
    st.builds(Toggle, st.integers(0, 3)),
    st.builds(ChooseLayer, st.sampled_from(list(CHANNELS)), st.sampled_from([None, "up", "down"])),
    st.builds(ChooseRanking, st.sampled_from(["up", "down"])),
)


@given(st.lists(moves, max_size=12))
def test_undo_goes_back_through_layers_and_rankings_to_where_one_stood(made: list[Move]) -> None:
    begun = Place("pool_2", "up")
    history = History.beginning_at(Position(tuple(ranked_at(begun)), place=begun))
    for move in made:
        before = history
        history = history.after(move, ranked_at)
        new = len(history.past) - len(before.past)
        assert history.after(Undo(new), ranked_at).present == before.present
        assert sorted(history.present.order) == list(range(CHANNELS[history.present.place.layer]))
    count = len(history.past)
    gone_back = history.after(Undo(count), ranked_at)
    assert gone_back.present == Position(tuple(ranked_at(begun)), place=begun)
    assert gone_back.after(Redo(count), ranked_at) == history


def test_choosing_a_layer_keeps_the_ranking_and_begins_at_step_0() -> None:
    begun = Place("pool_2", "down")
    history = History.beginning_at(Position(tuple(ranked_at(begun)), 3, begun))
    there = history.after(ChooseLayer("pool_1"), ranked_at).present
    assert there == Position((3, 2, 1, 0), 0, Place("pool_1", "down"))
