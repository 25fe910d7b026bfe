"""curve.csv: a row a step."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from bdtui.engine.machine.atomic_files import write_text
from bdtui.engine.pruning.curve import Step


def write_curve(path: Path, curve: Sequence[Step]) -> None:
    """Write curve.csv: a row a step, the columns named as in results.json; empty where there is no value."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["step", "channel", "fraction", "clean_accuracy", "attack_success_rate"])
    for step in curve:
        rates = step.rates
        row = [step.step, step.channel, step.fraction, rates.clean_accuracy, rates.attack_success_rate]
        writer.writerow("" if value is None else value for value in row)
    write_text(path, text.getvalue())
