"""The screen on which keys are changed: a line an action, and a prompt for the key."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.events import Key
from textual.screen import ModalScreen
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from bdtui.tui.actions import ACTIONS, readable_keys
from bdtui.tui.dialogs import LEAVE, FindableList
from bdtui.tui.keymaps import all_keys, refusal
from bdtui.tui.preferences import Preferences

_NOTE = "Enter replace · a add · Backspace as in the keymap"


class KeyPrompt(ModalScreen[str | None]):
    """Waits for a key; one that cannot be taken is refused with a sentence.

    Args:
        words: what the key is for.
        refuse: why a key cannot be taken; None if it can.
    """

    def __init__(self, words: str, refuse: Callable[[str], str | None]) -> None:
        super().__init__()
        self._words = words
        self._refuse = refuse

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Static(f"Press a key for “{self._words}”", markup=False)
            yield Static("Esc cancel", classes="dialog-note", id="key-refusal", markup=False)

    def on_key(self, event: Key) -> None:
        event.stop()
        event.prevent_default()
        refused = None if event.key == "escape" else self._refuse(event.key)
        if refused is None:
            self.dismiss(None if event.key == "escape" else event.key)
        else:
            self.query_one("#key-refusal", Static).update(f"{refused} Esc cancel")


class KeysScreen(FindableList[None]):
    """All actions with their keys.

    Args:
        preferences: what holds now.
        change: takes the user's own keys, by `Action.id`, whenever they change.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        *LEAVE,
        Binding("a", "add", "Add a key"),
        Binding("backspace,delete", "reset", "As in the keymap"),
    ]

    def __init__(self, preferences: Preferences, change: Callable[[Mapping[str, str]], None]) -> None:
        super().__init__()
        self._keymap = preferences.keymap
        self._own = dict(preferences.keys)
        self._change = change

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog -keys"):
            yield Static(f"Keys (keymap {self._keymap}; ● your own)", markup=False)
            yield OptionList(*map(self._option, range(len(ACTIONS))), id="choices", compact=True)
            yield Static(self.note(_NOTE, "Esc close"), classes="dialog-note", markup=False)

    def texts(self) -> list[str]:
        return [action.description for action in ACTIONS]

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        self._ask(event.option_index, add=False)

    def action_add(self) -> None:
        self._ask(self.cursor, add=True)

    def action_reset(self) -> None:
        """Give an action the keymap's keys back, unless another has taken one of them."""
        name = ACTIONS[self.cursor].id
        if name not in self._own:
            return
        others = {other: keys for other, keys in self._own.items() if other != name}
        keys = all_keys(self._keymap, others)
        refused = [reason for key in keys[name].split(",") if (reason := refusal(name, key, keys))]
        if refused:
            self._note(refused[0])
        else:
            self._own = others
            self._show(self.cursor)

    def action_leave(self) -> None:
        self.dismiss(None)

    def _ask(self, row: int, *, add: bool) -> None:
        action = ACTIONS[row]
        keys = all_keys(self._keymap, self._own)

        def take(key: str | None) -> None:
            if key is not None and (not add or key not in keys[action.id].split(",")):
                self._own[action.id] = f"{keys[action.id]},{key}" if add else key
                if all_keys(self._keymap, {})[action.id] == self._own[action.id]:
                    del self._own[action.id]
                self._show(row)

        self.app.push_screen(KeyPrompt(action.description, lambda key: refusal(action.id, key, keys)), take)

    def _show(self, row: int) -> None:
        self._change(self._own)
        self.query_one(OptionList).replace_option_prompt_at_index(row, self._prompt(row))
        self._note(self.note(_NOTE, "Esc close"))

    def _note(self, sentence: str) -> None:
        self.query_one(".dialog-note", Static).update(sentence)

    def _option(self, row: int) -> Option:
        return Option(self._prompt(row))

    def _prompt(self, row: int) -> Text:
        action = ACTIONS[row]
        keys = readable_keys(all_keys(self._keymap, self._own)[action.id])
        mark = "●" if action.id in self._own else " "
        return Text.assemble(
            f"{mark} ", (f"{keys:<16} ", "bold"), action.description, overflow="ellipsis", no_wrap=True
        )
