"""What screening found, on stdout: how many images are flagged, and the first of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from bdtui.engine.reports.file_names import SCREENED
from bdtui.engine.screen.found import Screening
from bdtui.tui.batch.tables import print_table
from bdtui.tui.wording import plain

_SHOWN = 10


def print_screening(console: Console, found: Screening, out: Path) -> None:
    """Print the most suspicious images, what is to be thought of them, and the folder's name."""
    for sentence in found.sentences:
        console.print(Text(plain(sentence)), soft_wrap=not console.is_terminal)
    console.print()
    most = np.argsort(-found.scores, kind="stable")[:_SHOWN]
    shown = "" if len(found.names) <= _SHOWN else f", the first {_SHOWN}"
    console.print(Text(f"Most suspicious images first{shown}; class: what the network says"), soft_wrap=True)
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("image", overflow="fold")
    for heading in ("score", "flagged", "class"):
        table.add_column(heading, justify="right")
    for number in most:
        flagged = "yes" if found.flagged[number] else "no"
        name = Text(plain(found.names[number]))
        table.add_row(name, f"{found.scores[number]:.4f}", flagged, str(found.classes[number]))
    print_table(console, table)
    console.print(Text(plain(f"all images in {out / SCREENED}")), soft_wrap=True)
