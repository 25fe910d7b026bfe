"""The record of a run, gathered from what was opened and measured."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version

import numpy as np

from bdtui.engine.event_values import Threshold
from bdtui.engine.pruning.curve import Step
from bdtui.engine.reports.record import RecordedImages, RecordedLayer, RecordedModel, RunRecord
from bdtui.engine.runs.preparation import PreparedRun
from bdtui.engine.settings import BY_HAND, CLEAN_VALID


def run_record(prepared: PreparedRun, curve: Sequence[Step], thresholds: Sequence[Threshold]) -> RunRecord:
    """The record of a run, but for its seconds.

    Args:
        prepared: the run before its first step.
        curve: step 0 first.
        thresholds: in ascending order of the drop.
    """
    inputs, evaluator = prepared.inputs, prepared.evaluator
    model, settings = inputs.model, inputs.settings
    clean = evaluator.statistics[CLEAN_VALID]
    return RunRecord(
        version=version("bdtui"),
        model=RecordedModel(str(model.path.resolve()), model.sha256, model.classes, tuple(model.input_shape)),
        data={
            role: RecordedImages(str(images.path.resolve()), images.sha256, images.images)
            for role, images in inputs.data.items()
        },
        layout=inputs.data[CLEAN_VALID].layout,
        scale=inputs.scale,
        layer=RecordedLayer(
            evaluator.source.profiled.name,
            evaluator.source.pruned.name,
            evaluator.channels,
            silent=len(evaluator.silent_from_the_start()),
            inactive=int(np.count_nonzero(clean.firing_share == 0)),
        ),
        ranking=settings.ranking if settings.order is None else BY_HAND,
        mean_activation=tuple(float(mean) for mean in clean.mean_activation),
        order=tuple(prepared.order),
        baseline_valid=prepared.baseline_valid,
        baseline_test=prepared.baseline_test,
        curve=tuple(curve),
        thresholds=tuple(thresholds),
        notices=tuple(prepared.notices),
    )
