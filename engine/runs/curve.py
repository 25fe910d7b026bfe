"""The curve of a run, with B′ and G of every threshold saved the moment it is reached."""

from __future__ import annotations

from dataclasses import replace

from bdtui.engine.detect.surrogate import SurrogateLayer
from bdtui.engine.event_values import Threshold
from bdtui.engine.events import StepFinished, ThresholdMissed, ThresholdReached
from bdtui.engine.pruning.curve import Step, draw_curve, find_threshold
from bdtui.engine.reporter import Reporter
from bdtui.engine.reports.saved_models import planned_thresholds
from bdtui.engine.runs.files import RunFiles
from bdtui.engine.runs.networks import NetworkSaver
from bdtui.engine.runs.preparation import PreparedRun
from bdtui.engine.runs.stopwatch import Stopwatch


def draw_and_save(
    prepared: PreparedRun,
    curve: list[Step],
    files: RunFiles,
    watch: Stopwatch,
    reporter: Reporter,
    surrogate: SurrogateLayer | None = None,
) -> list[Threshold]:
    """Draw the curve, and save the networks of its thresholds.

    Args:
        prepared: the run before its first step.
        curve: empty; takes up each step as it is finished, and keeps them if the work ends early.
        files: of the run.
        watch: counts the curve and the export.
        reporter: receives every step; is asked whether to stop.
        surrogate: what stands in for poisoned images; None for nothing.

    Returns:
        The thresholds in ascending order, those that were not reached without a step.

    Raises:
        OutputError: the folder cannot be written to.
        Interrupted: the reporter requested a stop.
    """
    evaluator, order, settings = prepared.evaluator, prepared.order, prepared.inputs.settings
    waiting = list(planned_thresholds(settings.thresholds, prepared.inputs.model))
    networks = NetworkSaver(evaluator, files, reporter, compact=settings.compact)
    found = []
    for measured in draw_curve(evaluator, order, reporter):
        estimate = None if surrogate is None else surrogate.along(order, measured.step, reporter)
        step = replace(measured, estimate=estimate)
        curve.append(step)
        rates = step.rates.clean_accuracy, step.rates.attack_success_rate
        reporter.emit(StepFinished(step.step, step.channel, step.fraction, *rates, step.estimate))
        # The first one alone, since all others drop further.
        while waiting and (reached := find_threshold((curve[0], step), order, waiting[0])).step is not None:
            # Measured now, while the classes at this step are at hand: later they would be computed anew.
            evaluator.goodnet_rates("valid", reached.channels, reporter)
            reporter.emit(ThresholdReached(reached.drop, step.step, *rates))
            watch.lap("curve")
            found.append(networks.save(reached))
            watch.lap("export")
            del waiting[0]
        if settings.until_last_threshold and not waiting:
            break
    watch.lap("curve")
    accuracies = [step.rates.clean_accuracy for step in curve if step.rates.clean_accuracy is not None]
    for missed in waiting:
        reporter.emit(ThresholdMissed(missed.drop, accuracies[0] - min(accuracies)))
    return [*found, *waiting]


def measure_networks(prepared: PreparedRun, threshold: Threshold, reporter: Reporter) -> Threshold:
    """A threshold with the rates of its two networks on all image sets."""
    if threshold.step is None:
        return threshold
    evaluator, channels = prepared.evaluator, threshold.channels
    return replace(
        threshold,
        goodnet_valid=evaluator.goodnet_rates("valid", channels, reporter),
        pruned_test=evaluator.rates("test", channels, reporter),
        goodnet_test=evaluator.goodnet_rates("test", channels, reporter),
    )
