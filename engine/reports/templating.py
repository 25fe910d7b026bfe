"""Templates of reports: everything from outside is escaped, whatever it holds."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from bdtui.engine.reports import markdown_text

_LONGEST = 2_000
"""Characters of a sentence, a name or a path that are shown."""


@cache
def templates() -> Environment:
    """The environment of the templates of reports; escapes for HTML whatever no filter has escaped."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_finalized,
    )
    environment.filters["long"] = _long
    environment.filters["address"] = Markup.escape
    environment.filters["md"] = lambda text: Markup(markdown_text.escaped(_cut(str(text))))
    environment.filters["code"] = lambda text: Markup(markdown_text.code(_cut(str(text))))
    return environment


def _finalized(value: Any) -> Any:
    """What is put into a page: text without what cannot be printed, and not endless."""
    return printable(_cut(value)) if type(value) is str else value


def _long(text: str) -> Markup:
    """A text of many lines, as it is."""
    return Markup.escape("\n".join(printable(line) for line in text.splitlines()))


def printable(text: str) -> str:
    """A text with a sign in place of every character that is not to be seen, such as one that turns the line round."""
    return "".join(c if c.isprintable() else "�" for c in text)


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
