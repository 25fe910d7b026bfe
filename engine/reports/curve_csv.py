"""curve.csv: a row a step."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from bdtui.engine.machine.atomic_files import write_text
from bdtui.engine.pruning.curve import Step


def write_curve(path: Path, curve: Sequence[Step]) -> None:
    """Write curve.csv: a row a step, the columns named as in results.json; empty where there is no value.

    What reversed triggers do has columns only where they stand in for poisoned images.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    estimated = any(step.estimate is not None for step in curve)
    more = ["estimate_low", "estimate_high"] if estimated else []
    writer.writerow(["step", "channel", "fraction", "clean_accuracy", "attack_success_rate", *more])
    for step in curve:
        rates = step.rates
        row = [step.step, step.channel, step.fraction, rates.clean_accuracy, rates.attack_success_rate]
        if estimated:
            row += [None, None] if step.estimate is None else [step.estimate.low, step.estimate.high]
        writer.writerow("" if value is None else value for value in row)
    write_text(path, text.getvalue())
