"""The whole job, from files to files: open, profile, prune, join, measure, write."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bdtui.engine.detect.methods import asked_methods as asked_detectors
from bdtui.engine.errors import Interrupted, Kept, OutOfMemory, OutputError
from bdtui.engine.events import Notice
from bdtui.engine.exports.formats import asked_formats
from bdtui.engine.inputs.recipe import write_recipe_text
from bdtui.engine.machine.atomic_files import write_text
from bdtui.engine.machine.device import prepare_backend
from bdtui.engine.machine.device_failures import explain_device_failures
from bdtui.engine.pruning.comparison import best_first
from bdtui.engine.pruning.curve import Step, known_steps
from bdtui.engine.pruning.rankings import check_ranking
from bdtui.engine.repair.methods import asked_methods
from bdtui.engine.reporter import Reporter
from bdtui.engine.reports.curve_csv import write_curve
from bdtui.engine.reports.file_names import CURVE, RECIPE
from bdtui.engine.reports.record import RunRecord
from bdtui.engine.reports.verdict import results_json
from bdtui.engine.runs.compared_layers import layers_to_compare
from bdtui.engine.runs.comparison import compare, known_places, places_to_compare, whole_layers
from bdtui.engine.runs.curve import draw_and_save, measure_networks
from bdtui.engine.runs.detecting import detect_backdoor
from bdtui.engine.runs.exporting import export_networks
from bdtui.engine.runs.files import RunFiles
from bdtui.engine.runs.finish import finish_run
from bdtui.engine.runs.folder import discard_partials, discard_results, planned_folder
from bdtui.engine.runs.journal import Journal
from bdtui.engine.runs.journal_folder import open_run_folder
from bdtui.engine.runs.preparation import PreparedRun, identify_inputs, image_counts, prepare_run
from bdtui.engine.runs.profiled_layers import in_the_order_left
from bdtui.engine.runs.repairing import kept_repairs, repair_networks
from bdtui.engine.runs.stopwatch import Stopwatch
from bdtui.engine.runs.without_images import examine_network
from bdtui.engine.settings import RunSettings, check_thresholds, is_without_images, with_all_said


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
        return results_json(self.record)


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
        reporter: receives events; is asked whether to stop.
        resume: the folder may hold a run that was begun with these settings; what it finished is not done again.
        expected_sha256: hashes of the inputs by field name; others are refused.

    Raises:
        InputError: something given cannot be worked with.
        Interrupted: the reporter requested a stop; `kept` says what is left.
    """
    folder = out or planned_folder(settings)
    with open_run_folder(folder, settings, expected_sha256 or {}, may_hold_run=resume) as journal:
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
    settings = with_all_said(settings)
    check_thresholds(settings.thresholds)
    check_ranking(settings.ranking)
    asked_methods(settings.repair)
    asked_detectors(settings.detect)
    asked_formats(settings.formats)
    if is_without_images(settings):
        return RunResult(folder, examine_network(settings, folder, journal, reporter, expected_sha256))
    begun = journal.holds_work
    if begun:
        reporter.emit(Notice(_resuming(folder, journal.steps_measured)))
    try:
        with explain_device_failures():
            prepare_backend(settings.device, settings.seed)
            prepared = prepare_run(settings, reporter, expected_sha256, folder, journal)
            keep_in_journal(prepared, journal, reporter)
            prepared = in_the_order_left(prepared, journal.moves, reporter)
            _know(prepared, journal)
    except (Interrupted, OutputError, OutOfMemory) as problem:
        if begun or journal.holds_work:
            problem.kept = Kept(folder)
        elif isinstance(problem, Interrupted):
            problem.kept = Kept()
        raise
    return export_run(prepared, folder, journal, reporter=reporter)


def _resuming(folder: Path, steps: int) -> str:
    measured = "no step is" if not steps else "1 step is" if steps == 1 else f"{steps} steps are"
    # Several are measured together, before the first of them is shown: a run that was killed knows more than it said.
    return f"resuming {folder}: {measured} measured already" + (", which may be more than were shown" if steps else "")


def keep_in_journal(prepared: PreparedRun, journal: Journal, reporter: Reporter) -> None:
    """Keep what is measured of a run in a journal; what the journal knows already is not measured again.

    Args:
        prepared: the run.
        journal: of its folder.
        reporter: gets a notice where what was finished has to be done again.
    """
    identify_inputs(prepared.inputs, journal, reporter)
    _know(prepared, journal)


