"""The table of suspected classes on stdout."""

from __future__ import annotations

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from bdtui.engine.detect.detection import Detection
from bdtui.engine.reports.record import RunRecord
from bdtui.tui.batch.tables import print_table
from bdtui.tui.wording import plain


def print_detection(console: Console, run: RunRecord, found: Detection) -> None:
    """Print the most suspicious classes; nothing where no method tells classes apart."""
    if not found.suspects:
        return
    title = "Suspected classes, most suspicious first; estimate: share of clean images that the reversed trigger moves there"
    console.print(Text(title), soft_wrap=True)
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("class")
    for heading in ("score", "p", "estimate"):
        table.add_column(heading, justify="right")
    table.add_column("trigger")
    for each in found.suspects:
        estimate = "–" if each.surrogate_asr is None else f"{each.surrogate_asr:.1f} %"
        chance = "–" if each.p is None else f"{each.p:.2g}"
        name = Text(plain(run.model.class_text(each.target)))
        table.add_row(name, f"{each.score:.2f}", chance, estimate, Text(plain(each.trigger_file or "–")))
    print_table(console, table)
