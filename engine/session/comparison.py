"""A comparison under way: which layers and rankings were measured, and which wait."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bdtui.engine.event_values import ComparedOrder
from bdtui.engine.events import OrderCompared
from bdtui.engine.pruning.comparison import best_first
from bdtui.engine.pruning.moves import Place
from bdtui.engine.reporter import Reporter


class Comparison:
    """Layers and rankings that are held side by side.

    Args:
        places: all of them, in the order in which they are measured.
        known: those that were measured before.
        reporter: receives each of them.
    """

    def __init__(self, places: Sequence[Place], known: Mapping[Place, ComparedOrder], reporter: Reporter) -> None:
        self._known = [known[place] for place in places if place in known]
        self._waiting = [place for place in places if place not in known]
        self._total = len(places)
        self._orders: list[ComparedOrder] = []
        self._reporter = reporter

    @property
    def is_complete(self) -> bool:
        """Whether none waits."""
        return not self._waiting

    @property
    def next_place(self) -> Place:
        """The one to measure next."""
        return self._waiting[0]

    def emit_known(self) -> None:
        """Emit those that were measured before."""
        for order in self._known:
            self._emit(order)

    def add(self, place: Place, order: ComparedOrder) -> None:
        """Take up one that was measured."""
        self._waiting.remove(place)
        self._emit(order)

    def _emit(self, order: ComparedOrder) -> None:
        self._orders.append(order)
        place = best_first(self._orders).index(order)
        self._reporter.emit(OrderCompared(order, place, len(self._orders), self._total))

    def conclusion(self, how: str) -> str:
        """How it ended, and which is the best so far."""
        if not self._orders:
            return how
        best = best_first(self._orders)[0]
        return f"{how}: best is {best.layer} by {best.ranking} ({len(self._orders)} of {self._total} measured)"
