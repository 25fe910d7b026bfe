"""The footer: the most important keys."""

from __future__ import annotations

from collections.abc import Mapping

from rich.style import Style
from rich.text import Text
from textual.events import Click, MouseMove
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

    def show_keys(self, keymap: Mapping[str, str]) -> None:
        self._keymap = keymap
        self.refresh()

    def render(self) -> Text:
        colour = self.app.theme_variables.get("footer-key-foreground")
        line = Text(no_wrap=True, overflow="ellipsis")
        for key, action in self._shown():
            line.append(key, Style(bold=True, color=colour))
            line.append(f" {action.label} ")
        line.rstrip()
        return line

    def on_click(self, event: Click) -> None:
        action = self._action_at(event.x)
        if action is not None:
            self.app.call_later(self.app.run_action, action.name)

    def on_mouse_move(self, event: MouseMove) -> None:
        action = self._action_at(event.x)
        self.tooltip = action.description if action else None

    def _action_at(self, x: int) -> Action | None:
        end = self.styles.padding.left
        for key, action in self._shown():
            end += len(f"{key} {action.label} ")
            if x < end:
                return action
        return None

    def _shown(self) -> list[tuple[str, Action]]:
        """Those that fit, each whole; the least needed are left out first."""
        shown = [(first_key(action.id, self._keymap), action) for action in ACTIONS if action.footer]
        while shown and sum(len(f"{key} {action.label} ") for key, action in shown) - 1 > self.content_size.width:
            shown.remove(max(shown, key=lambda each: each[1].footer))
        return shown
