"""Compares layers and rankings: the curve of each, on the images of a run."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace

from bdtui.engine.detect.surrogate import Surrogate, SurrogateLayer
from bdtui.engine.event_values import ComparedOrder
from bdtui.engine.events import Event, OrderCompared, Progress
from bdtui.engine.pruning.comparison import best_first, summarise_curve
from bdtui.engine.pruning.curve import draw_curve
from bdtui.engine.pruning.moves import Place
from bdtui.engine.pruning.rankings import RANKINGS
from bdtui.engine.reporter import Reporter
from bdtui.engine.runs.journal import Journal
from bdtui.engine.runs.preparation import PreparedRun, image_counts, prepare_layer
from bdtui.engine.settings import check_thresholds


def places_to_compare(layers: Sequence[str], rankings: Sequence[str] = tuple(RANKINGS)) -> list[Place]:
    """Every ranking of every layer, in the order in which they are measured."""
    return [Place(layer, ranking) for layer in layers for ranking in rankings]


def compare(
    prepared: PreparedRun,
    places: Sequence[Place],
    *,
    journal: Journal | None = None,
    reporter: Reporter,
    surrogate: Surrogate | None = None,
) -> Iterator[ComparedOrder]:
    """Draw the curve of every place, and emit each once it is measured.

    Args:
        prepared: the run; its own layer is not profiled again.
        places: of prunable layers, those of a layer one behind the other.
        journal: what it knows is not measured again, and what is measured is kept there.
        reporter: receives progress; may stop the work between batches.
        surrogate: what stands in for poisoned images; None for nothing.

    Raises:
        Interrupted: the reporter requested a stop; what was given out holds, and what was measured is kept.
    """
    known = {} if journal is None else known_places(journal.compared(*image_counts(prepared)), prepared)
    there = prepared
    found: list[ComparedOrder] = []
    estimating: SurrogateLayer | None = None
    layer = ""
    for place in places:
        reporter.emit(Progress("compare", len(found), len(places), "orders"))
        one = known.get(place)
        if one is None:
            if there.evaluator.source.profiled.name != place.layer:
                own = prepared.evaluator.source.profiled.name == place.layer
                there = prepared if own else prepare_layer(prepared, place.layer, only_progress(reporter))
                if journal is not None and not own:
                    evaluator = there.evaluator
                    evaluator.keep_measured_in(journal.measured(place.layer, evaluator.channels))
            if surrogate is not None and layer != place.layer:
                layer = place.layer
                estimating = surrogate.of_layer(there.inputs.model, there.evaluator.source, only_progress(reporter))
            if RANKINGS[place.ranking].needs_triggers:
                # Here, so that a notice about them is heard.
                prepared.suspects.find(reporter)
            one = compare_order(there, place.ranking, only_progress(reporter), estimating)
            if journal is not None:
                journal.keep_compared([one])
        found.append(one)
        reporter.emit(OrderCompared(one, best_first(found).index(one), len(found), len(places)))
        yield one


def compare_order(
    prepared: PreparedRun, ranking: str, reporter: Reporter, surrogate: SurrogateLayer | None = None
) -> ComparedOrder:
    """Draw the curve of a profiled layer in the order of a ranking.

    Where something stands in for poisoned images, what it does is estimated at each threshold.

    Raises:
        Interrupted: the reporter requested a stop; the evaluator knows what was measured.
    """
    evaluator, settings = prepared.evaluator, prepared.inputs.settings
    order = prepared.order_by(ranking, reporter)
    curve = []
    for step in draw_curve(evaluator, order, reporter):
        reporter.checkpoint()
        curve.append(step)
    source = evaluator.source
    found = summarise_curve(
        source.profiled.name, source.pruned, ranking, order, curve, check_thresholds(settings.thresholds)
    )
    if surrogate is None:
        return found
    thresholds = [
        one if one.step is None else replace(one, estimate=surrogate.at(order[: one.step], reporter))
        for one in found.thresholds
    ]
    return replace(found, thresholds=tuple(thresholds))


def known_places(compared: Collection[ComparedOrder], prepared: PreparedRun) -> dict[Place, ComparedOrder]:
    """Orders that were compared at the thresholds of a run, by place."""
    drops = check_thresholds(prepared.inputs.settings.thresholds)
    return {
        Place(one.layer, one.ranking): one
        for one in compared
        if tuple(threshold.drop for threshold in one.thresholds) == drops
    }


def whole_layers(compared: Collection[ComparedOrder]) -> list[str]:
    """The layers that were compared by every ranking."""
    places = {Place(one.layer, one.ranking) for one in compared}
    layers = dict.fromkeys(one.layer for one in compared)
    return [layer for layer in layers if places.issuperset(places_to_compare([layer]))]


def only_progress(reporter: Reporter) -> Reporter:
    """A reporter that passes on how far the work is; what else is emitted is about networks that nobody opened."""

    def emit(event: Event) -> None:
        if isinstance(event, Progress):
            reporter.emit(event)

    return Reporter(emit, lambda: reporter.stop_requested)
