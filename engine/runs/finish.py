"""The end of a run: its record, and the files that are made from it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from importlib.metadata import version

import numpy as np

from bdtui.engine.detect.detection import Detection
from bdtui.engine.event_values import ComparedOrder, Threshold
from bdtui.engine.events import Notice, RunFinished, VerdictReached
from bdtui.engine.exports.exported import ExportedNetwork
from bdtui.engine.exports.formats import FORMATS
from bdtui.engine.inputs.datasets import LabelledImages
from bdtui.engine.inputs.model import OpenedModel
from bdtui.engine.inputs.stored_range import StoredRange
from bdtui.engine.inputs.trigger import stamp_of
from bdtui.engine.machine.atomic_files import copy_file, json_text, write_json, write_text
from bdtui.engine.pruning.curve import Step
from bdtui.engine.repair.result import Repair
from bdtui.engine.reporter import Reporter
from bdtui.engine.reports.all_reports import reports_of
from bdtui.engine.reports.comparison_csv import write_comparison
from bdtui.engine.reports.curve_csv import write_curve
from bdtui.engine.reports.curve_png import write_figure
from bdtui.engine.reports.file_names import COMPARISON, CURVE, FIGURE, MANIFEST, RECOMMENDED, REPORT, RESULTS
from bdtui.engine.reports.markdown import write_report_text
from bdtui.engine.reports.record import RecordedImages, RecordedLayer, RecordedModel, RecordedTrigger, RunRecord
from bdtui.engine.reports.verdict import judge, results_json
from bdtui.engine.runs.examples import write_examples
from bdtui.engine.runs.files import RunFiles
from bdtui.engine.runs.folder import discard_leftovers
from bdtui.engine.runs.manifest import computing_versions, manifest_json
from bdtui.engine.runs.preparation import PreparedRun
from bdtui.engine.runs.stopwatch import Stopwatch
from bdtui.engine.settings import BY_HAND, CLEAN_VALID, NEXT, gates_of


def finish_run(
    prepared: PreparedRun,
    curve: Sequence[Step],
    thresholds: Sequence[Threshold],
    files: RunFiles,
    watch: Stopwatch,
    reporter: Reporter,
    comparison: Sequence[ComparedOrder] = (),
    repairs: Sequence[Repair] = (),
    detection: Detection | None = None,
    exports: Sequence[ExportedNetwork] = (),
) -> RunRecord:
    """Write everything but the recipe and the networks, results.json last.

    Args:
        prepared: the run before its first step.
        curve: step 0 first.
        thresholds: in ascending order, with the rates of their networks.
        files: of the run.
        watch: counts the export.
        reporter: receives the end.
        comparison: layers and rankings that were held side by side, the best first.
        repairs: that were carried out.
        detection: what an examination found; None where none was asked for.
        exports: the networks in further formats.

    Raises:
        OutputError: the folder cannot be written to.
    """
    run = run_record(prepared, curve, thresholds, comparison, repairs, detection)
    run = replace(run, exports=tuple(exports), examples=write_examples(prepared, files, reporter))
    files.write(CURVE, lambda path: write_curve(path, run.curve))
    files.write(FIGURE, lambda path: write_figure(path, run))
    if run.comparison:
        files.write(COMPARISON, lambda path: write_comparison(path, run.comparison))
    return close_run(run, prepared.inputs.sha256, prepared.inputs.settings.seed, files, watch, reporter)


def close_run(
    run: RunRecord, inputs: Mapping[str, str], seed: int, files: RunFiles, watch: Stopwatch, reporter: Reporter
) -> RunRecord:
    """Write a copy of what is recommended, the reports, the manifest and, last of all, results.json.

    Args:
        run: all but its seconds.
        inputs: sha256 of every file that was opened, by field name of the settings.
        seed: of the run.
        files: of the run.
        watch: counts the export.
        reporter: receives the end.

    Raises:
        OutputError: the folder cannot be written to.
    """
    verdict = judge(run)
    if verdict.recommended is not None:
        exported = [each.file for each in run.exports if each.network == verdict.recommended and each.file]
        for source in (files.folder / name for name in (verdict.recommended, *exported)):
            files.write(f"{RECOMMENDED}{source.suffix}", partial(copy_file, source))
    for name, text in _reports(run, files, reporter).items():
        files.write(name, partial(write_text, text=text))
    watch.lap("export")
    run = replace(run, seconds={**watch.seconds, "total": watch.total})
    results = results_json(run)
    discard_leftovers(files.folder, kept=files.sha256)
    hashes = {
        **files.sha256,
        RESULTS: hashlib.sha256(json_text(results).encode("utf-8", "backslashreplace")).hexdigest(),
    }
    manifest = manifest_json(hashes, inputs, computing_versions(*_packages(run)), seed)
    files.write(MANIFEST, lambda path: write_json(path, manifest))
    # Last of all: where this file is, the run is complete.
    files.write(RESULTS, lambda path: write_json(path, results))
    reporter.emit(VerdictReached(verdict))
    reporter.emit(RunFinished(str(files.folder), watch.total))
    return run


def _reports(run: RunRecord, files: RunFiles, reporter: Reporter) -> dict[str, str]:
    """The texts of the reports by file name; a fault in one of them does not cost the results."""
    try:
        return reports_of(run, files.folder, files.sha256)
    except Exception as problem:
        reason = f"{type(problem).__name__}: {problem}"
        reporter.emit(
            Notice(
                f"some reports cannot be made ({reason}); bdtui report {files.folder} makes them once that is mended"
            )
        )
        return {REPORT: write_report_text(run)}


def _packages(run: RunRecord) -> list[str]:
    """What wrote and opened the further formats of a run, beside what it computed with."""
    return sorted({module for each in run.exports for module in FORMATS[each.format].modules})


def run_record(
    prepared: PreparedRun,
    curve: Sequence[Step],
    thresholds: Sequence[Threshold],
    comparison: Sequence[ComparedOrder] = (),
    repairs: Sequence[Repair] = (),
    detection: Detection | None = None,
) -> RunRecord:
    """The record of a run, or of what is known of it so far, but for its seconds.

    Args:
        prepared: the run before its first step.
        curve: step 0 first.
        thresholds: in ascending order of the drop.
        comparison: layers and rankings that were held side by side, the best first.
        repairs: that were carried out.
        detection: what an examination found.
    """
    inputs, evaluator = prepared.inputs, prepared.evaluator
    model, settings = inputs.model, inputs.settings
    clean = evaluator.statistics[CLEAN_VALID]
    return RunRecord(
        version=version("bdtui"),
        model=recorded_model(model, inputs.class_names),
        data={
            role: _recorded_images(images, inputs.sha256, inputs.ranges[role]) for role, images in inputs.data.items()
        },
        layout=inputs.data[CLEAN_VALID].layout,
        scale=inputs.preprocessing.scale,
        preprocess=inputs.preprocessing.name,
        mean=inputs.preprocessing.mean,
        deviation=inputs.preprocessing.deviation,
        layer=RecordedLayer(
            evaluator.source.profiled.name,
            evaluator.source.pruned,
            evaluator.channels,
            silent=len(evaluator.silent_from_the_start()),
            inactive=int(np.count_nonzero(clean.firing_share == 0)),
            where_read=bool(evaluator.source.readers),
        ),
        ranking=settings.ranking if settings.order is None else BY_HAND,
        mean_activation=tuple(float(mean) for mean in clean.mean_activation),
        order=tuple(prepared.order),
        baseline_valid=prepared.baseline_valid,
        baseline_test=prepared.baseline_test,
        curve=tuple(curve),
        thresholds=tuple(thresholds),
        notices=tuple(prepared.notices),
        target=prepared.target,
        gates=gates_of(settings),
        comparison=tuple(comparison),
        repairs=tuple(repairs),
        detection=detection,
    )


def recorded_model(model: OpenedModel, class_names: tuple[str, ...]) -> RecordedModel:
    """B as results.json has it."""
    path = str(model.path.resolve())
    shape, dtype = tuple(model.input_shape), model.network.input_dtype
    return RecordedModel(path, model.sha256, model.classes, shape, class_names, dtype)


def _recorded_images(images: LabelledImages, sha256: Mapping[str, str], stored: StoredRange) -> RecordedImages:
    recorded = RecordedImages(str(images.path.resolve()), images.sha256, images.images, ends=stored.ends)
    stamp = stamp_of(images)
    if stamp is None:
        return recorded
    trigger, target = stamp.trigger, NEXT if stamp.target is None else stamp.target
    path = str(trigger.path.resolve())
    return replace(recorded, trigger=RecordedTrigger(path, sha256["trigger"], trigger.row, trigger.column, target))
