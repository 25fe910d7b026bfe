"""What the screen shows while nothing is open: what to do, with the keys."""

from __future__ import annotations

from collections.abc import Mapping

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import Button, Static

from bdtui.tui.actions import first_key

_CHOICES = (("open", "Open a model and images"), ("open_sample", "Try the sample"))


class EmptyState(Vertical):
    """Two buttons in place of empty panes.

    Args:
        id: of the widget.
        keymap: keys from the configuration file, by `Action.id`.
    """

    def __init__(self, id: str, keymap: Mapping[str, str]) -> None:
        super().__init__(id=id)
        self._keymap = keymap
        self.display = False

    def show_keys(self, keymap: Mapping[str, str]) -> None:
        self._keymap = keymap
        self.refresh(recompose=True)

    def compose(self) -> ComposeResult:
        yield Static("Nothing is open yet. bdtui needs a Keras model and labelled clean images.", markup=False)
        for action, words in _CHOICES:
            key = first_key(action, self._keymap)
            button = Button(f"{key}  {words}" if key else words, id=f"empty-{action}", compact=True)
            button.tooltip = words
            yield button
        keys = (("command_palette", "finds any action"), ("help", "helps"), ("quit", "quits"))
        told = [f"{key} {does}" for action, does in keys if (key := first_key(action, self._keymap))]
        yield Static(" · ".join(told), markup=False)

    def on_button_pressed(self, event: Button.Pressed) -> None:
        event.stop()
        self.app.call_later(self.app.run_action, str(event.button.id).removeprefix("empty-"))
