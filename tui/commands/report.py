"""``bdtui report``: makes the reports of a finished run again from its results.json."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from bdtui.engine.runs.reports_again import make_reports_again
from bdtui.tui.exit_codes import ExitCode
from bdtui.tui.wording import plain


def run_report(parser: argparse.ArgumentParser, arguments: Sequence[str]) -> ExitCode:
    """Make the reports and print their paths; what is doubtful goes to stderr.

    Args:
        parser: an empty one, for this command.
        arguments: those after ``report``.

    Raises:
        InputError: the folder holds no results, or cannot be written to.
    """
    parser.description = (
        "Make report.html and the other reports of a finished run again, from its results.json. The results and the "
        "networks stay as they are."
    )
    parser.add_argument("folder", metavar="DIR", type=Path, help="of a run of this or of an earlier version")
    parser.add_argument("--force", action="store_true", help="also replace a report that was edited")
    options = parser.parse_args(arguments)
    made = make_reports_again(options.folder, replace_changed=options.force)
    for notice in made.notices:
        print(f"bdtui: {plain(notice)}", file=sys.stderr)
    for path in made.written:
        print(plain(str(path)))
    return ExitCode.DONE
