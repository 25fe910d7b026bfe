"""What a run measured, gathered for results.json and for the report."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

import numpy as np

from bdtui.engine.evaluation.rates import NO_RATES
from bdtui.engine.inputs.opening import OpenedInputs
from bdtui.engine.pruning.curve import Step
from bdtui.engine.reports.record import MeasuredThreshold, ReportedRun
from bdtui.engine.runs.preparation import PreparedRun
from bdtui.engine.settings import BY_HAND, CLEAN_VALID, ROLES

SCHEMA = 1


def results_json(prepared: PreparedRun, curve: Sequence[Step], tested: Sequence[MeasuredThreshold]) -> dict[str, Any]:
    """The content of results.json, but for its ``seconds``.

    Args:
        prepared: the run before its first step.
        curve: step 0 first.
        tested: the thresholds, ascending.
    """
    inputs, session = prepared.inputs, prepared.session
    model, settings = inputs.model, inputs.settings
    return {
        "schema": SCHEMA,
        "version": version("bdtui"),
        "model": {
            "path": str(model.path.resolve()),
            "sha256": model.sha256,
            "classes": model.classes,
            "input_shape": list(model.input_shape),
        },
        "data": {role: _data_json(inputs, role) for role in ROLES},
        "input": {"layout": inputs.data[CLEAN_VALID].layout, "scale": inputs.scale},
        "layer": {
            "profiled": session.source.profiled.name,
            "pruned": session.source.pruned.name,
            "channels": session.channels,
        },
        "ranking": settings.ranking if settings.order is None else BY_HAND,
        "mean_activation": [float(mean) for mean in session.statistics[CLEAN_VALID].mean_activation],
        "order": list(prepared.order),
        "baseline": {"valid": prepared.baseline_valid.as_json(), "test": prepared.baseline_test.as_json()},
        "curve": [_step_json(step) for step in curve],
        "thresholds": [_threshold_json(entry) for entry in tested],
        "repairs": [],
        "detections": [],
    }


def _data_json(inputs: OpenedInputs, role: str) -> dict[str, Any] | None:
    images = inputs.data.get(role)
    if images is None:
        return None
    return {"path": str(images.path.resolve()), "sha256": images.sha256, "images": images.images}


def _step_json(step: Step) -> dict[str, Any]:
    rates = step.rates.as_json()
    shown = {name: rates[name] for name in ("clean_accuracy", "attack_success_rate")}
    return {"step": step.step, "channel": step.channel, "fraction": step.fraction, **shown}


def _threshold_json(entry: MeasuredThreshold) -> dict[str, Any]:
    threshold = entry.threshold
    reached = threshold.step is not None
    return {
        "drop": int(threshold.drop) if threshold.drop == int(threshold.drop) else threshold.drop,
        "reached": reached,
        "step": threshold.step,
        "pruned_channels": list(threshold.channels),
        "model": entry.model,
        "goodnet": entry.goodnet,
        "valid": (threshold.rates or NO_RATES).as_json(),
        "test": {"pruned": entry.pruned_test.as_json(), "goodnet": entry.goodnet_test.as_json(flags=True)},
    }


def reported_run(prepared: PreparedRun, curve: Sequence[Step], tested: Sequence[MeasuredThreshold]) -> ReportedRun:
    """What report.md covers; arguments as for `results_json`."""
    inputs, session = prepared.inputs, prepared.session
    layout = "channel first" if inputs.data[CLEAN_VALID].layout == "nchw" else "channel last"
    pixels = "used as stored" if inputs.scale == 1 else f"divided by {inputs.scale}"
    return ReportedRun(
        version=version("bdtui"),
        model=str(inputs.model.path.resolve()),
        classes=inputs.model.classes,
        data=[(role, str(images.path.resolve()), images.images) for role, images in inputs.data.items()],
        input_sentence=f"Images are stored {layout}; pixels are {pixels}.",
        profiled=session.source.profiled.name,
        pruned=session.source.pruned.name,
        channels=session.channels,
        silent=len(session.silent_from_the_start()),
        inactive=int(np.count_nonzero(session.statistics[CLEAN_VALID].firing_share == 0)),
        ranking=inputs.settings.ranking if inputs.settings.order is None else BY_HAND,
        baseline_valid=prepared.baseline_valid,
        baseline_test=prepared.baseline_test,
        curve=curve,
        tested=tested,
        notices=prepared.notices,
    )
