"""A text of few lines that is never cut within a word: where it does not fit, it ends with ``…``."""

from __future__ import annotations

from rich.console import Console
from rich.text import Text
from textual.geometry import Size
from textual.reactive import reactive
from textual.widget import Widget

_CONSOLE = Console(width=80, force_terminal=False)


class FittedText(Widget):
    """A wrapped text, as high as it needs to be and at most as high as allowed.

    Args:
        most_lines: that are shown.
        id: of the widget.
    """

    text: reactive[str] = reactive("")
    """The whole text."""

    most_lines: reactive[int] = reactive(0, layout=True)
    """How many lines are shown at most."""

    def __init__(self, most_lines: int, id: str) -> None:
        super().__init__(id=id)
        self.set_reactive(FittedText.most_lines, most_lines)

    def watch_text(self) -> None:
        """Lay out the screen only where the height changes: that costs more than all else."""
        if len(fitted_lines(self.text, self.size.width, self.most_lines)) != self.size.height:
            self.refresh(layout=True)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        return len(fitted_lines(self.text, width, self.most_lines))

    def render(self) -> Text:
        return Text("\n".join(fitted_lines(self.text, self.size.width, self.most_lines)))


def fitted_lines(text: str, width: int, most: int) -> list[str]:
    """The lines of a text wrapped between words; of more than ``most`` the last one ends with ``…``.

    Args:
        text: the text.
        width: columns of a line.
        most: lines at most.
    """
    if width <= 0 or not text:
        return []
    lines = [line.plain.rstrip() for line in Text(text).wrap(_CONSOLE, width)]
    if len(lines) <= most:
        return lines
    last = lines[most - 1]
    while last and len(last) + 2 > width:
        last = last.rpartition(" ")[0]
    return [*lines[: most - 1], f"{last} …".strip()]
