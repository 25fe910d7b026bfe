"""The manual page, made from the same options as ``--help``: ``python -m bdtui.tui.commands.man_page > docs/bdtui.1``."""

from __future__ import annotations

import argparse
import re
from importlib.metadata import version

_FILES = (
    ("~/.config/bdtui/config.toml", "settings of the app: theme, keymap, keys (bdtui config writes one with comments)"),
    ("~/.local/state/bdtui/recent.json", "recently opened files"),
    ("~/.local/state/bdtui/bdtui.log", "log of the app"),
    ("bdtui-runs/", "where runs go without --out"),
)
_ENVIRONMENT = (
    ("XDG_CONFIG_HOME, XDG_STATE_HOME", "in place of ~/.config and ~/.local/state"),
    ("NO_COLOR", "no colours"),
)


def man_page(parser: argparse.ArgumentParser) -> str:
    """The page, section 1, in the macros of man(7)."""
    name = parser.prog
    paragraphs = (parser.epilog or "").split("\n\n")
    examples = paragraphs[0].removeprefix("examples:\n").splitlines()
    parts = [
        f'.TH {name.upper()} 1 "" "{name} {version("bdtui")}" "User Commands"',
        f".SH NAME\n{name} \\- prune backdoored image classifiers in a terminal",
        f".SH SYNOPSIS\n.B {name}\n[MODEL] [options]\n.br\n.B {name} \\-\\-batch\n[MODEL] [options]\n.br\n"
        f".B {name} report\nDIR [\\-\\-force]\n.br\n.B {name} config\n[\\-\\-force]",
        f".SH DESCRIPTION\n{_roff(parser.description or '')}",
    ]
    for group in parser._action_groups:
        entries = [_option(action) for action in group._group_actions]
        if entries:
            parts.append(f".SH {_roff((group.title or 'options').upper())}\n" + "\n".join(entries))
    parts.append(".SH EXAMPLES\n.nf\n" + "\n".join(_roff(line.strip()) for line in examples) + "\n.fi")
    parts.append(f".SH EXIT STATUS\n{_roff(paragraphs[-1].removeprefix('exit status: '))}")
    for title, entries_of in (("FILES", _FILES), ("ENVIRONMENT", _ENVIRONMENT)):
        parts.append(f".SH {title}\n" + "\n".join(f".TP\n.B {_roff(what)}\n{_roff(does)}" for what, does in entries_of))
    return "\n".join(parts) + "\n"


def _option(action: argparse.Action) -> str:
    value = action.metavar if isinstance(action.metavar, str) else None
    if action.nargs == 0:
        value = None
    elif value is None and action.choices:
        value = "|".join(map(str, action.choices))
    names = [rf"\fB{_roff(name)}\fR" for name in action.option_strings]
    if not names:
        heading = rf"\fI{_roff(value or action.dest)}\fR"
    else:
        heading = ", ".join(names) + (rf" \fI{_roff(value)}\fR" if value else "")
    return f".TP\n{heading}\n{_roff((action.help or '').replace('%%', '%'))}"


def _roff(text: str) -> str:
    """A text so that roff takes nothing in it for its own."""
    escaped = text.replace("\\", r"\e").replace("-", r"\-")
    return re.sub(r"(?m)^([.'])", r"\\&\1", escaped)


if __name__ == "__main__":
    from bdtui.tui.cli import build_parser

    print(man_page(build_parser()), end="")
