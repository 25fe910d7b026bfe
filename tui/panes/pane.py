"""What every area of the screen has in common: a title, help, and that it shows the engine's events."""

from __future__ import annotations

from typing import ClassVar

from textual.containers import Vertical
from textual.widget import Widget

from bdtui.engine.events import Event


class Pane(Vertical):
    """An area of the screen.

    Attributes:
        TITLE: on its border and on its tab.
        HELP: Markdown that F1 shows while it is in focus.
    """

    TITLE: ClassVar[str] = ""
    HELP: ClassVar[str] = ""

    def on_mount(self) -> None:
        """Put the title on the border."""
        self.border_title = self.TITLE

    def show(self, event: Event) -> None:
        """Show what an event says; those that are nothing to this pane pass by."""

    def focus_target(self) -> Widget:
        """The widget that takes the keys when the pane is chosen."""
        return self

    def copied_text(self) -> str:
        """What copying takes from here; empty where there is nothing."""
        return ""
