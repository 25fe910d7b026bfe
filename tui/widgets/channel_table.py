"""A table of channels that draws only the visible rows.

Textual's own table stores every cell and redraws all rows when one cell changes: 30 to 70 ms per step while a key is held
down. Here a step costs only the visible lines, however many channels there are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual.binding import Binding, BindingType
from textual.events import Click, MouseMove
from textual.geometry import Region, Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip

HEADING_LINES = 2


@dataclass(frozen=True)
class Column:
    """A column.

    Attributes:
        key: its name.
        heading: its title, on the lower heading line.
        width: in cells.
        right: whether its text is right-aligned.
        style: Rich style of its text.
        group: title shared with adjacent columns of the same group, on the upper heading line.
        tooltip: what its heading says under the mouse.
    """

    key: str
    heading: str
    width: int
    right: bool = False
    style: str = ""
    group: str = ""
    tooltip: str = ""


@dataclass(frozen=True)
class Cell:
    """A text with a Rich style, applied on top of the column's."""

    text: str
    style: str = ""


class ChannelTable(ScrollView, can_focus=True):
    """Rows under fixed headings, with a cursor.

    Args:
        columns: from left to right.
        cells: returns the cells of a channel's row, one per column.
    """

    COMPONENT_CLASSES: ClassVar[set[str]] = {"channel-table--heading", "channel-table--cursor"}
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "move(-1)", show=False),
        Binding("down", "move(1)", show=False),
        Binding("pageup", "move_page(-1)", show=False),
        Binding("pagedown", "move_page(1)", show=False),
        Binding("home,ctrl+home", "move(-1000000)", show=False),
        Binding("end,ctrl+end", "move(1000000)", show=False),
        Binding("enter", "choose", show=False),
    ]

    cursor_row: reactive[int] = reactive(0)
    """The row of the cursor, counted from 0."""

    class CursorMoved(Message):
        """Another channel is under the cursor."""

    class RowChosen(Message):
        """Enter was pressed on a row."""

    class HeadingClicked(Message):
        """A heading was clicked."""

        def __init__(self, column: str) -> None:
            super().__init__()
            self.column = column

    def __init__(self, columns: Sequence[Column], cells: Callable[[int], Sequence[Cell]], id: str) -> None:
        super().__init__(id=id)
        self._columns = tuple(columns)
        self._cells = cells
        self._marks: dict[str, str] = {}
        self._base = self._heading_style = self._cursor_style = Style()
        self.listed: list[int] = []

    @property
    def selected(self) -> int | None:
        return self.listed[self.cursor_row] if self.cursor_row < len(self.listed) else None

    def list_channels(self, channels: Sequence[int], marks: dict[str, str]) -> None:
        """Show these channels in this order; the cursor stays on its channel if that is among them.

        Args:
            channels: one per row.
            marks: by column key, what follows the heading, e.g. an arrow.
        """
        here = self.selected
        self.listed = list(channels)
        self._marks = marks
        # The blank after the last column may be cut.
        self.virtual_size = Size(sum(column.width for column in self._columns) - 1, len(self.listed) + HEADING_LINES)
        if here in self.listed:
            self.move_to(here)
        else:
            self.cursor_row = 0
        self.refresh()

    def rename(self, key: str, heading: str) -> None:
        """Give a column another heading."""
        self._columns = tuple(replace(each, heading=heading) if each.key == key else each for each in self._columns)

    def move_to(self, channel: int) -> None:
        self.cursor_row = self.listed.index(channel)

    def row_texts(self, row: int) -> list[str]:
        """The texts of a row, one per column."""
        return [cell.text for cell in self._cells(self.listed[row])]

    def validate_cursor_row(self, row: int) -> int:
        return min(max(row, 0), max(len(self.listed) - 1, 0))

    def watch_cursor_row(self) -> None:
        """Scroll so that the cursor stays visible below the headings."""
        lines = self.scrollable_content_region.height
        top = round(self.scroll_offset.y)
        if lines > HEADING_LINES:
            top = min(max(top, self.cursor_row + HEADING_LINES + 1 - lines), self.cursor_row)
            self.scroll_to(y=top, animate=False, force=True, immediate=True)
        self.refresh()
        self.post_message(self.CursorMoved())

    def on_resize(self) -> None:
        self.call_after_refresh(self.watch_cursor_row)

    def action_move(self, rows: int) -> None:
        self.cursor_row += rows

    def action_move_page(self, pages: int) -> None:
        """Move the cursor by what is in view."""
        self.cursor_row += pages * max(1, self.scrollable_content_region.height - HEADING_LINES - 1)

    def action_choose(self) -> None:
        if self.selected is not None:
            self.post_message(self.RowChosen())

    def on_click(self, event: Click) -> None:
        column = self._heading_at(event.x, event.y)
        if column is not None:
            self.post_message(self.HeadingClicked(column.key))
        elif event.y >= HEADING_LINES:
            self.cursor_row = event.y - HEADING_LINES + round(self.scroll_offset.y)

    def on_mouse_move(self, event: MouseMove) -> None:
        column = self._heading_at(event.x, event.y)
        self.tooltip = column.tooltip if column else None

    def _heading_at(self, x: int, y: int) -> Column | None:
        end = -round(self.scroll_offset.x)
        for column in self._columns:
            end += column.width
            if x < end and y < HEADING_LINES:
                return column
        return None

    def render_lines(self, crop: Region) -> list[Strip]:
        """Called once per frame: look up the styles that all lines share."""
        self._base = self.rich_style
        self._heading_style = self.get_component_rich_style("channel-table--heading")
        self._cursor_style = self._base + self.get_component_rich_style("channel-table--cursor")
        return super().render_lines(crop)

    def render_line(self, y: int) -> Strip:
        left, top = (round(offset) for offset in self.scroll_offset)
        width = self.size.width
        row = top + y - HEADING_LINES
        if y < HEADING_LINES:
            style = self._heading_style
            segments = self._group_headings() if y == 0 else [self._heading(column) for column in self._columns]
        elif row < len(self.listed):
            at_cursor = row == self.cursor_row
            style = self._cursor_style if at_cursor else self._base
            cells = self._cells(self.listed[row])
            segments = [
                self._segment(column, cell, style, coloured=not at_cursor)
                for column, cell in zip(self._columns, cells, strict=True)
            ]
        else:
            return Strip.blank(width, self._base)
        return (
            Strip(segments)
            .adjust_cell_length(max(left + width, self.virtual_size.width), style)
            .crop(left, left + width)
        )

    def _group_headings(self) -> list[Segment]:
        """The upper heading line: each group's title at the right end of its columns."""
        headings = []
        for group, columns in groupby(self._columns, key=lambda column: column.group):
            width = sum(column.width for column in columns)
            headings.append(Segment(f"{group[: width - 1]:>{width - 1}} ", self._heading_style))
        return headings

    def _heading(self, column: Column) -> Segment:
        text = column.heading + self._marks.get(column.key, "")
        return Segment(_fitted(text, column), self._heading_style)

    def _segment(self, column: Column, cell: Cell, style: Style, *, coloured: bool) -> Segment:
        own = f"{column.style} {cell.style}".strip() if coloured else ""
        return Segment(_fitted(cell.text, column), style + Style.parse(own) if own else style)


def _fitted(text: str, column: Column) -> str:
    """A text cut or padded to the width of its column, followed by a space."""
    room = column.width - 1
    text = text[:room]
    return f"{text:>{room}} " if column.right else f"{text:<{room}} "
