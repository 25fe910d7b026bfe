"""Judges a labelled pool that may be poisoned: ``--detect pool``. It says something of images, not of the network."""

from __future__ import annotations

from bdtui.engine.detect.pool import JudgedPool
from bdtui.engine.detect.pool_activations import judge_pool_of
from bdtui.engine.detect.subject import look_at
from bdtui.engine.events import Notice
from bdtui.engine.inputs.datasets import LabelledImages, open_dataset
from bdtui.engine.inputs.opening import OpenedInputs
from bdtui.engine.reporter import Reporter
from bdtui.engine.reports.file_names import POOL_CSV
from bdtui.engine.reports.pool_csv import write_pool
from bdtui.engine.runs.files import RunFiles
from bdtui.engine.settings import CLEAN_VALID


def judge_labelled_pool(inputs: OpenedInputs, files: RunFiles, reporter: Reporter) -> JudgedPool:
    """Judge the pool that ``--pool`` names, or the clean validation images, and write pool.csv.

    Raises:
        DataError: the pool cannot be read, or does not fit the network.
        OutputError: the folder cannot be written to.
        Interrupted: the reporter requested a stop.
    """
    pool = _open_pool(inputs, reporter)
    subject = look_at(inputs.model.network, pool.image_shape, seed=inputs.settings.seed)
    with pool.reader() as read:
        found = judge_pool_of(subject, read, pool.labels, reporter)
    files.write(POOL_CSV, lambda path: write_pool(path, found))
    for sentence in found.sentences:
        reporter.emit(Notice(sentence))
    return found


def _open_pool(inputs: OpenedInputs, reporter: Reporter) -> LabelledImages:
    settings, clean = inputs.settings, inputs.data[CLEAN_VALID]
    if settings.pool is None:
        return clean
    pool = open_dataset(
        settings.pool,
        clean.image_shape,
        inputs.model.classes,
        settings.layout,
        keys=settings.keys,
        class_names=inputs.class_names,
        first_label=clean.first_label,
        skip_broken=settings.skip_broken,
        reporter=reporter,
    )
    for reading in pool.readings:
        reporter.emit(Notice(reading))
    return inputs.prepared_alike(pool)
