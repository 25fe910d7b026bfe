"""The layers of an opened network that were profiled: going back to one costs nothing, as long as it is a recent one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from bdtui.engine.network.channels import find_source
from bdtui.engine.pruning.moves import ChooseLayer, History, Move, Place, Position
from bdtui.engine.pruning.rankings import check_ranking
from bdtui.engine.reporter import Reporter
from bdtui.engine.runs.comparison import only_progress
from bdtui.engine.runs.preparation import PreparedRun, prepare_layer

_MOST = 3
"""Layers that are kept: the values at their cuts take memory, or room on the disk."""


class ProfiledLayers:
    """The last few layers that were profiled.

    Args:
        first: the run as it was opened.
        keep_rates: is given each run of another layer, to let it know what was measured of that layer before.
    """

    def __init__(self, first: PreparedRun, keep_rates: Callable[[PreparedRun], None] = lambda prepared: None) -> None:
        self._keep_rates = keep_rates
        self._kept = {first.evaluator.source.profiled.name: first}
        self.begun_at = Place(first.evaluator.source.profiled.name, first.inputs.settings.ranking)
        """Where the run begins."""

    def run_at(self, place: Place, reporter: Reporter) -> PreparedRun:
        """The run with the channels of a layer in the order of a ranking.

        Raises:
            InputError: there is no such layer or ranking, or it cannot be pruned soundly.
            Interrupted: the reporter requested a stop.
        """
        check_ranking(place.ranking)
        latest = next(reversed(self._kept.values()))
        layer = self._full_name(place.layer)
        prepared = self._kept.pop(layer, None)
        if prepared is None:
            prepared = prepare_layer(latest, layer, only_progress(reporter))
            self._keep_rates(prepared)
        self._kept[layer] = prepared
        while len(self._kept) > _MOST:
            del self._kept[next(iter(self._kept))]
        settings = replace(prepared.inputs.settings, layer=layer, ranking=place.ranking, order=None)
        order = prepared.order_by(place.ranking, reporter)
        return replace(prepared, inputs=replace(prepared.inputs, settings=settings), order=order)

    def named_in_full(self, move: Move) -> Move:
        """The same move; a layer of a nested model may have been named without that model.

        Raises:
            ModelError: there is no such layer, or it cannot be pruned soundly.
        """
        return replace(move, layer=self._full_name(move.layer)) if isinstance(move, ChooseLayer) else move

    def _full_name(self, layer: str) -> str:
        if layer in self._kept:
            return layer
        network = next(iter(self._kept.values())).inputs.model.network
        return find_source(network, layer).profiled.name


def in_the_order_left(prepared: PreparedRun, moves: Sequence[Move], reporter: Reporter) -> PreparedRun:
    """The run with the layer and the order of its channels that a person has left in the journal.

    Raises:
        InputError: the moves lead nowhere.
        Interrupted: the reporter requested a stop.
    """
    if not moves:
        return prepared
    layers = ProfiledLayers(prepared)
    history = History.beginning_at(Position(prepared.order, place=layers.begun_at))
    for move in moves:
        history = history.after(move, lambda place: layers.run_at(place, reporter).order)
    left = history.present
    return (prepared if left.place == layers.begun_at else layers.run_at(left.place, reporter)).reordered(left.order)
