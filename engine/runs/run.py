"""The whole job, from files to files: open, profile, prune, join, measure, write."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from bdtui.engine.errors import Interrupted, Kept, OutOfMemory, OutputError
from bdtui.engine.event_values import Threshold
from bdtui.engine.events import (
    ArtifactWritten,
    Notice,
    Progress,
    RunFinished,
    StepFinished,
    ThresholdMissed,
    ThresholdReached,
)
from bdtui.engine.inputs.recipe import write_recipe_text
from bdtui.engine.machine.atomic_files import json_text, write_json, write_text
from bdtui.engine.machine.device import device_in_use, prepare_backend
from bdtui.engine.machine.device_failures import explain_lost_device
from bdtui.engine.network.goodnet import join_networks
from bdtui.engine.network.pruned_channels import PrunedChannels
from bdtui.engine.pruning.curve import Step, draw_curve, find_threshold, has_dropped, known_steps
from bdtui.engine.pruning.rankings import check_ranking
from bdtui.engine.reporter import Reporter
from bdtui.engine.reports import saved_models
from bdtui.engine.reports.curve_csv import write_curve
from bdtui.engine.reports.curve_png import write_figure
from bdtui.engine.reports.file_names import CURVE, FIGURE, MANIFEST, RECIPE, REPORT, RESULTS, drop_text
from bdtui.engine.reports.markdown import write_report_text
from bdtui.engine.reports.record import RunRecord
from bdtui.engine.reports.reopen_check import SavedModelCheck
from bdtui.engine.reports.saved_models import planned_thresholds
from bdtui.engine.runs.folder import discard_networks, discard_partials, discard_results, planned_folder
from bdtui.engine.runs.journal import Journal, network_name
from bdtui.engine.runs.journal_folder import journalled_folder
from bdtui.engine.runs.manifest import computing_versions, manifest_json
from bdtui.engine.runs.preparation import PreparedRun, in_the_order_left, prepare_run
from bdtui.engine.runs.results import run_record
from bdtui.engine.runs.stopwatch import Stopwatch
from bdtui.engine.settings import RunSettings, check_thresholds

_VERIFIED_IMAGES = 64
"""Of every image set, how many are put through the reopened models."""


@dataclass(frozen=True)
class RunResult:
    """A finished run.

    Attributes:
        out: the folder with its files.
        record: what was measured.
    """

    out: Path
    record: RunRecord

    @property
    def results(self) -> dict[str, Any]:
        """The content of results.json."""
        return self.record.as_json()


def execute_run(
    settings: RunSettings,
    out: Path | None = None,
    *,
    reporter: Reporter,
    resume: bool = False,
    expected_sha256: Mapping[str, str] | None = None,
) -> RunResult:
    """Do everything that ``bdtui --batch`` does.

    No result is written before all inputs have been opened and read; from then on everything is written as soon as it
    is known.

    Args:
        settings: what to do.
        out: output folder, new or empty; None for a new one under ``bdtui-runs/``.
        reporter: hears events, is asked whether to stop.
        resume: the folder may hold a run that was begun with these settings; what it finished is not done again.
        expected_sha256: hashes of the inputs by field name; others are refused.

    Raises:
        InputError: something given cannot be worked with.
        Interrupted: the reporter was told to stop; `kept` says what is left.
    """
    folder = out or planned_folder(settings)
    with journalled_folder(folder, settings, expected_sha256 or {}, may_hold_run=resume) as journal:
        if resume:
            discard_results(folder)
        return carry_out(settings, folder, journal, reporter=reporter, expected_sha256=expected_sha256)


def carry_out(
    settings: RunSettings,
    folder: Path,
    journal: Journal,
    *,
    reporter: Reporter,
    expected_sha256: Mapping[str, str] | None = None,
) -> RunResult:
    """`execute_run` in a folder that is held already, with its journal (`bdtui.engine.runs.journal`).

    What the journal knows to be finished is not done again.
    """
    check_thresholds(settings.thresholds)
    check_ranking(settings.ranking)
    begun = journal.holds_work
    if begun:
        reporter.emit(Notice(f"resuming {folder}: {journal.steps_measured} steps already finished"))
    try:
        with explain_lost_device():
            prepare_backend(settings.device, settings.seed)
            prepared = prepare_run(settings, reporter, expected_sha256, folder)
            keep_in_journal(prepared, journal, reporter)
    except (Interrupted, OutputError, OutOfMemory) as problem:
        if begun:
            problem.kept = Kept(folder)
        elif isinstance(problem, Interrupted):
            problem.kept = Kept()
        raise
    return export_run(in_the_order_left(prepared, journal.moves), folder, journal, reporter=reporter)


def keep_in_journal(prepared: PreparedRun, journal: Journal, reporter: Reporter, *, anew: bool = False) -> None:
    """Keep what is measured of a run in a journal; what the journal knows already is not measured again.

    Args:
        prepared: the run.
        journal: of its folder.
        reporter: hears whether what was finished has to be done again.
        anew: a person begins at step 0 of this layer and order.
    """
    inputs, evaluator = prepared.inputs, prepared.evaluator
    versions = {**computing_versions(), "device": device_in_use()}
    if journal.identify(inputs.settings, inputs.sha256, versions, anew=anew):
        reporter.emit(Notice("finished steps came from another device or other versions; recomputing them"))
    evaluator.keep_measured_in(journal.measured(evaluator.source.profiled.name))


def export_run(prepared: PreparedRun, folder: Path, journal: Journal, *, reporter: Reporter) -> RunResult:
    """Write what ``bdtui --batch`` writes, of a run whose network is opened and profiled already.

    Args:
        prepared: the run.
        folder: that is held, for the files.
        journal: of that folder.
        reporter: hears events, is asked whether to stop.

    Raises:
        OutputError: the folder cannot be written to.
        Interrupted: the reporter was told to stop; `kept` says what is left.
    """
    run = _Run(prepared, folder, journal, reporter)
    try:
        with explain_lost_device():
            return run.execute()
    except (Interrupted, OutputError, OutOfMemory) as problem:
        if isinstance(problem, Interrupted):
            # Where the curve finds no room, the journal has it all the same.
            with suppress(OutputError):
                run.write_unfinished_curve()
        problem.kept = run.kept
        raise


class _Run:
    """One execution: what is known so far, and the files it led to."""

    def __init__(self, prepared: PreparedRun, folder: Path, journal: Journal, reporter: Reporter) -> None:
        self.prepared = prepared
        self.evaluator = prepared.evaluator
        self.folder = folder
        self.journal = journal
        self.reporter = reporter
        self.watch = Stopwatch(prepared.seconds)
        self.curve: list[Step] = []
        self.written: dict[str, str] = {}

    def execute(self) -> RunResult:
        discard_partials(self.folder)
        inputs = self.prepared.inputs
        recipe = write_recipe_text(inputs.settings, inputs.sha256)
        self._write(RECIPE, lambda path: write_text(path, recipe))
        thresholds = self._prune(inputs.settings)
        thresholds = [self._test(threshold) for threshold in thresholds]
        self.watch.lap("test")

        record = run_record(self.prepared, self.curve, thresholds)
        self._write(CURVE, lambda path: write_curve(path, record.curve))
        self._write(FIGURE, lambda path: write_figure(path, record))
        self._write(REPORT, lambda path: write_text(path, write_report_text(record)))
        self.watch.lap("export")
        record = replace(record, seconds={**self.watch.seconds, "total": self.watch.total})
        results = record.as_json()
        discard_networks(self.folder, kept=self.written)
        manifest = self._manifest(json_text(results))
        self._write(MANIFEST, lambda path: write_json(path, manifest))
        # Last of all: where this file is, the run is complete.
        self._write(RESULTS, lambda path: write_json(path, results))
        self.reporter.emit(RunFinished(str(self.folder), self.watch.total))
        return RunResult(self.folder, record)

    def _manifest(self, results: str) -> dict[str, Any]:
        """What was written and is about to be, from what, and by what."""
        hashes = dict(self.written)
        hashes[RESULTS] = hashlib.sha256(results.encode("utf-8", "backslashreplace")).hexdigest()
        inputs = self.prepared.inputs
        return manifest_json(hashes, inputs.sha256, computing_versions(), inputs.settings.seed)

    def write_unfinished_curve(self) -> None:
        """Write the steps finished so far, those too that nobody has been told of."""
        self.curve += known_steps(self.evaluator, self.prepared.order, len(self.curve))
        if len(self.curve) > 1:
            self._write(CURVE, lambda path: write_curve(path, self.curve))

    @property
    def kept(self) -> Kept:
        """What remains of the run if it ends now."""
        return Kept(self.folder, max(0, len(self.curve) - 1), tuple(self.written))

    def _write(self, name: str, write: Callable[[Path], None], network: str = "") -> None:
        path = self.folder / name
        write(path)
        self._add_written(path, self.journal.keep_artifact(path, network))

    def _add_written(self, path: Path, sha256: str) -> None:
        self.written[path.name] = sha256
        self.reporter.emit(ArtifactWritten(str(path)))

    def _prune(self, settings: RunSettings) -> list[Threshold]:
        """Draw the curve, saving B′ and G of every threshold the moment it is reached."""
        order = self.prepared.order
        waiting = list(planned_thresholds(settings.thresholds, self.prepared.inputs.model))
        found = []
        for step in draw_curve(self.evaluator, order, self.reporter):
            self.curve.append(step)
            rates = step.rates
            self.reporter.emit(
                StepFinished(step.step, step.channel, step.fraction, rates.clean_accuracy, rates.attack_success_rate)
            )
            while waiting and _reaches(self.curve, waiting[0].drop):
                threshold = find_threshold(self.curve, order, waiting.pop(0))
                # Measured now, while the classes at this step are at hand: later they would be computed anew.
                self.evaluator.goodnet_rates("valid", threshold.channels, self.reporter)
                self.watch.lap("curve")
                self._export(threshold)
                self.watch.lap("export")
                found.append(threshold)
            if settings.until_last_threshold and not waiting:
                break
        self.watch.lap("curve")
        baseline = self.curve[0].rates.clean
        lowest = min((step.rates.clean.percent for step in self.curve if step.rates.clean), default=0.0)
        for threshold in waiting:
            self.reporter.emit(ThresholdMissed(threshold.drop, (baseline.percent if baseline else 0.0) - lowest))
        return [*found, *waiting]

    def _export(self, threshold: Threshold) -> None:
        """Save B′ and G of a threshold, reopen both, and hold them against what the run says of them."""
        evaluator = self.evaluator
        channels, rates = threshold.channels, threshold.rates
        self.reporter.emit(
            ThresholdReached(threshold.drop, len(channels), rates.clean_accuracy, rates.attack_success_rate)
        )
        pruned, goodnet = threshold.model, threshold.goodnet
        networks = [self.folder / pruned, self.folder / goodnet]
        network = network_name(evaluator.source.profiled.name, PrunedChannels.of(channels))
        kept = [self.journal.held_artifact(path, network) for path in networks]
        if all(kept):
            for path, sha256 in zip(networks, kept, strict=True):
                self._add_written(path, sha256)
            return
        check = self._check(channels)
        stage = f"save X={drop_text(threshold.drop)}"
        self.reporter.emit(Progress(stage, 0, 2, "models"))
        if kept[0]:
            # What is close in B′ need not be equal in G.
            check.check_pruned(networks[0])
            self._add_written(networks[0], kept[0])
        else:
            silenced = evaluator.pruned_model(channels)
            self._write(pruned, lambda path: saved_models.write_model(path, silenced, check.check_pruned), network)
        self.reporter.checkpoint()
        self.reporter.emit(Progress(stage, 1, 2, "models"))
        joined = join_networks(evaluator.model.network, evaluator.source, channels)
        self._write(goodnet, lambda path: saved_models.write_model(path, joined, check.check_goodnet), network)
        self.reporter.emit(Progress(stage, 2, 2, "models"))

    def _check(self, channels: Sequence[int]) -> SavedModelCheck:
        """What the first images of every set are to be under the saved models."""
        evaluator = self.evaluator
        images, pruned, joined = [], [], []
        for role in evaluator.data:
            some = evaluator.first_images(role, _VERIFIED_IMAGES)
            images.append(some)
            pruned.append(evaluator.predict(role, channels)[: len(some)])
            joined.append(evaluator.predict_goodnet(role, channels)[: len(some)])
        return SavedModelCheck(
            evaluator.model.keras_model, np.concatenate(images), np.concatenate(pruned), np.concatenate(joined)
        )

    def _test(self, threshold: Threshold) -> Threshold:
        """A threshold with the rates of its two networks on all image sets."""
        if threshold.step is None:
            return threshold
        channels = threshold.channels
        return replace(
            threshold,
            goodnet_valid=self.evaluator.goodnet_rates("valid", channels, self.reporter),
            pruned_test=self.evaluator.rates("test", channels, self.reporter),
            goodnet_test=self.evaluator.goodnet_rates("test", channels, self.reporter),
        )


def _reaches(curve: Sequence[Step], drop: float) -> bool:
    baseline, now = curve[0].rates.clean, curve[-1].rates.clean
    return bool(baseline and now and has_dropped(baseline, now, drop))
