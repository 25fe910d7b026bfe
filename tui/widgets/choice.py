"""A choice between a few words on a single line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.text import Text
from textual import events
from textual.binding import Binding, BindingType
from textual.reactive import reactive
from textual.widget import Widget


class Choice(Widget, can_focus=True):
    """Shows its options side by side, the chosen one in brackets; left and right change the choice.

    Where they have no room side by side, the first ones make room for the chosen one.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "move(-1)", "Previous option", show=False),
        Binding("right,space,enter", "move(1)", "Next option", show=False),
    ]

    value: reactive[str] = reactive("")

    def __init__(self, options: Sequence[str], *, id: str) -> None:
        super().__init__(id=id)
        self.options = tuple(options)
        self.set_reactive(Choice.value, self.options[0])

    def validate_value(self, value: str) -> str:
        """Fall back to the first option for an unknown value."""
        return value if value in self.options else self.options[0]

    def render(self) -> Text:
        line = Text(no_wrap=True)
        for option in self._shown:
            chosen = option == self.value
            style = "bold reverse" if chosen and self.has_focus else "bold" if chosen else ""
            line.append(f"[{option}]" if chosen else f" {option} ", style)
            line.append(" ")
        return line

    @property
    def _shown(self) -> Sequence[str]:
        chosen = self.options.index(self.value)
        first = 0
        while first < chosen and sum(len(option) + 3 for option in self.options[first : chosen + 1]) > self.size.width:
            first += 1
        return self.options[first:]

    def action_move(self, by: int) -> None:
        """Choose a neighbouring option, cyclically."""
        self.value = self.options[(self.options.index(self.value) + by) % len(self.options)]

    def on_click(self, event: events.Click) -> None:
        start = 0
        for option in self._shown:
            start += len(option) + 3
            if event.x < start:
                self.value = option
                return
