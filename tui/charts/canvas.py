"""A canvas of character cells on top of plotext, with the glyphs and colours that all charts share.

Lines differ by glyph as well as by colour, so that nothing is lost under NO_COLOR. plotext has one figure per process, so
charts must be drawn in the app's loop only. docs/charts.md says why plotext alone does not do.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from rich.style import Style
from rich.text import Text

SMALLEST_WIDTH = 30
SMALLEST_HEIGHT = 8

DASH = "•"
PRESENT_LINE = "◆"
BY_HAND_LINE = "+"
CURSOR = "│"
BAR = "█"
PRUNED_BAR = "░"
_BAR_TOPS = "▁▂▃▄▅▆▇█"

# Of the sixteen standard colours, those that stay distinct after Textual has mapped them to a theme and a terminal with
# few colours has rounded them: yellow turns into the red of a light theme, magenta into that of a dark one.
ACCURACY_COLOUR = "cyan"
ASR_COLOUR = "red"
PATH_COLOUR = "cyan"
THRESHOLD_COLOUR = "green"
CURSOR_COLOUR = "default"

Point = tuple[float, float]


@dataclass(frozen=True)
class Axis:
    """The range of an axis, and its ticks with labels."""

    low: float
    high: float
    ticks: tuple[float, ...]
    labels: tuple[str, ...]


PERCENT = Axis(0.0, 100.0, (0.0, 25.0, 50.0, 75.0, 100.0), ("0", "25", "50", "75", "100"))
_COARSE_PERCENT = Axis(0.0, 100.0, (0.0, 50.0, 100.0), ("0", "50", "100"))
_NARROW = 56
"""Columns below which the axis of channels gets three labels in place of five."""
_LOWEST_TITLED = 10


class Canvas:
    """plotext's figure as a grid of cells: column 0 is on the left, row 0 at the bottom."""

    def __init__(self, width: int, height: int, across: Axis, up: Axis) -> None:
        self.columns = columns_beside(width, up)
        self.rows = height - 2
        self._across = across
        self._up = up
        self._taken: set[tuple[int, int]] = set()
        # Imported here: it would delay the first paint.
        import plotext

        self._plotext: Any = plotext
        self._plotext.clear_figure()
        # Without this, plotext cuts the figure to the size of the terminal.
        self._plotext.limit_size(False, False)
        self._plotext.plot_size(width, height)
        self._plotext.theme("clear")
        self._plotext.xaxes(True, False)
        self._plotext.yaxes(True, False)
        self._plotext.xlim(across.low, across.high)
        self._plotext.ylim(up.low, up.high)
        self._plotext.xticks(across.ticks, across.labels)
        self._plotext.yticks(up.ticks, up.labels)

    def column(self, x: float) -> int:
        """The column in which a line passes a value; a cell of braille is two dots wide and four high."""
        return _dot(x, self._across, 2 * self.columns) // 2

    def row(self, y: float) -> int:
        """The row in which a line passes a value."""
        return _dot(y, self._up, 4 * self.rows) // 4

    def line(self, points: Sequence[Point], colour: str) -> None:
        """Connect points by a thin line."""
        if points:
            thinned = self._thinned(points)
            self._plotext.plot([x for x, _ in thinned], [y for _, y in thinned], marker="braille", color=colour)
            self._taken.update(self._cells_along(thinned))

    def dashes(self, points: Sequence[Point], glyph: str, colour: str) -> None:
        """Connect points by a dashed line; a line under it stays visible in the gaps."""
        if points:
            cells = self._cells_along(self._thinned(points))
            gaps = {(column, row) for column, row in cells if column % 2 and (column - 1, row) in cells}
            self.cells(cells - gaps, glyph, colour)

    def marks(self, points: Iterable[Point], glyph: str, colour: str) -> None:
        """Draw a bold glyph at every point."""
        self.cells({(self.column(x), self.row(y)) for x, y in points}, glyph, colour, style="bold")

    def verticals(self, columns: Collection[int], glyph: str, colour: str) -> None:
        """Draw lines from top to bottom; everything drawn later covers them."""
        self.cells([(column, row) for column in columns for row in range(self.rows)], glyph, colour, takes=False)

    def cells(
        self, cells: Iterable[tuple[int, int]], glyph: str, colour: str, style: str = "default", takes: bool = True
    ) -> None:
        """Draw a glyph in the given cells, which labels then avoid if ``takes``."""
        columns_and_rows = list(cells)
        if not columns_and_rows:
            return
        if takes:
            self._taken.update(columns_and_rows)
        xs = [_middle(column, self._across, self.columns) for column, _ in columns_and_rows]
        ys = [_middle(row, self._up, self.rows) for _, row in columns_and_rows]
        self._plotext.scatter(xs, ys, marker=glyph, color=colour, style=style)

    def bars(self, heights: dict[int, float], first_active: int, colour: str) -> None:
        """Draw a bar in every column, to an eighth of a cell; bars before the column ``first_active`` are pale."""
        by_glyph: dict[str, list[tuple[int, int]]] = {}
        foot = self.row(0.0)
        for column, value in heights.items():
            if column < first_active or value < 0:
                end = self.row(value)
                glyph = PRUNED_BAR if column < first_active else BAR
                rows = range(min(foot, end), max(foot, end) + 1) if value else ()
                by_glyph.setdefault(glyph, []).extend((column, row) for row in rows)
                continue
            eighths = round(8 * (self.rows - foot) * value / self._up.high) if self._up.high else 0
            full, rest = divmod(max(eighths, 1) if value else 0, 8)
            by_glyph.setdefault(BAR, []).extend((column, foot + row) for row in range(full))
            if rest:
                by_glyph.setdefault(_BAR_TOPS[rest - 1], []).append((column, foot + full))
        for glyph, cells in by_glyph.items():
            self.cells(cells, glyph, colour)

    def label(self, name: str, column: int, verticals: Collection[int], row: int | None = None) -> None:
        """Write a label beside a column where it covers nothing; else across vertical lines; else not at all.

        Args:
            name: the label.
            column: the column that is labelled; it is never covered.
            verticals: columns of lines that the label should not cross.
            row: the preferred row; without one, rows are tried from the bottom up.
        """
        rows = sorted(range(self.rows), key=lambda one: one if row is None else abs(one - row))
        for crossing in (False, True):
            for candidate in rows:
                for first in (column - len(name), column + 1):
                    if self._is_free(first, len(name), candidate, () if crossing else verticals):
                        self._write(name, first, candidate)
                        return

    def as_text(self) -> Text:
        """The chart as text, every line as wide as the canvas."""
        return Text.from_ansi(self._plotext.build().removesuffix("\n"))

    def _is_free(self, first: int, length: int, row: int, verticals: Collection[int]) -> bool:
        if first < 0 or first + length > self.columns:
            return False
        columns = range(first, first + length)
        return not any(column in verticals or (column, row) in self._taken for column in columns)

    def _write(self, name: str, first: int, row: int) -> None:
        # One more cell on both sides, so that two labels do not run together.
        self._taken.update((column, row) for column in range(first - 1, first + len(name) + 1))
        at = _middle(first, self._across, self.columns), _middle(row, self._up, self.rows)
        self._plotext.text(name, *at, color=THRESHOLD_COLOUR, alignment="left")

    def _thinned(self, points: Sequence[Point]) -> list[Point]:
        """Drop points in the same dot as the point before: a wide layer has thousands, and plotext is slow."""
        finest_x = 2 * self.columns / (self._across.high - self._across.low)
        finest_y = 4 * self.rows / (self._up.high - self._up.low)
        dots = [(int(x * finest_x), int(y * finest_y)) for x, y in points]
        return [
            points[0],
            *(point for point, (before, dot) in zip(points[1:], pairwise(dots), strict=True) if dot != before),
        ]

    def _cells_along(self, points: Sequence[Point]) -> set[tuple[int, int]]:
        """The cells that a line through the points touches, computed dot by dot as plotext does."""
        dots = [(_dot(x, self._across, 2 * self.columns), _dot(y, self._up, 4 * self.rows)) for x, y in points]
        cells = {(dots[0][0] // 2, dots[0][1] // 4)}
        for (x, y), (next_x, next_y) in pairwise(dots):
            across, up = next_x - x, next_y - y
            count = max(abs(across), abs(up), 1)
            cells.update(((x + across * n // count) // 2, (y + up * n // count) // 4) for n in range(1, count + 1))
        return cells


def columns_beside(width: int, up: Axis) -> int:
    """The width minus the vertical axis and its labels."""
    return width - max(map(len, up.labels)) - 1


def _dot(value: float, axis: Axis, dots: int) -> int:
    """The dot in which plotext draws a value; dots are counted from 0."""
    return math.floor(round(0.5 + (dots - 1) * (value - axis.low) / (axis.high - axis.low), 8))


def _middle(cell: int, axis: Axis, cells: int) -> float:
    return axis.low + (axis.high - axis.low) * cell / (cells - 1)


def channel_axis(channels: int, width: int) -> Axis:
    """The axis of channels pruned, counted as in the status line, each label with its fraction of all."""
    fractions = (0.0, 0.5, 1.0) if width < _NARROW else (0.0, 0.25, 0.5, 0.75, 1.0)
    labels = tuple(f"{channels * each:g} ({each:g})" if 0 < each < 1 else f"{channels * each:g}" for each in fractions)
    return Axis(0.0, float(channels), tuple(channels * each for each in fractions), labels)


def zoomed_percent_axis(values: Sequence[float], steps: int) -> Axis:
    """An axis of percentages around the values, at least five points long, within 0 and 100."""
    low, high = min(values), max(values)
    spare = max(0.05 * (high - low), (5 - (high - low)) / 2, 0.0)
    low, high = max(0.0, low - spare), min(100.0, high + spare)
    if high - low < 5:
        low, high = (low, low + 5) if low < 50 else (high - 5, high)
    ticks = tuple(low + (high - low) * step / steps for step in range(steps + 1))
    return Axis(low, high, ticks, tuple(f"{tick:.1f}" for tick in ticks))


def title_lines(height: int) -> int:
    """How many lines of a chart of this height go to the title of its horizontal axis."""
    return 1 if height >= _LOWEST_TITLED else 0


def titled(chart: Text, title: str, width: int, height: int) -> Text:
    """A chart with the title of its horizontal axis below it, where there is room."""
    if not title_lines(height):
        return chart
    return chart.append("\n").append(title[:width].center(width), Style(dim=True))


def with_hint(chart: Text, hint: str) -> Text:
    """A chart with a sentence in its middle, over what is drawn there; without it where there is no room."""
    lines = chart.split("\n")
    middle = len(lines) // 2
    width = lines[middle].cell_len
    if len(hint) + 12 > width:
        return chart
    start = (width - len(hint)) // 2
    line = lines[middle]
    lines[middle] = Text.assemble(line[:start], (hint, "dim"), line[start + len(hint) :])
    return Text("\n").join(lines)


def percent_axis(height: int) -> Axis:
    """The axis from 0 to 100 %, with fewer labels on a low chart."""
    return PERCENT if height >= 14 else _COARSE_PERCENT


def accuracy_axis(lowest: float, height: int) -> Axis:
    """The axis of a chart with accuracies alone: from 80, 50 or 0 % on, whichever leaves them all in view, to 100 %."""
    low = next((start for start in (80.0, 50.0) if lowest >= start), 0.0)
    if not low:
        return percent_axis(height)
    steps = 4 if height >= 14 else 2
    ticks = tuple(low + (100 - low) * step / steps for step in range(steps + 1))
    return Axis(low, 100.0, ticks, tuple(f"{tick:g}" for tick in ticks))


def too_small(width: int, height: int) -> Text | None:
    """A sentence to show instead of a chart if the area is too small; None if it is large enough."""
    if width >= SMALLEST_WIDTH and height >= SMALLEST_HEIGHT:
        return None
    return Text(f"A chart needs {SMALLEST_WIDTH}×{SMALLEST_HEIGHT} cells; there are {width}×{height}.")
