"""Actions that affect only the screen, help, and the command palette."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from textual.app import SystemCommand
from textual.screen import Screen

from bdtui.tui.actions import ACTIONS, COMMANDS, readable_keys
from bdtui.tui.bars.activity import ActivityBar
from bdtui.tui.bars.status import StatusBar
from bdtui.tui.counts import AppWithCounts
from bdtui.tui.dialogs import FindDialog, HelpScreen, ThemeDialog
from bdtui.tui.panes.data import DataPane
from bdtui.tui.panes.model import ModelPane
from bdtui.tui.themes import THEMES


class AppWithViewActions(AppWithCounts):
    """The part of the app that does not involve the engine."""

    def action_sort(self) -> None:
        self.workspace.channels.sort_next()

    def action_reverse_sort(self) -> None:
        self.workspace.channels.sort_reversed()

    def action_next_chart(self) -> None:
        self.workspace.next_chart()

    def action_show_pane(self, name: str) -> None:
        self.workspace.show_pane(name)
        if self.workspace.verdict_in_view:
            self._main(ActivityBar).leave_out_verdict()

    def action_zoom(self) -> None:
        self.workspace.zoom()

    def action_copy(self) -> None:
        """Copy the status line and the focused pane's `Pane.copied_text` (OSC 52)."""
        pane = self.workspace.focused_pane()
        text = "\n".join(part for part in (self._main(StatusBar).status, pane.copied_text() if pane else "") if part)
        if text:
            self.copy_to_clipboard(text)
            self.show_notice("Copied.")

    def action_next_theme(self) -> None:
        names = [theme.name for theme in THEMES]
        self.theme = names[(names.index(self.theme) + 1) % len(names)] if self.theme in names else names[0]

    def action_change_theme(self) -> None:
        """Choose a theme; each is shown while the cursor is on it."""
        own = [theme.name for theme in THEMES]
        others = sorted(name for name in self.available_themes if name not in own and "ansi" not in name)
        themes = [(name, "" if name in own else "of Textual") for name in (*own, *others)]
        self.push_screen(ThemeDialog(themes, self.theme))

    def action_help(self) -> None:
        pane = self.workspace.focused_pane()
        keymap = self._preferences.keys
        keys = [(readable_keys(keymap.get(action.id, action.keys)), action.description) for action in ACTIONS]
        keys += [("tab", "Move the focus to the next part of the screen")]
        title, text = (pane.TITLE, pane.HELP) if pane else ("bdtui", "")
        self.push_screen(HelpScreen(title, text, keys))

    def action_find(self) -> None:
        """Find a layer or the images of a class while such a pane is focused, else a channel, as one types."""
        pane = self.workspace.focused_pane()
        if not isinstance(pane, ModelPane | DataPane):
            pane = self.workspace.channels
            self.workspace.show_pane("channels")
        start = pane.cursor
        self.push_screen(FindDialog(pane.FINDS, lambda text: pane.find(text, start)))

    def action_save_screenshot(self) -> None:
        """Save the screen as SVG in the working directory."""
        try:
            self.show_notice(f"Saved as {self.save_screenshot(path=str(Path.cwd()))}")
        except OSError as problem:
            self.show_notice(f"Cannot save the screenshot in this folder ({problem.strerror}).")

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        """All actions for the command palette; none while a dialog is open."""
        if screen is not self.screen_stack[0]:
            return
        keymap = self._preferences.keys
        for action in (*ACTIONS, *COMMANDS):
            if action.id == "command_palette":
                continue
            keys = keymap.get(action.id, action.keys)
            hint = f"key {readable_keys(keys)}" if keys else ""
            yield SystemCommand(
                action.description, hint, lambda name=action.name: self.call_later(self.run_action, name)
            )
