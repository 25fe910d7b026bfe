"""The base of all panes: a title, help, and a way to show the engine's events."""

from __future__ import annotations

from typing import ClassVar

from textual.containers import Vertical
from textual.widget import Widget

from bdtui.engine.events import Event


class Pane(Vertical):
    """A pane.

    Attributes:
        TITLE: shown on its border and its tab.
        HELP: Markdown that F1 shows while the pane is focused.
        FINDS: what can be found in it; empty for nothing.
    """

    TITLE: ClassVar[str] = ""
    HELP: ClassVar[str] = ""
    FINDS: ClassVar[str] = ""

    def on_mount(self) -> None:
        self.border_title = self.TITLE

    def show(self, event: Event) -> None:
        """Update the pane from an event; it ignores events that do not concern it."""

    def focus_target(self) -> Widget:
        """The widget to focus when the pane is chosen."""
        return self

    @property
    def cursor(self) -> int:
        """The row under the cursor."""
        return 0

    def find(self, text: str, start: int) -> bool:
        """Move the cursor to the first match from a row on, or to that row for no text; whether there is one."""
        return False

    def copied_text(self) -> str:
        """The text that ``copy`` takes from this pane; empty for none."""
        return ""
