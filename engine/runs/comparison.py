"""Compares layers and rankings: the curve of each, on the images of a run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bdtui.engine.errors import OptionError
from bdtui.engine.events import Event, Progress
from bdtui.engine.network.channels import prunable_sources
from bdtui.engine.network.graph import Network
from bdtui.engine.network.layer_kinds import POOLINGS
from bdtui.engine.pruning.comparison import ComparedOrder, summarise_curve
from bdtui.engine.pruning.curve import draw_curve
from bdtui.engine.pruning.rankings import RANKINGS, order_channels
from bdtui.engine.reporter import Reporter
from bdtui.engine.runs.journal import Journal
from bdtui.engine.runs.preparation import PreparedRun, prepare_layer
from bdtui.engine.settings import check_thresholds

NEAR, ALL = "near", "all"
_NEAR = 4
"""Layers near the end that are compared."""


def layers_to_compare(network: Network, reach: str = NEAR) -> list[str]:
    """The layers whose channels are held side by side, each channel once, the last layer first.

    Args:
        network: of B.
        reach: ``near`` for the last four, ``all``.

    Raises:
        OptionError: there is no such reach.
    """
    if reach not in (NEAR, ALL):
        raise OptionError(f"{reach!r} is no set of layers to compare; expected {NEAR} or {ALL}")
    shown: dict[str, str] = {}
    for source in prunable_sources(network):
        # The same channels behind an activation or a pooling: the pooled ones are what the paper ranks by.
        if source.pruned.name not in shown or isinstance(source.profiled.layer, POOLINGS):
            shown[source.pruned.name] = source.profiled.name
    names = list(shown.values())[::-1]
    return names if reach == ALL else names[:_NEAR]


def compare(
    prepared: PreparedRun,
    layers: Sequence[str],
    rankings: Sequence[str] = tuple(RANKINGS),
    *,
    journal: Journal | None = None,
    reporter: Reporter,
) -> Iterator[ComparedOrder]:
    """Draw the curve of every ranking for every layer.

    Args:
        prepared: the run; its own layer is not profiled again.
        layers: names of prunable layers.
        rankings: names of rankings.
        journal: what it knows is not measured again, and what is measured is kept there.
        reporter: receives progress; may stop the work between batches.

    Raises:
        Interrupted: the reporter requested a stop; what was given out holds, and what was measured is kept.
    """
    quiet = Reporter(lambda event: _only_progress(event, reporter), lambda: reporter.stop_requested)
    drops = check_thresholds(prepared.inputs.settings.thresholds)
    for number, layer in enumerate(layers):
        at_hand = prepared.evaluator.source.profiled.name == layer
        there = prepared if at_hand else prepare_layer(prepared, layer, quiet)
        evaluator = there.evaluator
        if journal is not None and not at_hand:
            evaluator.keep_measured_in(journal.measured(layer, evaluator.channels))
        for place, ranking in enumerate(rankings):
            done = number * len(rankings) + place
            reporter.emit(Progress("compare", done, len(layers) * len(rankings), "orders"))
            order = order_channels(evaluator, ranking, prepared.inputs.settings.seed)
            curve = []
            for step in draw_curve(evaluator, order, quiet):
                quiet.checkpoint()
                curve.append(step)
            pruned = evaluator.source.pruned.name
            yield summarise_curve(layer, pruned, ranking, order, curve, drops)


def _only_progress(event: Event, reporter: Reporter) -> None:
    """Pass on how far the work is; what else it says is about networks that nobody opened."""
    if isinstance(event, Progress):
        reporter.emit(event)
