"""The three charts of the terminal app, drawn with characters: the curve, the trade-off and the activations.

Every line differs from its neighbours by its glyph as well as by its colour, so that nothing is lost under NO_COLOR.
plotext draws one figure for the whole process: call these functions from the app's loop only.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from rich.text import Text

from bdtui.engine.events import ChannelsProfiled, MeasuredPoint, PositionReached, ThresholdState

SMALLEST_WIDTH = 30
SMALLEST_HEIGHT = 8
WAITING = "Open a model to see how accuracy and ASR move as its channels go."
WAITING_FOR_POSITION = "The unpruned network is being measured."
NO_ASR = "No poisoned validation images, so no ASR: there is no trade-off to draw."
NO_ACTIVATIONS = "No channel of this layer has an activation that could be drawn."

LINE = "⠒"
DASH = "•"
PRESENT_LINE = "◆"
PRESENT_DASH = "◇"
BY_HAND_LINE = "+"
BY_HAND_DASH = "×"
CURSOR = "│"
THRESHOLD = "┊"
START = "B"
THRESHOLD_POINT = "○"
BAR = "█"
SILENCED_BAR = "░"
_BAR_TOPS = "▁▂▃▄▅▆▇█"


def draw_curve(position: PositionReached, channels: int, width: int, height: int) -> Text:
    """Clean accuracy and ASR in percent against the fraction of channels pruned.

    Args:
        position: where the person stands; everything measured for its layer is drawn.
        channels: how many channels the layer has.
        width: columns of the chart.
        height: lines of the chart.
    """
    if too_small := _too_small(width, height):
        return too_small
    figure = _Figure(width, height, across=_FRACTION, up=_percent_axis(height))
    in_order, by_hand = _told_apart(position)
    accuracy = _series(in_order, _fraction, _accuracy)
    asr = _series(in_order, _fraction, _asr)
    verticals = {figure.column(threshold.step / channels) for threshold in _reached(position.thresholds)}
    cursor = figure.column(position.step / channels)
    figure.verticals(verticals, THRESHOLD, _THRESHOLD_COLOUR)
    figure.verticals({cursor}, CURSOR, _CURSOR_COLOUR)
    figure.line(accuracy, _ACCURACY_COLOUR)
    figure.dashes(asr, DASH, _ASR_COLOUR)
    for points, dash_glyph, line_glyph in (
        (by_hand, BY_HAND_DASH, BY_HAND_LINE),
        (() if position.present.by_hand else (position.present,), PRESENT_DASH, PRESENT_LINE),
    ):
        figure.marks(_series(points, _fraction, _asr), dash_glyph, _ASR_COLOUR)
        figure.marks(_series(points, _fraction, _accuracy), line_glyph, _ACCURACY_COLOUR)
    for threshold in _reached(position.thresholds):
        figure.label(_threshold_name(threshold), figure.column(threshold.step / channels), {*verticals, cursor})
    return figure.drawn()


def curve_legend(position: PositionReached, channels: int, width: int = 78) -> Text:
    """What the marks of `draw_curve` mean, in one line, with the present rates."""
    present = position.present
    parts = [(LINE, _ACCURACY_COLOUR, f"accuracy {_percent(present.clean_accuracy)}")]
    if _has_asr(position):
        parts.append((DASH, _ASR_COLOUR, f"ASR {_percent(present.attack_success_rate)}"))
    parts.append(_step_part(CURSOR, _CURSOR_COLOUR, position.step, channels))
    if any(_reached(position.thresholds)):
        parts.append((THRESHOLD, _THRESHOLD_COLOUR, "X reached"))
    if _told_apart(position)[1]:
        glyphs = BY_HAND_LINE + BY_HAND_DASH if _has_asr(position) else BY_HAND_LINE
        parts.append((glyphs, "", "by hand"))
    if not _has_asr(position):
        parts.append(("", "", "no poisoned images, no ASR"))
    parts.append(("", "", "across: fraction of channels pruned"))
    return _legend(parts, width)


def draw_trade_off(position: PositionReached, width: int, height: int) -> Text:
    """The path that pruning takes through clean accuracy (across) and ASR (up), both in percent.

    Args:
        position: where the person stands; the path is that of its order.
        width: columns of the chart.
        height: lines of the chart.
    """
    if too_small := _too_small(width, height):
        return too_small
    path = _series(position.path, _accuracy, _asr)
    if not path:
        return Text(NO_ASR)
    figure = _Figure(width, height, across=_PERCENT, up=_percent_axis(height))
    figure.line(path, _PATH_COLOUR)
    on_path = set(path)
    by_hand = _series(_told_apart(position)[1], _accuracy, _asr)
    figure.marks([point for point in by_hand if point not in on_path], BY_HAND_LINE, _PATH_COLOUR)
    reached = []
    for threshold in _reached(position.thresholds):
        at = _series((point for point in position.path if point.step == threshold.step), _accuracy, _asr)
        figure.marks(at, THRESHOLD_POINT, _THRESHOLD_COLOUR)
        reached += [(threshold, figure.column(x), figure.row(y)) for x, y in at]
    start = _series((point for point in position.path if point.step == 0), _accuracy, _asr)
    figure.marks(start, START, _CURSOR_COLOUR)
    figure.marks(_series((position.present,), _accuracy, _asr), PRESENT_LINE, _CURSOR_COLOUR)
    for threshold, column, row in reached:
        figure.label(_threshold_name(threshold), column, (), row)
    return figure.drawn()


def trade_off_legend(position: PositionReached, width: int = 78) -> Text:
    """What the marks of `draw_trade_off` mean, in one line."""
    if not _has_asr(position):
        return Text()
    parts = [
        ("", "", "across: accuracy, up: ASR"),
        _step_part(PRESENT_LINE, _CURSOR_COLOUR, position.step, len(position.order)),
        (START, _CURSOR_COLOUR, "step 0"),
    ]
    if any(_reached(position.thresholds)):
        parts.append((THRESHOLD_POINT, _THRESHOLD_COLOUR, "X reached"))
    if _told_apart(position)[1]:
        parts.append((BY_HAND_LINE, _PATH_COLOUR, "by hand"))
    return _legend(parts, width)


def draw_activations(profiled: ChannelsProfiled, order: tuple[int, ...], step: int, width: int, height: int) -> Text:
    """Mean activation of every channel in pruning order, on clean images and, where known, on poisoned ones.

    Where there are more channels than columns, a column shows the largest value of its channels: the few that only
    poisoned images wake are what one looks for.

    Args:
        profiled: the channels' figures.
        order: every channel once, in pruning order.
        step: how many of them, from the front, are silent.
        width: columns of the chart.
        height: lines of the chart.
    """
    if too_small := _too_small(width, height):
        return too_small
    figures = {channel.channel: channel for channel in profiled.channels}
    in_order = [figures[channel] for channel in order if channel in figures]
    clean = [_number(channel.mean_activation) for channel in in_order]
    poisoned = [_number(channel.poisoned_mean_activation) for channel in in_order]
    finite = [value for value in (*clean, *poisoned) if math.isfinite(value)]
    if not finite:
        return Text(NO_ACTIVATIONS)
    up = _value_axis(min(0.0, *finite), max(0.0, *finite), height)
    places = _Places(len(in_order), _columns(width, up))
    figure = _Figure(width, height, across=places.axis(), up=up)
    if step:
        figure.verticals({places.columns(min(step, len(in_order)) - 1)[-1]}, CURSOR, _CURSOR_COLOUR)
    bars = places.largest(clean)
    figure.bars(bars, places.first_column_after(step), _ACCURACY_COLOUR)
    # Where both agree a dot would only hide the top of its bar.
    differing = {
        (column, figure.row(value))
        for column, value in places.largest(poisoned).items()
        if abs(value - bars.get(column, math.inf)) >= (up.high - up.low) / figure.rows
    }
    figure.cells(differing, DASH, _ASR_COLOUR)
    return figure.drawn()


def activations_legend(profiled: ChannelsProfiled, order: tuple[int, ...], step: int, width: int = 78) -> Text:
    """What the marks of `draw_activations` mean, in one line."""
    parts = [(BAR, _ACCURACY_COLOUR, "mean activation")]
    if any(channel.poisoned_mean_activation is not None for channel in profiled.channels):
        parts.append((DASH, _ASR_COLOUR, "when poisoned"))
    parts.append(_step_part(CURSOR, _CURSOR_COLOUR, step, len(order)))
    parts.append((SILENCED_BAR, _ACCURACY_COLOUR, "silenced"))
    parts.append(("", "", "across: channels in pruning order"))
    return _legend(parts, width)


# Of the sixteen colours every terminal has, those that stay apart when Textual has turned them into a theme's and a
# poor terminal has rounded them again: yellow becomes the red of a light theme, magenta that of a dark one.
_ACCURACY_COLOUR = "cyan"
_ASR_COLOUR = "red"
_PATH_COLOUR = "cyan"
_THRESHOLD_COLOUR = "green"
_CURSOR_COLOUR = "default"

_Point = tuple[float, float]
_Part = tuple[str, str, str]


@dataclass(frozen=True)
class _Axis:
    """What an axis spans, and where it is labelled."""

    low: float
    high: float
    ticks: tuple[float, ...]
    labels: tuple[str, ...]


_PERCENT = _Axis(0.0, 100.0, (0.0, 25.0, 50.0, 75.0, 100.0), ("0", "25", "50", "75", "100"))
_COARSE_PERCENT = _Axis(0.0, 100.0, (0.0, 50.0, 100.0), ("0", "50", "100"))
_FRACTION = _Axis(0.0, 1.0, (0.0, 0.25, 0.5, 0.75, 1.0), ("0", "0.25", "0.5", "0.75", "1"))


class _Figure:
    """plotext's figure, seen as a grid of cells: column 0 on the left, row 0 at the bottom."""

    def __init__(self, width: int, height: int, across: _Axis, up: _Axis) -> None:
        self.columns = _columns(width, up)
        self.rows = height - 2
        self._across = across
        self._up = up
        self._taken: set[tuple[int, int]] = set()
        # Not above: the first paint does not wait for it.
        import plotext

        self._plotext: Any = plotext
        self._plotext.clear_figure()
        # Else plotext cuts the figure to the terminal it believes to be in.
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
        """The column in which a line passes a value: a cell of braille is two dots wide and four high."""
        return _dot(x, self._across, 2 * self.columns) // 2

    def row(self, y: float) -> int:
        """The row in which a line passes a value."""
        return _dot(y, self._up, 4 * self.rows) // 4

    def line(self, points: Sequence[_Point], colour: str) -> None:
        """Join points by a thin line."""
        if points:
            thinned = self._thinned(points)
            self._plotext.plot([x for x, _ in thinned], [y for _, y in thinned], marker="braille", color=colour)
            self._taken.update(self._cells_along(thinned))

    def dashes(self, points: Sequence[_Point], glyph: str, colour: str) -> None:
        """Join points by a dashed line: what lies under it shows through the gaps."""
        if points:
            cells = self._cells_along(self._thinned(points))
            gaps = {(column, row) for column, row in cells if column % 2 and (column - 1, row) in cells}
            self.cells(cells - gaps, glyph, colour)

    def marks(self, points: Iterable[_Point], glyph: str, colour: str) -> None:
        """Set a bold glyph at every point."""
        self.cells({(self.column(x), self.row(y)) for x, y in points}, glyph, colour, style="bold")

    def verticals(self, columns: Collection[int], glyph: str, colour: str) -> None:
        """Draw lines from top to bottom; what is drawn later covers them."""
        self.cells([(column, row) for column in columns for row in range(self.rows)], glyph, colour, takes=False)

    def cells(
        self, cells: Iterable[tuple[int, int]], glyph: str, colour: str, style: str = "default", takes: bool = True
    ) -> None:
        """Set a glyph in every one of some cells."""
        columns_and_rows = list(cells)
        if not columns_and_rows:
            return
        if takes:
            self._taken.update(columns_and_rows)
        xs = [_middle(column, self._across, self.columns) for column, _ in columns_and_rows]
        ys = [_middle(row, self._up, self.rows) for _, row in columns_and_rows]
        self._plotext.scatter(xs, ys, marker=glyph, color=colour, style=style)

    def bars(self, heights: dict[int, float], first_loud: int, colour: str) -> None:
        """Draw a bar in every column, with eighths of a cell on top; those before ``first_loud`` are pale."""
        by_glyph: dict[str, list[tuple[int, int]]] = {}
        foot = self.row(0.0)
        for column, value in heights.items():
            if column < first_loud or value < 0:
                end = self.row(value)
                glyph = SILENCED_BAR if column < first_loud else BAR
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
        """Write a name beside a column where it hides nothing, or across other vertical lines, or not at all.

        Args:
            name: what is written.
            column: the column that is named; not covered.
            verticals: columns of lines that should not be crossed.
            row: where to stay close to; else from the bottom up.
        """
        rows = sorted(range(self.rows), key=lambda one: one if row is None else abs(one - row))
        for crossing in (False, True):
            for candidate in rows:
                for first in (column - len(name), column + 1):
                    if self._is_free(first, len(name), candidate, () if crossing else verticals):
                        self._write(name, first, candidate)
                        return

    def drawn(self) -> Text:
        """The figure as text, every line as wide as the figure."""
        return Text.from_ansi(self._plotext.build().removesuffix("\n"))

    def _is_free(self, first: int, length: int, row: int, verticals: Collection[int]) -> bool:
        if first < 0 or first + length > self.columns:
            return False
        columns = range(first, first + length)
        return not any(column in verticals or (column, row) in self._taken for column in columns)

    def _write(self, name: str, first: int, row: int) -> None:
        # A cell more on both sides, so that two names do not read as one.
        self._taken.update((column, row) for column in range(first - 1, first + len(name) + 1))
        at = _middle(first, self._across, self.columns), _middle(row, self._up, self.rows)
        self._plotext.text(name, *at, color=_THRESHOLD_COLOUR, alignment="left")

    def _thinned(self, points: Sequence[_Point]) -> list[_Point]:
        """Points without those in the same dot as the one before: a wide layer has thousands, and plotext is slow."""
        finest_x = 2 * self.columns / (self._across.high - self._across.low)
        finest_y = 4 * self.rows / (self._up.high - self._up.low)
        dots = [(int(x * finest_x), int(y * finest_y)) for x, y in points]
        return [
            points[0],
            *(point for point, (before, dot) in zip(points[1:], pairwise(dots), strict=True) if dot != before),
        ]

    def _cells_along(self, points: Sequence[_Point]) -> set[tuple[int, int]]:
        """The cells that a line through points touches, found dot by dot as plotext draws it."""
        dots = [(_dot(x, self._across, 2 * self.columns), _dot(y, self._up, 4 * self.rows)) for x, y in points]
        cells = {(dots[0][0] // 2, dots[0][1] // 4)}
        for (x, y), (next_x, next_y) in pairwise(dots):
            across, up = next_x - x, next_y - y
            count = max(abs(across), abs(up), 1)
            cells.update(((x + across * n // count) // 2, (y + up * n // count) // 4) for n in range(1, count + 1))
        return cells


class _Places:
    """How the places of an order share the columns of a chart: several columns a place, or several places a column."""

    def __init__(self, places: int, columns: int) -> None:
        self._places = places
        self._columns = columns

    def axis(self) -> _Axis:
        """The axis in columns, labelled by places counted from 1, as steps are."""
        labelled = sorted({0, *(quarter * self._places // 4 - 1 for quarter in range(1, 5) if self._places >= 4)})
        middles = (self.columns(place) for place in labelled)
        ticks = tuple(float(columns[len(columns) // 2]) for columns in middles)
        return _Axis(0.0, self._columns - 1.0, ticks, tuple(str(place + 1) for place in labelled))

    def columns(self, place: int) -> range:
        """The columns of a place, counted from 0. Wide ones leave a gap to the next."""
        first = place * self._columns // self._places
        end = (place + 1) * self._columns // self._places
        return range(first, max(end - (self._columns >= 3 * self._places), first + 1))

    def first_column_after(self, step: int) -> int:
        """The first column that shows a channel which is not silent after so many steps."""
        return self._columns if step >= self._places else self.columns(step)[0]

    def largest(self, values: Sequence[float]) -> dict[int, float]:
        """The largest finite value of every column that has one."""
        largest: dict[int, float] = {}
        for place, value in enumerate(values):
            if math.isfinite(value):
                for column in self.columns(place):
                    largest[column] = max(value, largest.get(column, -math.inf))
        return largest


def _columns(width: int, up: _Axis) -> int:
    """What the labels of the vertical axis and its line leave of the width."""
    return width - max(map(len, up.labels)) - 1


def _dot(value: float, axis: _Axis, dots: int) -> int:
    """The dot in which plotext draws a value."""
    return math.floor(round(0.5 + (dots - 1) * (value - axis.low) / (axis.high - axis.low), 8))


def _middle(cell: int, axis: _Axis, cells: int) -> float:
    return axis.low + (axis.high - axis.low) * cell / (cells - 1)


def _percent_axis(height: int) -> _Axis:
    return _PERCENT if height >= 14 else _COARSE_PERCENT


def _value_axis(low: float, high: float, height: int) -> _Axis:
    if low == high:
        high = low + 1.0
    steps = 4 if height >= 14 else 2
    ticks = tuple(low + (high - low) * step / steps for step in range(steps + 1))
    return _Axis(low, high, ticks, tuple(f"{tick:.3g}" for tick in ticks))


def _told_apart(position: PositionReached) -> tuple[list[MeasuredPoint], list[MeasuredPoint]]:
    """The measured points of the ranking's order by step, and those that were tried by hand."""
    points = (*position.measured, *position.path, position.present)
    in_order = {point.step: point for point in points if not point.by_hand}
    by_hand = dict.fromkeys(point for point in points if point.by_hand)
    return [in_order[step] for step in sorted(in_order)], list(by_hand)


def _series(
    points: Iterable[MeasuredPoint], x: Callable[[MeasuredPoint], float], y: Callable[[MeasuredPoint], float]
) -> list[_Point]:
    """The points that can be drawn: both values known and finite."""
    pairs = [(x(point), y(point)) for point in points]
    return [pair for pair in pairs if math.isfinite(pair[0]) and math.isfinite(pair[1])]


def _fraction(point: MeasuredPoint) -> float:
    return point.fraction


def _accuracy(point: MeasuredPoint) -> float:
    return point.clean_accuracy


def _asr(point: MeasuredPoint) -> float:
    return _number(point.attack_success_rate)


def _number(value: float | None) -> float:
    return math.nan if value is None else value


def _has_asr(position: PositionReached) -> bool:
    return any(point.attack_success_rate is not None for point in (*position.path, position.present))


@dataclass(frozen=True)
class _Reached:
    drop: float
    step: int


def _reached(thresholds: Iterable[ThresholdState]) -> list[_Reached]:
    return [_Reached(threshold.drop, threshold.step) for threshold in thresholds if threshold.step is not None]


def _threshold_name(threshold: _Reached) -> str:
    return f"X={threshold.drop:g}"


def _percent(value: float | None) -> str:
    return "unknown" if value is None or not math.isfinite(value) else f"{value:.2f} %"


def _step_part(glyph: str, colour: str, step: int, channels: int) -> _Part:
    return glyph, colour, f"step {step}/{channels}"


def _legend(parts: Iterable[_Part], width: int) -> Text:
    """Glyphs and names in one line; what does not fit is left out, the last first."""
    legend = Text()
    for glyph, colour, name in parts:
        part = Text(f"{glyph} {name}".strip())
        part.stylize("bold" if colour == "default" else colour, 0, len(glyph))
        gap = "  " if legend else ""
        if legend.cell_len + len(gap) + part.cell_len > width:
            break
        legend.append(gap).append_text(part)
    return legend


def _too_small(width: int, height: int) -> Text | None:
    if width >= SMALLEST_WIDTH and height >= SMALLEST_HEIGHT:
        return None
    return Text(f"A chart needs {SMALLEST_WIDTH}×{SMALLEST_HEIGHT} cells; there are {width}×{height}.")
