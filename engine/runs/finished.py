"""Whether a folder holds a finished run, and whether it has all that is asked for: then nothing is to be done."""

from __future__ import annotations

from pathlib import Path

from bdtui.engine.detect.methods import POOL, methods_to_run
from bdtui.engine.detect.methods import asked_methods as asked_detectors
from bdtui.engine.errors import DataError
from bdtui.engine.exports.formats import formats_beside
from bdtui.engine.repair.methods import asked_methods
from bdtui.engine.reports.candidates import candidates
from bdtui.engine.reports.file_names import POOL_CSV, RESULTS
from bdtui.engine.reports.record import RunRecord
from bdtui.engine.reports.results import read_results, record_of
from bdtui.engine.runs.manifest import check_manifest
from bdtui.engine.settings import CLEAN_VALID, RunSettings


def finished_run(out: Path) -> tuple[RunRecord | None, tuple[str, ...]]:
    """The run of a folder if it is finished and its files are as they were written.

    Returns:
        The run or None, and a sentence for each file that is not as it was written.

    Raises:
        DataError: results.json is no results of a run at all: it may be somebody's, and is not made again.
    """
    results = out / RESULTS
    if not results.exists():
        return None, ()
    content = read_results(results)
    try:
        problems = check_manifest(out).problems
    except DataError as problem:
        problems = (str(problem),)
    return (None, problems) if problems else (record_of(results, content), ())


def asks_for_more(settings: RunSettings, finished: RunRecord, out: Path) -> bool:
    """Whether settings ask for what a finished run has not: further detectors, repairs, formats or a comparison."""
    repaired = {repair.method.partition(":")[0] for repair in finished.repairs}
    compacted = any(threshold.compaction for threshold in finished.thresholds)
    return (
        bool({*asked_methods(settings.repair)} - repaired)
        or _misses_formats(settings, finished)
        or (settings.compact and not compacted and any(each.step is not None for each in finished.thresholds))
        or (settings.compare is not None and not finished.comparison)
        or _misses_detectors(settings, finished)
        or (POOL in asked_detectors(settings.detect) and not (out / POOL_CSV).exists())
    )


def _misses_formats(settings: RunSettings, finished: RunRecord) -> bool:
    networks = [candidate.file for candidate in candidates(finished)]
    wanted = {(file, each.name) for file in networks for each in formats_beside(file, settings.formats)}
    return bool(wanted - {(each.network, each.format) for each in finished.exports})


def _misses_detectors(settings: RunSettings, finished: RunRecord) -> bool:
    images = finished.data[CLEAN_VALID].images if CLEAN_VALID in finished.data else 0
    asked = methods_to_run(asked_detectors(settings.detect), finished.model.classes, images)
    return bool({*asked} - {*(finished.detection.parts if finished.detection else ())})
