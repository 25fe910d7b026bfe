"""Jump mode: a letter on every pane, tab and control that can be seen; pressing it goes there."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Any

from textual.app import ComposeResult
from textual.events import Key
from textual.geometry import Offset
from textual.screen import ModalScreen, Screen
from textual.widget import Widget
from textual.widgets import Static

LETTERS = "asdfghjklqwertyuiopzxcvbnm"


def visible_targets(screen: Screen[Any], classes: Sequence[type[Widget]]) -> list[tuple[Widget, Offset]]:
    """What can be jumped to, with the place of its upper left corner, from the top of the screen to its bottom.

    Args:
        screen: on which it is.
        classes: kinds of widgets to jump to, beside those that can have the focus.
    """
    found = [
        (
            widget,
            widget.region.intersection(widget.parent.region if isinstance(widget.parent, Widget) else widget.region),
        )
        for widget in screen.walk_children(Widget)
        if (widget.focusable or isinstance(widget, tuple(classes)))
        and not widget.is_disabled
        and widget in screen._compositor.visible_widgets
    ]
    return sorted(
        ((widget, region.offset) for widget, region in found if region), key=lambda each: (each[1].y, each[1].x)
    )


class JumpScreen(ModalScreen["Widget | None"]):
    """The letters; any other key leaves. Returns the widget to go to.

    Args:
        targets: of `visible_targets`.
    """

    def __init__(self, targets: Sequence[tuple[Widget, Offset]]) -> None:
        super().__init__()
        # One letter each where there are enough, else two.
        width = 1 if len(targets) <= len(LETTERS) else 2
        labels = ["".join(letters) for letters in product(LETTERS, repeat=width)]
        self._targets = dict(zip(labels, targets, strict=False))
        self._typed = ""

    def compose(self) -> ComposeResult:
        for label, (_, place) in self._targets.items():
            letter = Static(label, classes="jump-label", markup=False)
            letter.styles.offset = place
            yield letter

    def on_key(self, event: Key) -> None:
        event.stop()
        event.prevent_default()
        self._typed += event.key
        if self._typed in self._targets:
            self.dismiss(self._targets[self._typed][0])
        elif not any(label.startswith(self._typed) for label in self._targets):
            self.dismiss(None)

    def on_click(self) -> None:
        self.dismiss(None)
