"""The log pane."""

from __future__ import annotations

import time
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.widget import Widget
from textual.widgets import RichLog

from bdtui.engine import events
from bdtui.engine.events import Event
from bdtui.tui.panes.pane import Pane
from bdtui.tui.wording import plain, sentence

_LINES = 2000
_NARROWEST = 56
"""In columns: a hidden pane has width 0, and lines written to it would be wrapped to that."""


class LogPane(Pane):
    """A log of the last 2,000 lines."""

    TITLE = "Log"
    HELP: ClassVar[str] = """\
What was opened, found, reached and written, and every error with its details.

The arrows and `pgup`/`pgdn` scroll, `end` returns to the newest line, `y` copies the last line.
"""

    def __init__(self, id: str) -> None:
        super().__init__(id=id)
        self._channels = 0
        self._last = ""

    def compose(self) -> ComposeResult:
        yield RichLog(max_lines=_LINES, min_width=_NARROWEST, wrap=True, markup=False, highlight=False, id="log-lines")

    def focus_target(self) -> Widget:
        return self.query_one(RichLog)

    def show(self, event: Event) -> None:
        """Write the event's text, if it has one."""
        match event:
            case events.LayerChosen():
                self._channels = event.channels
            case events.PicturesTaken() | events.StepFinished() | events.Progress():
                return
        text = sentence(event, self._channels)
        if text:
            self.write(text, style="bold red" if isinstance(event, events.WorkFailed) else "")
        if isinstance(event, events.WorkFailed):
            for line in event.details.splitlines():
                self.write(line, style="dim")

    def write(self, text: str, style: str = "") -> None:
        self._last = plain(text)
        clock = time.strftime("%H:%M:%S")
        self.query_one(RichLog).write(Text.assemble((f"{clock} ", "dim"), (self._last, style)))

    def copied_text(self) -> str:
        return self._last
