"""Position, moves and history of pruning by hand: an order of the channels, and how many of them are pruned.

Every move leads to such a position: pruning the next channel moves along the order, pruning one out of turn
rewrites the order. So whatever was done by hand is an order that a recipe can hold and ``--batch`` can replay.
Choosing another layer or ranking is a move like any other: it is undone to where one stood.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from bdtui.engine.errors import OptionError
from bdtui.engine.network.pruned_channels import PrunedChannels


@dataclass(frozen=True)
class Place:
    """What is pruned, and how.

    Attributes:
        layer: whose activations are read.
        ranking: that orders its channels.
    """

    layer: str = ""
    ranking: str = ""


Ranked = Callable[[Place], Sequence[int]]
"""Gives the order in which the channels of a place are pruned."""


@dataclass(frozen=True)
class Position:
    """A pruning order and a step in it.

    Attributes:
        order: every channel once.
        step: how many of them, from the front, are pruned; 0 to ``len(order)``.
        place: the layer that has the channels, and the ranking that began the order.
    """

    order: tuple[int, ...]
    step: int = 0
    place: Place = Place()

    @property
    def pruned(self) -> PrunedChannels:
        """The channels that are pruned here."""
        return PrunedChannels.of(self.order[: self.step])

    def at(self, step: int) -> Position:
        """The same order at another step, or at its nearer end where there is no such step."""
        return replace(self, step=min(max(step, 0), len(self.order)))

    def toggled(self, channel: int, ranked: Sequence[int]) -> Position:
        """The position after one channel was pruned or restored out of turn.

        A pruned one becomes the last that went. A restored one returns to its place in the ranking, or to
        the end of the order where it would otherwise be pruned next.

        Args:
            channel: its index.
            ranked: the order that the ranking gives.

        Raises:
            ValueError: there is no such channel.
        """
        place = self.order.index(channel)
        pruned, waiting = list(self.order[: self.step]), list(self.order[self.step :])
        if place >= self.step:
            waiting.remove(channel)
            return replace(self, order=(*pruned, channel, *waiting), step=self.step + 1)
        pruned.remove(channel)
        rank = {other: index for index, other in enumerate(ranked)}
        later = (index for index, other in enumerate(waiting) if rank[other] > rank[channel])
        back = next(later, len(waiting)) or len(waiting)
        return replace(self, order=(*pruned, *waiting[:back], channel, *waiting[back:]), step=self.step - 1)


@dataclass(frozen=True)
class History:
    """The positions a person went through, of which one is the present."""

    past: tuple[Position, ...]
    present: Position
    future: tuple[Position, ...] = ()

    @classmethod
    def beginning_at(cls, position: Position) -> History:
        """A history of one position."""
        return cls((), position)

    def moved(self, position: Position) -> History:
        """The history after a move; what had been undone is forgotten. Staying is not a move."""
        if position == self.present:
            return self
        return History((*self.past, self.present), position)

    def undone(self) -> History:
        """One move back; the same history at its beginning."""
        if not self.past:
            return self
        return History(self.past[:-1], self.past[-1], (self.present, *self.future))

    def redone(self) -> History:
        """One undone move forth again; the same history at its end."""
        if not self.future:
            return self
        return History((*self.past, self.present), self.future[0], self.future[1:])

    def after(self, move: Move, ranked: Ranked) -> History:
        """The history after a requested move.

        Args:
            move: the requested one.
            ranked: the order of a place.

        Raises:
            InputError: there is no such step, channel, layer or ranking.
        """
        history, order, place = self, self.present.order, self.present.place
        match move:
            case Prune():
                for _ in range(min(move.count, len(order) - self.present.step)):
                    history = history.moved(history.present.at(history.present.step + 1))
            case Undo():
                for _ in range(min(move.count, len(history.past))):
                    history = history.undone()
            case Redo():
                for _ in range(min(move.count, len(history.future))):
                    history = history.redone()
            case GoTo():
                if not 0 <= move.step <= len(order):
                    raise OptionError(f"there is no step {move.step}; expected one from 0 to {len(order)}")
                history = history.moved(self.present.at(move.step))
            case Toggle():
                if move.channel not in order:
                    raise OptionError(f"there is no channel {move.channel} in this layer")
                history = history.moved(self.present.toggled(move.channel, ranked(place)))
            case ChooseLayer() | ChooseRanking():
                there = move.place_from(place)
                history = history.moved(Position(tuple(ranked(there)), place=there))
            case _:
                raise TypeError(f"{move!r} is not a move")
        return history


@dataclass(frozen=True)
class Move:
    """Root of what leads to another position; several in a row are measured once, at their end."""

    work: ClassVar[str] = "pruning"


@dataclass(frozen=True)
class Prune(Move):
    """Prune the next channels of the order, one by one."""

    count: int = 1


@dataclass(frozen=True)
class Undo(Move):
    """Undo moves."""

    count: int = 1


@dataclass(frozen=True)
class Redo(Move):
    """Redo moves that were undone."""

    count: int = 1


@dataclass(frozen=True)
class GoTo(Move):
    """Go to a step of the order."""

    step: int


@dataclass(frozen=True)
class Toggle(Move):
    """Prune a channel out of turn, or restore it."""

    channel: int


@dataclass(frozen=True)
class ChooseLayer(Move):
    """Go to step 0 of another layer.

    Attributes:
        layer: whose activations are read.
        ranking: that orders its channels; None for the present one.
    """

    work: ClassVar[str] = "profiling"
    layer: str
    ranking: str | None = None

    def place_from(self, place: Place) -> Place:
        """The place it leads to."""
        return Place(self.layer, self.ranking or place.ranking)


@dataclass(frozen=True)
class ChooseRanking(Move):
    """Order the channels in another way, and go to step 0."""

    work: ClassVar[str] = "ranking"
    ranking: str

    def place_from(self, place: Place) -> Place:
        """The place it leads to."""
        return Place(place.layer, self.ranking)
