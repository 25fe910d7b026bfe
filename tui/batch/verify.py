"""`bdtui --verify DIR`: says whether the files of a run are still those that were written."""

from __future__ import annotations

import sys
from pathlib import Path

from bdtui.engine.errors import InputError
from bdtui.engine.runs.manifest import check_manifest
from bdtui.tui.exit_codes import ExitCode
from bdtui.tui.wording import plain


def run_verify(folder: Path) -> ExitCode:
    """Hold a run's folder against its manifest; what is wrong goes to stderr, that all is well to stdout.

    Args:
        folder: of a finished run.
    """
    try:
        check = check_manifest(folder)
    except InputError as problem:
        sys.stderr.write(f"bdtui: error: {plain(str(problem))}\n")
        return ExitCode.USAGE
    for sentence in check.problems:
        sys.stderr.write(f"bdtui: error: {plain(sentence)}\n")
    if check.problems:
        return ExitCode.USAGE
    print(f"{plain(str(folder))}: all {len(check.unchanged)} files are as they were written")
    return ExitCode.DONE
