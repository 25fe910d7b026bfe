"""Tables on stdout, for a screen or a file."""

from __future__ import annotations

import io

from rich.console import Console
from rich.table import Table
from rich.text import Text

_NO_EDGE = 100_000
"""Columns of what is no screen."""


def print_table(console: Console, table: Table) -> None:
    """Print a table; where it goes into a file, without the blanks that fill up its lines."""
    if console.is_terminal:
        console.print(table)
        return
    # A width of its own: names are cut where a table does not fit, and only a screen has an edge.
    printed = io.StringIO()
    Console(file=printed, width=_NO_EDGE).print(table)
    for line in printed.getvalue().splitlines():
        console.print(Text(line.rstrip()), soft_wrap=True)
