"""A table that never cuts a text without a sign: columns that do not fit are shortened, or left out whole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from rich.text import Text
from textual.widgets import DataTable

from bdtui.tui.finding import first_match

_PADDING = 1


@dataclass(frozen=True)
class FittedColumn:
    """A column.

    Attributes:
        heading: its title, over as many lines as the table's headings have.
        right: whether its texts are right-aligned.
        spare: the larger, the sooner the column is left out; 0 for never.
        narrowest: the width to which its texts may be shortened, with ``…`` at the end; 0 if they may not.
    """

    heading: str
    right: bool = False
    spare: int = 0
    narrowest: int = 0


class FittedTable(DataTable[Text]):
    """Rows with a cursor, fitted to the table's width whenever that changes.

    Args:
        columns: from left to right.
        heading_lines: how many lines the headings have.
        id: of the widget.
    """

    def __init__(self, columns: Sequence[FittedColumn], *, id: str, heading_lines: int = 1) -> None:
        super().__init__(cursor_type="row", header_height=heading_lines, cell_padding=_PADDING, id=id)
        self._all_columns = tuple(columns)
        self._all_rows: list[Sequence[Text]] = []
        self._fitted: dict[int, int] = {}

    def list_columns(self, columns: Sequence[FittedColumn]) -> None:
        """Show rows with other columns from the next `list_rows` on."""
        self._all_columns, self._all_rows, self._fitted = tuple(columns), [], {}
        self.clear(columns=True)

    def list_rows(self, rows: Sequence[Sequence[Text]], cursor: int | None = None) -> None:
        """Show these rows, each with a text for every column.

        Args:
            rows: from the top.
            cursor: the row under the cursor; None to leave it where it is.
        """
        row = self.cursor_row if cursor is None else cursor
        self._all_rows = list(rows)
        self._fill(row)

    def find(self, column: int, text: str, start: int) -> bool:
        """Move the cursor to the first row with this text in a column, from a row on; to that row for no text."""
        row = first_match([texts[column].plain for texts in self._all_rows], text, start)
        if row is not None:
            self.move_cursor(row=row, animate=False)
        return row is not None

    def action_scroll_home(self) -> None:
        """As ctrl+home: a row is chosen as a whole."""
        self.action_scroll_top()

    def action_scroll_end(self) -> None:
        self.action_scroll_bottom()

    def on_mount(self) -> None:
        self._fill(0)

    def on_resize(self) -> None:
        if self._fit() != self._fitted:
            self._fill(self.cursor_row)

    def _fit(self) -> dict[int, int]:
        natural = [
            max(cell_len(part) for part in (*column.heading.split("\n"), *(row[place].plain for row in self._all_rows)))
            for place, column in enumerate(self._all_columns)
        ]
        # One column is left for the scroll bar, which may come and go.
        return fitted_widths(self._all_columns, natural, self.outer_size.width - 1)

    def _fill(self, cursor: int) -> None:
        widths = self._fit()
        if widths != self._fitted or not self.columns:
            self.clear(columns=True)
            # Explicit widths: a table that measures them itself may be painted before it has, and then stays cut off.
            for place, width in widths.items():
                self.add_column(self._all_columns[place].heading, width=width)
            self._fitted = widths
        else:
            self.clear()
        for row in self._all_rows:
            self.add_row(*(self._cell(row[place], place, width) for place, width in widths.items()))
        self.move_cursor(row=cursor, animate=False)

    def _cell(self, text: Text, place: int, width: int) -> Text:
        cell = text.copy()
        cell.truncate(width, overflow="ellipsis")
        cell.justify = "right" if self._all_columns[place].right else "left"
        return cell


def fitted_widths(columns: Sequence[FittedColumn], natural: Sequence[int], room: int) -> dict[int, int]:
    """The columns that are shown, by place, with their widths.

    Args:
        columns: all of them.
        natural: the width that each would like to have.
        room: for all columns with their padding; where it is not known yet (0), all get what they would like.
    """
    shown = list(range(len(columns)))
    leaving = sorted((place for place in shown if columns[place].spare), key=lambda place: columns[place].spare)
    while True:
        widths = {place: natural[place] for place in shown}
        missing = sum(width + 2 * _PADDING for width in widths.values()) - room
        if room <= 0:
            return widths
        for place in shown:
            given = min(max(missing, 0), max(0, widths[place] - columns[place].narrowest))
            if columns[place].narrowest:
                widths[place] -= given
                missing -= given
        if missing <= 0 or not leaving:
            return widths
        shown.remove(leaving.pop())
