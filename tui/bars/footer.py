"""The footer: the most important keys."""

from __future__ import annotations

from collections.abc import Mapping

from rich.style import Style
from rich.text import Text
from textual.events import Click
from textual.widgets import Static

from bdtui.tui.actions import ACTIONS, Action, first_key


class KeyBar(Static):
    """The most important keys, clickable.

    Textual's own footer creates a widget for each key, and all of them anew whenever the focus changes.

    Args:
        keymap: keys from the configuration file, by `Action.id`.
    """

    def __init__(self, id: str, keymap: Mapping[str, str]) -> None:
        super().__init__(id=id, markup=False)
        self._keymap = keymap

    def render(self) -> Text:
        colour = self.app.theme_variables.get("footer-key-foreground")
        line = Text(no_wrap=True, overflow="ellipsis")
        for key, action in self._shown():
            line.append(key, Style(bold=True, color=colour))
            line.append(f" {action.label} ")
        return line

    def on_click(self, event: Click) -> None:
        end = 0
        for key, action in self._shown():
            end += len(f"{key} {action.label} ")
            if event.x - self.styles.padding.left < end:
                self.app.call_later(self.app.run_action, action.name)
                return

    def _shown(self) -> list[tuple[str, Action]]:
        shown = [action for action in ACTIONS if action.footer]
        return [(first_key(action.id, self._keymap), action) for action in shown]
