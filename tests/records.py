"""A run's record for tests, made up and changed where a claim needs it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from bdtui.engine.rates import NO_RATES, Rates, Share
from bdtui.engine.reports.record import RecordedImages, RecordedLayer, RecordedModel, RunRecord
from bdtui.engine.settings import CLEAN_VALID

IMAGES = 10_000


def share(percent: float | None) -> Share | None:
    """A share of 10,000 images."""
    return None if percent is None else Share(round(percent * IMAGES / 100), IMAGES)


def rates(accuracy: float | None, asr: float | None) -> Rates:
    """Rates in percent, with at most two decimals."""
    return Rates(clean=share(accuracy), attack=share(asr))


def record(name: str = "net.h5", **changed: Any) -> RunRecord:
    """A run on clean validation images alone that reached nothing.

    Args:
        name: of the model, of its layers, and of the images.
        changed: fields with other values.
    """
    run = RunRecord(
        version="0",
        model=RecordedModel(name, "0" * 64, 5, (8, 8, 3)),
        data={CLEAN_VALID: RecordedImages(name, "1" * 64, IMAGES)},
        layout="nhwc",
        scale=1,
        layer=RecordedLayer(name, name, 4, silent=0, inactive=0),
        ranking="mean-activation",
        mean_activation=(0.0, 1.0, 2.0, 3.0),
        order=(0, 1, 2, 3),
        baseline_valid=NO_RATES,
        baseline_test=NO_RATES,
        curve=(),
        thresholds=(),
    )
    return replace(run, **changed)
