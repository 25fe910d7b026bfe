"""comparison.csv: a row for each layer, ranking and threshold, the best layer and ranking first."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from bdtui.engine.event_values import ComparedOrder
from bdtui.engine.machine.atomic_files import write_text

_ORDER = ("layer", "pruned", "channels", "ranking", "accuracy_area", "asr_area")


def write_comparison(path: Path, comparison: Sequence[ComparedOrder]) -> None:
    """Write comparison.csv, the columns named as in results.json; empty where there is no value."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    estimated = any(one.estimate is not None for order in comparison for one in order.thresholds)
    more = ["estimate_low", "estimate_high"] if estimated else []
    writer.writerow([*_ORDER, "drop", "step", "clean_accuracy", "attack_success_rate", *more])
    for order in comparison:
        for threshold in order.thresholds:
            rates = threshold.rates
            row = [getattr(order, name) for name in _ORDER]
            row += [f"{threshold.drop:g}", threshold.step, rates.clean_accuracy, rates.attack_success_rate]
            if estimated:
                found = threshold.estimate
                row += [None, None] if found is None else [found.low, found.high]
            writer.writerow("" if value is None else value for value in row)
    write_text(path, text.getvalue())
