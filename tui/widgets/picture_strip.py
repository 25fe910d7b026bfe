"""Pictures of one image set side by side, each with its class and what the network makes of it."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console, ConsoleOptions, ConsoleRenderable, RenderResult
from rich.text import Text
from textual.events import Resize
from textual.widgets import Static

from bdtui.engine import events
from bdtui.engine.event_values import Picture
from bdtui.tui.widgets.pixels import GAP, picture_size, side_by_side
from bdtui.tui.wording import plain

_LINES_OF_TEXT = 3
"""Above the pictures: which they are, their classes, and those that the network gives."""


class PictureStrip(Static):
    """Two pixels per cell, as large and as many as fit."""

    def __init__(self, id: str) -> None:
        super().__init__(id=id, markup=False)
        self._page: events.PicturesTaken | None = None
        self._names: Sequence[str] = ()
        self.shown = 0
        """How many pictures there is room for."""

    def show_page(self, page: events.PicturesTaken, names: Sequence[str] = ()) -> None:
        self._page, self._names = page, names
        self._draw()

    def on_resize(self, event: Resize) -> None:
        self._draw()

    def on_show(self) -> None:
        self._draw()

    def _draw(self) -> None:
        page = self._page
        if page is None or not all(getattr(node, "display", True) for node in self.ancestors_with_self):
            # Drawn when it is shown: pages come with every move.
            return
        width, lines = self.content_size.width, self.content_size.height - _LINES_OF_TEXT
        pictures = page.pictures
        self.shown = 0
        if not pictures or lines < 2:
            self.update(Text(_title(page, 0), style="dim"))
            return
        one, height = picture_size(pictures[0], width, lines)
        self.shown = max(1, (width + GAP) // (one + GAP))
        pictures = pictures[: self.shown]
        classes, predictions = Text(no_wrap=True), Text(no_wrap=True)
        # A single picture may have a caption that is longer than the picture is wide.
        room = width if len(pictures) == 1 else one
        for picture in pictures:
            caption = _caption(picture, self._names)
            # Where there is little room, a class is named by its number alone.
            caption = caption if len(caption) <= room else caption.removeprefix("class ")
            classes.append(_fitted(caption, room) + " " * GAP)
            style = "bold red" if _is_wrong(picture, page.role) else ""
            prediction = _prediction(picture, page.role, self._names, room)
            predictions.append(_fitted(prediction, room) + " " * GAP, style)
        title = Text(_title(page, len(pictures)), style="dim", no_wrap=True, overflow="ellipsis")
        self.update(_Stack(title, classes, predictions, side_by_side(pictures, one, height)))


class _Stack:
    """Lines of text above pixels, as one renderable."""

    def __init__(self, *parts: ConsoleRenderable) -> None:
        self._parts = parts

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield from self._parts


def _title(page: events.PicturesTaken, shown: int) -> str:
    """E.g. ``clean 1–5 of 1,200``; empty where there are no images at all."""
    kind, _, part = page.role.partition("_")
    kind = kind if part == "valid" else f"{kind} {part}"
    if page.asked_for is None:
        return kind if page.pictures else ""
    if not page.asked_for:
        return f"{kind}: no such images"
    if not page.pictures:
        return f"{kind}: these images are no pictures"
    if not shown:
        return f"{kind}: no room for pictures; z enlarges the pane"
    return f"{kind} {page.first + 1:,}–{page.first + shown:,} of {page.asked_for:,}"


def _fitted(text: str, width: int) -> str:
    return text.ljust(width) if len(text) <= width else text[: width - 1] + "…"


def _name(number: int, names: Sequence[str]) -> str:
    """A class by its name where it has one, else by its number."""
    return plain(names[number]) if number < len(names) else str(number)


def _caption(picture: Picture, names: Sequence[str]) -> str:
    true = "" if picture.true_label is None else f" (is {_name(picture.true_label, names)})"
    return f"{_name(picture.label, names)}{true}" if names else f"class {picture.label}{true}"


def _prediction(picture: Picture, role: str, names: Sequence[str], room: int) -> str:
    """The class that the network gives, with its probability where that fits as a whole; ``✗`` where it is wrong."""
    if picture.predicted is None or picture.certainty is None:
        return ""
    mark = "✗" if _is_wrong(picture, role) else "→"
    predicted = f"{mark} {_name(picture.predicted, names)}"
    whole = f"{predicted} {picture.certainty:.0f} %"
    return whole if len(whole) <= room else predicted


def _is_wrong(picture: Picture, role: str) -> bool:
    """Whether the network is wrong; where a poisoned image's true class is not known, the attacker's is the wrong one."""
    if picture.predicted is None:
        return False
    if role.startswith("poisoned") and picture.true_label is None:
        return picture.predicted == picture.label
    return picture.predicted != (picture.label if picture.true_label is None else picture.true_label)