def _know(prepared: PreparedRun, journal: Journal) -> None:
    evaluator = prepared.evaluator
    layer = evaluator.source.profiled.name
    journal.stand_at(layer, evaluator.channels)
    evaluator.keep_measured_in(journal.measured(layer, evaluator.channels))


def _with_comparison(prepared: PreparedRun, journal: Journal) -> tuple[PreparedRun, list[str]]:
    """The run with the layers that it compares: those asked for, and those that a person has compared in the app.

    Raises:
        ModelError: a layer that was asked for does not exist or cannot be pruned soundly.
    """
    inputs, asked = prepared.inputs, prepared.inputs.settings.compare
    own = prepared.evaluator.source.profiled.name
    layers = [] if asked is None else layers_to_compare(inputs.model.network, asked, own)
    known = known_places(journal.compared(*image_counts(prepared)), prepared)
    more = [layer for layer in whole_layers(known.values()) if layer not in layers]
    if more:
        layers += more
        settings = replace(inputs.settings, compare=tuple(layers))
        prepared = replace(prepared, inputs=replace(inputs, settings=settings))
    return prepared, layers


def _with_repairs(prepared: PreparedRun, files: RunFiles, journal: Journal) -> PreparedRun:
    """The run with the repairs that were asked for, and those that a person has carried out in the app."""
    inputs, asked = prepared.inputs, asked_methods(prepared.inputs.settings.repair)
    more = [name for name in kept_repairs(prepared, files, journal) if name not in asked]
    if not more:
        return prepared
    return replace(prepared, inputs=replace(inputs, settings=replace(inputs.settings, repair=(*asked, *more))))


def export_run(prepared: PreparedRun, folder: Path, journal: Journal, *, reporter: Reporter) -> RunResult:
    """Write what ``bdtui --batch`` writes, of a run whose network is opened and profiled already.

    Args:
        prepared: the run.
        folder: that is held, for the files.
        journal: of that folder.
        reporter: receives events; is asked whether to stop.

    Raises:
        OutputError: the folder cannot be written to.
        Interrupted: the reporter requested a stop; `kept` says what is left.
    """
    files, watch = RunFiles(folder, journal, reporter), Stopwatch(prepared.seconds)
    prepared, layers = _with_comparison(prepared, journal)
    prepared = _with_repairs(prepared, files, journal)
    names = asked_methods(prepared.inputs.settings.repair)
    inputs, curve = prepared.inputs, list[Step]()
    try:
        with explain_device_failures():
            discard_partials(folder)
            files.write(RECIPE, lambda path: write_text(path, write_recipe_text(inputs.settings, inputs.sha256)))
            found = detect_backdoor(prepared, files, journal, reporter)
            if found is not None:
                watch.lap("detect")
            surrogate = None if found is None else found.surrogate
            layer = None if surrogate is None else surrogate.of_layer(inputs.model, prepared.evaluator.source, reporter)
            thresholds = draw_and_save(prepared, curve, files, watch, reporter, layer)
            thresholds = [measure_networks(prepared, threshold, reporter) for threshold in thresholds]
            watch.lap("test")
            places = places_to_compare(layers)
            comparison = list(compare(prepared, places, journal=journal, reporter=reporter, surrogate=surrogate))
            if comparison:
                watch.lap("compare")
            repairs = repair_networks(prepared, names, files, journal, reporter, surrogate) if names else []
            if repairs:
                watch.lap("repair")
            exports = export_networks(prepared, thresholds, repairs, files, reporter)
            if exports:
                watch.lap("formats")
            ordered, detection = best_first(comparison), None if found is None else found.detection
            record = finish_run(
                prepared, curve, thresholds, files, watch, reporter, ordered, repairs, detection, exports
            )
            return RunResult(folder, record)
    except (Interrupted, OutputError, OutOfMemory) as problem:
        if isinstance(problem, Interrupted):
            # Steps that were measured and not emitted count as finished; where the curve finds no room, the journal
            # has it all the same.
            curve += known_steps(prepared.evaluator, prepared.order, len(curve))
            with suppress(OutputError):
                if len(curve) > 1:
                    files.write(CURVE, lambda path: write_curve(path, curve))
        problem.kept = Kept(folder, max(0, len(curve) - 1), tuple(files.sha256))
        raise
