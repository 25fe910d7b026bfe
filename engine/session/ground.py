"""Where a person stands, profiled: the ground of their moves, and what is known of every channel there."""

from __future__ import annotations

from bdtui.engine.event_values import ChannelFigures
from bdtui.engine.events import ChannelsProfiled
from bdtui.engine.pruning.moves import Place
from bdtui.engine.pruning.rankings import RANKINGS, channel_scores
from bdtui.engine.reporter import SILENT, Reporter
from bdtui.engine.reports.saved_models import planned_thresholds
from bdtui.engine.runs.preparation import PreparedRun
from bdtui.engine.session.exploration import Exploration, Ground
from bdtui.engine.settings import CLEAN_VALID, POISONED_VALID


def explore(prepared: PreparedRun, reporter: Reporter) -> Exploration:
    """The exploration of one profiled layer by one ranking, at step 0 of its order."""
    settings = prepared.inputs.settings
    thresholds = planned_thresholds(settings.thresholds, prepared.inputs.model)
    return Exploration(ground_of(prepared, reporter), prepared.order, thresholds, reporter)


def ground_of(prepared: PreparedRun, reporter: Reporter = SILENT) -> Ground:
    """The place where a run stands, with the orders that the rankings give there, as far as they are known.

    Raises:
        Interrupted: the reporter requested a stop.
    """
    evaluator, settings = prepared.evaluator, prepared.inputs.settings
    ranked = prepared.order_by(settings.ranking, reporter)
    place = Place(evaluator.source.profiled.name, settings.ranking)

    known = [name for name, entry in RANKINGS.items() if not entry.needs_triggers or evaluator.excitation is not None]
    others = tuple(prepared.order_by(name) for name in known if name != settings.ranking)
    return Ground(place, evaluator, ranked, others)


def profile_of(prepared: PreparedRun) -> ChannelsProfiled:
    """What is known of every channel, and what its ranking ranks it by."""
    ranking = prepared.inputs.settings.ranking
    entry = RANKINGS[ranking]
    return ChannelsProfiled(ranking, _figures(prepared), entry.score_name, entry.title)


def _figures(prepared: PreparedRun) -> tuple[ChannelFigures, ...]:
    """What is known of every channel, by index."""
    evaluator = prepared.evaluator
    clean, poisoned = evaluator.statistics[CLEAN_VALID], evaluator.statistics.get(POISONED_VALID)
    silent = set(evaluator.silent_from_the_start())
    norms = evaluator.weight_norms
    settings = prepared.inputs.settings
    scores, poisoned_scores = channel_scores(evaluator, settings.ranking, settings.seed)
    return tuple(
        ChannelFigures(
            channel=channel,
            mean_activation=float(clean.mean_activation[channel]),
            max_activation=float(clean.max_activation[channel]),
            firing_share=float(clean.firing_share[channel]),
            poisoned_mean_activation=None if poisoned is None else float(poisoned.mean_activation[channel]),
            poisoned_firing_share=None if poisoned is None else float(poisoned.firing_share[channel]),
            weight_norm=float(norms[channel]),
            silent=channel in silent,
            score=float(scores[channel]),
            poisoned_score=None if poisoned_scores is None else float(poisoned_scores[channel]),
        )
        for channel in range(evaluator.channels)
    )
