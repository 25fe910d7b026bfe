"""Actions that change the user's settings: what is chosen holds at once, and is kept in the settings file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from bdtui.engine.errors import InputError, OptionError
from bdtui.tui.bars.activity import ActivityBar
from bdtui.tui.bars.footer import KeyBar
from bdtui.tui.counts import AppWithCounts
from bdtui.tui.keymaps import KEYMAP_WORDS, all_keys, check_unambiguous
from bdtui.tui.panes.charts import ChartsPane
from bdtui.tui.panes.empty import EmptyState
from bdtui.tui.panes.verdict import VerdictPane
from bdtui.tui.preferences import Preferences, preferences_path
from bdtui.tui.theme_names import OWN_THEMES, THEME_NAMES


class AppWithSettings(AppWithCounts):
    """The part of the app that changes theme and keys."""

    def action_next_theme(self) -> None:
        """Show the next theme; it is not kept."""
        here = THEME_NAMES.index(self.theme) if self.theme in THEME_NAMES else -1
        self.theme = THEME_NAMES[(here + 1) % len(THEME_NAMES)]

    def action_change_theme(self) -> None:
        """Choose a theme; each is shown while the cursor is on it."""
        # Imported here, as below: the first paint does not need it.
        from bdtui.tui.dialogs import ThemeDialog

        themes = [(name, "" if name in OWN_THEMES else "of Textual") for name in THEME_NAMES]
        self.push_screen(ThemeDialog(themes, self.theme), self._keep_theme)

    def _keep_theme(self, theme: str | None) -> None:
        if theme is not None:
            self._preferences = replace(self._preferences, theme=theme)
            self._write(lambda: self._set("theme", theme), f"Theme {theme}")

    def action_change_keymap(self) -> None:
        from bdtui.tui.dialogs import ChoiceDialog

        self.push_screen(
            ChoiceDialog("Keymap", tuple(KEYMAP_WORDS.items()), self._preferences.keymap), self._keep_keymap
        )

    def _keep_keymap(self, keymap: str | None) -> None:
        if keymap is None:
            return
        try:
            check_unambiguous(all_keys(keymap, self._preferences.keys))
        except OptionError as problem:
            self.show_notice(f"Keymap {keymap} and your own keys: {problem}.")
            return
        self._use(replace(self._preferences, keymap=keymap))
        self._write(lambda: self._set("keymap", keymap), f"Keymap {keymap}")

    def action_change_keys(self) -> None:
        # Imported here: not needed until keys are changed.
        from bdtui.tui.key_editor import KeysScreen

        def change(keys: Mapping[str, str]) -> None:
            from bdtui.tui.preferences_file import write_keys

            self._use(replace(self._preferences, keys=dict(keys)))
            self._write(lambda: write_keys(preferences_path(), keys), "Keys")

        self.push_screen(KeysScreen(self._preferences, change))

    def _use(self, preferences: Preferences) -> None:
        self._preferences = preferences
        keys = preferences.changed_keys
        self.set_keymap(keys)
        self._main(KeyBar).show_keys(keys)
        self._main(EmptyState).show_keys(keys)
        self._main(ActivityBar).show_keys(keys)
        self._main(ChartsPane).show_keys(keys)
        self._main(VerdictPane).show_keys(keys)

    @staticmethod
    def _set(name: str, value: str) -> None:
        from bdtui.tui.preferences_file import write_setting

        write_setting(preferences_path(), name, value)

    def _write(self, write: Callable[[], None], what: str) -> None:
        try:
            write()
        except InputError as problem:
            self.show_notice(f"{what} not kept: {problem}")
        else:
            self.show_notice(f"{what} kept in {preferences_path()}")
