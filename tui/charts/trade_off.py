"""The chart of the trade-off: the path of pruning through clean accuracy and ASR."""

from __future__ import annotations

from rich.text import Text

from bdtui.engine.events import PositionReached
from bdtui.tui.charts.canvas import (
    BY_HAND_LINE,
    CURSOR_COLOUR,
    PATH_COLOUR,
    PERCENT,
    PRESENT_LINE,
    THRESHOLD_COLOUR,
    Canvas,
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
    """The path of pruning through clean accuracy (across) and ASR (up), both in percent.

    Args:
        position: the present position; the path is that of its order.
        width: columns of the chart.
        height: lines of the chart.
    """
    if sentence := too_small(width, height):
        return sentence
    path = series(position.path, accuracy, asr)
    if not path:
        return Text(NO_ASR)
    canvas = Canvas(width, height, across=PERCENT, up=percent_axis(height))
    canvas.line(path, PATH_COLOUR)
    on_path = set(path)
    by_hand = series(split_by_hand(position)[1], accuracy, asr)
    canvas.marks([point for point in by_hand if point not in on_path], BY_HAND_LINE, PATH_COLOUR)
    named = []
    for threshold in reached(position.thresholds):
        at = series((point for point in position.path if point.step == threshold.step), accuracy, asr)
        canvas.marks(at, THRESHOLD_POINT, THRESHOLD_COLOUR)
        named += [(threshold, canvas.column(x), canvas.row(y)) for x, y in at]
    start = series((point for point in position.path if point.step == 0), accuracy, asr)
    canvas.marks(start, START, CURSOR_COLOUR)
    canvas.marks(series((position.present,), accuracy, asr), PRESENT_LINE, CURSOR_COLOUR)
    for threshold, column, row in named:
        canvas.label(threshold_name(threshold), column, (), row)
    return canvas.as_text()


def trade_off_legend(position: PositionReached, width: int = 78) -> Text:
    """The legend of `draw_trade_off`, in one line."""
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
        parts.append((BY_HAND_LINE, PATH_COLOUR, "off curve"))
    return legend_line(parts, width)
