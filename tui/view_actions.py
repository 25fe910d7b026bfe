"""Actions that affect only the screen, help, and the command palette."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from textual.app import SystemCommand
from textual.screen import Screen
from textual.widget import Widget

from bdtui.tui.actions import ACTIONS, COMMANDS, readable_keys
from bdtui.tui.bars.activity import ActivityBar
from bdtui.tui.bars.status import StatusBar
from bdtui.tui.copying import COPIED, Copyable
from bdtui.tui.preferences import Preferences
from bdtui.tui.setting_actions import AppWithSettings
from bdtui.tui.wording import plain
from bdtui.tui.workspace import Tab

_SHOWN = 200
"""Characters of a text to copy that are shown."""


class AppWithViewActions(AppWithSettings):
    """The part of the app that does not involve the engine."""

    def __init__(self, preferences: Preferences) -> None:
        super().__init__(preferences)
        self.copyable = Copyable()

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
        self._copy(text)

    def action_copy_text(self, name: str) -> None:
        """Copy one of `COPIED`."""
        self._copy(self.copyable.text(name))

    def action_copy_choice(self) -> None:
        """Choose what to copy; each is shown by its beginning."""
        pane = self.workspace.focused_pane()
        texts = {"row": pane.copied_text() if pane else "", **{name: self.copyable.text(name) for name in COPIED}}
        shown = {name: plain(text) for name, text in texts.items() if text}
        choices = [(name, text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…") for name, text in shown.items()]
        if not choices:
            self._copy("")
            return

        # Imported here, as below: the first paint does not need it.
        from bdtui.tui.dialogs import ChoiceDialog

        def copy(name: str | None) -> None:
            if name is not None:
                self._copy(texts[name])

        self.push_screen(ChoiceDialog("Copy", choices, None), copy)

    def _copy(self, text: str) -> None:
        """Through the terminal (OSC 52), which also works over SSH."""
        if text:
            self.copy_to_clipboard(text)
        self.show_notice("Copied." if text else "There is nothing to copy yet.")

    def action_jump(self) -> None:
        """Show a letter on everything that can have the focus, and on the tabs; go to the one that is pressed."""
        # Imported here: not needed until it is used.
        from bdtui.tui.jump import JumpScreen, visible_targets

        def go(target: Widget | None) -> None:
            if isinstance(target, Tab):
                self.action_show_pane(target.pane)
            elif target is not None:
                target.focus()

        self.push_screen(JumpScreen(visible_targets(self.screen, (Tab,))), go)

    def action_help(self) -> None:
        pane = self.workspace.focused_pane()
        keymap = self._preferences.changed_keys
        keys = [(readable_keys(keymap.get(action.id, action.keys)), action.description) for action in ACTIONS]
        keys += [("tab", "Move the focus to the next part of the screen")]
        title, text = (pane.TITLE, pane.HELP) if pane else ("bdtui", "")
        from bdtui.tui.dialogs import HelpScreen

        self.push_screen(HelpScreen(title, text, keys))

    def action_find(self) -> None:
        """Find in the focused pane, or a channel where nothing can be found in it; the cursor moves as one types."""
        pane = self.workspace.focused_pane()
        if pane is None or not pane.FINDS:
            pane = self.workspace.channels
            self.workspace.show_pane("channels")
        from bdtui.tui.dialogs import FindDialog

        self.push_screen(FindDialog(pane.FINDS, pane))

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
        keymap = self._preferences.changed_keys
        for action in (*ACTIONS, *COMMANDS):
            if action.id == "command_palette":
                continue
            keys = keymap.get(action.id, action.keys)
            hint = f"key {readable_keys(keys)}" if keys else ""
            yield SystemCommand(
                action.description, hint, lambda name=action.name: self.call_later(self.run_action, name)
            )
