"""screened.csv: a row an image that was judged."""

from __future__ import annotations

import csv
import io
from pathlib import Path

from bdtui.engine.machine.atomic_files import write_text
from bdtui.engine.screen.found import Screening


def write_screened(path: Path, found: Screening) -> None:
    """Write screened.csv: image, score, flagged (0 or 1), why; in the order of the images."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["image", "score", "flagged", "why"])
    for number, name in enumerate(found.names):
        # Names of files may be no text at all.
        shown = name.encode("utf-8", "backslashreplace").decode()
        writer.writerow([shown, repr(float(found.scores[number])), int(found.flagged[number]), found.why(number)])
    write_text(path, text.getvalue())
