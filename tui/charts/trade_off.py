"""The chart of the trade-off: the path of pruning through clean accuracy and ASR."""

from __future__ import annotations

from rich.text import Text

from bdtui.engine import events
from bdtui.tui.charts.canvas import (
    BY_HAND_LINE,
    CURSOR_COLOUR,
    PATH_COLOUR,
    PRESENT_LINE,
    THRESHOLD_COLOUR,
    Canvas,
    title_lines,
    titled,
    too_small,
    zoomed_percent_axis,
)
from bdtui.tui.charts.points import (
    accuracy,
    asr,
    has_asr,
    legend_line,
    reached,
    runs,
    series,
    split_by_hand,
    step_part,
)

NO_ASR = "No poisoned validation images, so no ASR: there is no trade-off to draw."

START = "B"
THRESHOLD_POINT = "○"
LIMIT = "┊"
TITLE = "clean accuracy (%)"
_NARROW, _HIGH = 56, 14


def draw_trade_off(position: events.PositionReached, width: int, height: int) -> Text:
    """The path of pruning through clean accuracy (across) and ASR (up), both in percent, zoomed to what was measured.

    Dotted lines stand at the accuracies that the thresholds tolerate, as far as these lie in view.

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
    on_path = set(path)
    by_hand = series(split_by_hand(position)[1], accuracy, asr)
    drawn = [*path, *by_hand, *series((position.present,), accuracy, asr)]
    across = zoomed_percent_axis([x for x, _ in drawn], 2 if width < _NARROW else 4)
    up = zoomed_percent_axis([y for _, y in drawn], 4 if height >= _HIGH else 2)
    canvas = Canvas(width, height - title_lines(height), across=across, up=up)
    start = series((point for point in position.path if point.step == 0), accuracy, asr)
    limits = {
        threshold.drop: canvas.column(start[0][0] - threshold.drop)
        for threshold in position.thresholds
        if start and across.low <= start[0][0] - threshold.drop
    }
    canvas.verticals(set(limits.values()), LIMIT, THRESHOLD_COLOUR)
    for run in runs(position.path):
        canvas.line(series(run, accuracy, asr), PATH_COLOUR)
    canvas.marks([point for point in by_hand if point not in on_path], BY_HAND_LINE, PATH_COLOUR)
    for threshold in reached(position.thresholds):
        at = series((point for point in position.path if point.step == threshold.step), accuracy, asr)
        canvas.marks(at, THRESHOLD_POINT, THRESHOLD_COLOUR)
    canvas.marks(start, START, CURSOR_COLOUR)
    canvas.marks(series((position.present,), accuracy, asr), PRESENT_LINE, CURSOR_COLOUR)
    for drop, column in limits.items():
        canvas.label(f"X={drop:g}", column, set(limits.values()))
    return titled(canvas.as_text(), TITLE, width, height)


def trade_off_legend(position: events.PositionReached, width: int = 78) -> Text:
    """The legend of `draw_trade_off`, in one line."""
    if not has_asr(position):
        return Text()
    parts = [
        ("", "", "ASR (%)"),
        step_part(PRESENT_LINE, CURSOR_COLOUR, position.step, len(position.order)),
        (START, CURSOR_COLOUR, "step 0"),
    ]
    if any(reached(position.thresholds)):
        parts.append((THRESHOLD_POINT, THRESHOLD_COLOUR, "X reached"))
    if split_by_hand(position)[1]:
        parts.append((BY_HAND_LINE, PATH_COLOUR, "off curve"))
    return legend_line(parts, width)
