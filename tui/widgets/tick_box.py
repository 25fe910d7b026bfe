"""A choice that is on or off, in as few columns as its word."""

from __future__ import annotations

from typing import ClassVar

from textual.widgets import Checkbox


class TickBox(Checkbox):
    """``✓ word`` where it is on, ``· word`` where it is off; enter, space and a click change it."""

    DEFAULT_CSS: ClassVar[str] = """
    TickBox, TickBox:focus {
        border: none !important;
        padding: 0;
    }
    """
    BUTTON_LEFT = BUTTON_RIGHT = ""
    BUTTON_INNER = "·"

    def watch_value(self) -> None:
        self.BUTTON_INNER = "✓" if self.value else "·"
        super().watch_value()
