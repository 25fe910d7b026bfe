"""pool.csv: a row an image of a labelled pool."""

from __future__ import annotations

import csv
import io
from pathlib import Path

from bdtui.engine.detect.pool import JudgedPool
from bdtui.engine.machine.atomic_files import write_text


def write_pool(path: Path, found: JudgedPool) -> None:
    """Write pool.csv: image (its number from 0, in the order of the file or the folder), label, score, flagged, why."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["image", "label", "score", "flagged", "why"])
    for number, label in enumerate(found.labels):
        score = repr(float(found.scores[number]))
        writer.writerow([number, int(label), score, int(found.flagged[number]), found.why(number)])
    write_text(path, text.getvalue())
