"""``bdtui config``: writes a settings file with every setting in it as a comment."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from bdtui.tui.exit_codes import ExitCode
from bdtui.tui.preferences import preferences_path
from bdtui.tui.preferences_file import write_commented_settings


def run_config(parser: argparse.ArgumentParser, arguments: Sequence[str]) -> ExitCode:
    """Write the file and print its path.

    Args:
        parser: an empty one, for this command.
        arguments: those after ``config``.

    Raises:
        InputError: the file is there already, or cannot be written.
    """
    parser.description = (
        "Write a settings file for the app, with every setting and a line about it, and print its path."
    )
    parser.add_argument("--force", action="store_true", help="replace the file that is there")
    options = parser.parse_args(arguments)
    path = preferences_path()
    write_commented_settings(path, force=options.force)
    print(path)
    return ExitCode.DONE
