"""``--print-completion``: a shell's completions, made from the same options as the command line."""

from __future__ import annotations

import argparse

from bdtui.engine.option import options_of
from bdtui.engine.settings import RunSettings

SHELLS = ("bash", "zsh", "fish")
_FOLDERS, _FILES = ("out", "verify"), ("recipe",)


def completion_script(parser: argparse.ArgumentParser, shell: str) -> str:
    """The completions for one of `SHELLS`, as a script to be sourced or put where the shell looks for it.

    Args:
        parser: of the command line; its actions are told which of them name files.
    """
    import shtab

    options = options_of(RunSettings)
    for action in parser._actions:
        option = options.get(action.dest)
        if action.dest in _FOLDERS:
            action.complete = shtab.DIRECTORY  # type: ignore[attr-defined]
        elif action.dest in _FILES or (option is not None and option.names_file):
            action.complete = shtab.FILE  # type: ignore[attr-defined]
    return str(shtab.complete(parser, shell))
