"""The chart of the trade-off: the path that pruning takes through clean accuracy and ASR."""

from __future__ import annotations

from rich.text import Text

from bdtui.engine.events import PositionReached
from bdtui.tui.charts.figure import (
    BY_HAND_LINE,
    CURSOR_COLOUR,
    PATH_COLOUR,
    PERCENT,
    PRESENT_LINE,
    THRESHOLD_COLOUR,
    Figure,
    percent_axis,
    too_small,
)
from bdtui.tui.charts.points import (
    accuracy,
    asr,
    has_asr,
    legend_line,
    reached,
    series,
    split_by_hand,
    step_part,
    threshold_name,
)

NO_ASR = "No poisoned validation images, so no ASR: there is no trade-off to draw."

START = "B"
THRESHOLD_POINT = "○"


def draw_trade_off(position: PositionReached, width: int, height: int) -> Text:
    """The path that pruning takes through clean accuracy (across) and ASR (up), both in percent.

    Args:
        position: where the person stands; the path is that of its order.
        width: columns of the chart.
        height: lines of the chart.
    """
    if sentence := too_small(width, height):
        return sentence
    path = series(position.path, accuracy, asr)
    if not path:
        return Text(NO_ASR)
    figure = Figure(width, height, across=PERCENT, up=percent_axis(height))
    figure.line(path, PATH_COLOUR)
    on_path = set(path)
    by_hand = series(split_by_hand(position)[1], accuracy, asr)
    figure.marks([point for point in by_hand if point not in on_path], BY_HAND_LINE, PATH_COLOUR)
    named = []
    for threshold in reached(position.thresholds):
        at = series((point for point in position.path if point.step == threshold.step), accuracy, asr)
        figure.marks(at, THRESHOLD_POINT, THRESHOLD_COLOUR)
        named += [(threshold, figure.column(x), figure.row(y)) for x, y in at]
    start = series((point for point in position.path if point.step == 0), accuracy, asr)
    figure.marks(start, START, CURSOR_COLOUR)
    figure.marks(series((position.present,), accuracy, asr), PRESENT_LINE, CURSOR_COLOUR)
    for threshold, column, row in named:
        figure.label(threshold_name(threshold), column, (), row)
    return figure.as_text()


def trade_off_legend(position: PositionReached, width: int = 78) -> Text:
    """What the marks of `draw_trade_off` mean, in one line."""
    if not has_asr(position):
        return Text()
    parts = [
        ("", "", "across: accuracy, up: ASR"),
        step_part(PRESENT_LINE, CURSOR_COLOUR, position.step, len(position.order)),
        (START, CURSOR_COLOUR, "step 0"),
    ]
    if any(reached(position.thresholds)):
        parts.append((THRESHOLD_POINT, THRESHOLD_COLOUR, "X reached"))
    if split_by_hand(position)[1]:
        parts.append((BY_HAND_LINE, PATH_COLOUR, "by hand"))
    return legend_line(parts, width)
