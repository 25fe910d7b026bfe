"""What a sweep will take, roughly: from its cells that are done, or else from what small networks take."""

from __future__ import annotations

from collections.abc import Sequence

from bdtui.engine.detect.methods import METHODS, methods_to_run
from bdtui.engine.detect.methods import asked_methods as asked_detectors
from bdtui.engine.repair.methods import AUTO as AUTO_REPAIR
from bdtui.engine.repair.methods import SHRINK_DISTIL, asked_methods, find_method
from bdtui.engine.settings import RunSettings
from bdtui.engine.sweeps.cell import Cell

_START = 5.0
"""Seconds until a worker has loaded TensorFlow, once."""
_PRUNING = 2.5
"""Seconds of a run that only prunes, of a small network with some hundred images."""
_TRAINING_STEP = 0.02
"""Seconds of a training step of such a network."""


def estimate_seconds(cells: Sequence[Cell], workers: int, known: Sequence[float] = ()) -> float:
    """Seconds for some cells on so many workers.

    Args:
        cells: that are to be run.
        workers: one cell at a time each.
        known: seconds of cells of the sweep that are done.
    """
    if not cells:
        return 0.0
    each = [sum(known) / len(known)] * len(cells) if known else [_small_network(cell.settings) for cell in cells]
    return _START + max(sum(each) / workers, *each)


def _small_network(settings: RunSettings) -> float:
    detectors = methods_to_run(asked_detectors(settings.detect), 10, 1000)
    # What auto begins with; often that is all.
    repairs = {SHRINK_DISTIL if asked == AUTO_REPAIR else asked for asked in asked_methods(settings.repair)}
    steps = sum(find_method(name).cost for name in repairs)
    return _PRUNING + sum(METHODS[name].cost for name in detectors) + _TRAINING_STEP * steps
