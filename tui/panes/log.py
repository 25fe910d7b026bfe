"""The log pane."""

from __future__ import annotations

import time
from collections import deque
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.timer import Timer
from textual.widget import Widget
from textual.widgets import RichLog

from bdtui.engine import events
from bdtui.engine.events import Event
from bdtui.tui.finding import first_match
from bdtui.tui.panes.pane import Pane
from bdtui.tui.wording import plain, sentence

_LINES = 2000
_NARROWEST = 20
"""In columns, to which lines are wrapped that are written while the pane is hidden; showing it wraps them anew."""
_WRAP_SECONDS = 0.05


class LogPane(Pane):
    """A log of the last 2,000 lines."""

    TITLE = "Log"
    FINDS: ClassVar[str] = "a part of a line"
    HELP: ClassVar[str] = """\
What was opened, found, reached and written, and every error with its details.

The arrows and `pgup`/`pgdn` scroll, `end` returns to the newest line, `y` copies the last line.
"""

    def __init__(self, id: str) -> None:
        super().__init__(id=id)
        self._channels = 0
        self._last = ""
        self._verdict = ""
        self._entries: deque[Text] = deque(maxlen=_LINES)
        self._wrapping: Timer | None = None
        self._width = 0

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
            case events.VerdictReached():
                # It comes again with every rate; written is what is new.
                found = " ".join(event.verdict.sentences[:2])
                if found != self._verdict:
                    self._verdict = found
                    self.write(found)
                return
            case events.ModelOpened():
                self._verdict = ""
        text = sentence(event, self._channels)
        if text:
            self.write(text, style="bold red" if isinstance(event, events.WorkFailed) else "")
        if isinstance(event, events.WorkFailed):
            for line in event.details.splitlines():
                self.write(line, style="dim")

    def write(self, text: str, style: str = "") -> None:
        self._last = plain(text)
        line = Text.assemble((f"{time.strftime('%H:%M:%S')} ", "dim"), (self._last, style))
        self._entries.append(line)
        self.query_one(RichLog).write(line)

    def on_resize(self) -> None:
        """Wrap all lines anew, once the width has stopped changing."""
        if self._wrapping is not None:
            self._wrapping.stop()
        self._wrapping = self.set_timer(_WRAP_SECONDS, self._wrap)

    def _wrap(self) -> None:
        lines = self.query_one(RichLog)
        width = lines.scrollable_content_region.width
        if width and width != self._width:
            self._width = width
            lines.clear()
            for line in self._entries:
                lines.write(line)

    @property
    def cursor(self) -> int:
        """The topmost line in view."""
        return round(self.query_one(RichLog).scroll_offset.y)

    def find(self, text: str, start: int) -> bool:
        """Scroll to the first line with this text, from a line on and then from the oldest."""
        lines = self.query_one(RichLog)
        row = first_match([line.text for line in lines.lines], text, start)
        if row is not None:
            lines.scroll_to(y=row, animate=False, immediate=True)
        return row is not None

    def copied_text(self) -> str:
        return self._last
