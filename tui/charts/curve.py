"""The chart of the curve: clean accuracy and ASR against the fraction of channels pruned."""

from __future__ import annotations

from rich.text import Text

from bdtui.engine.events import PositionReached
from bdtui.tui.charts.canvas import (
    ACCURACY_COLOUR,
    ASR_COLOUR,
    BY_HAND_LINE,
    CURSOR,
    CURSOR_COLOUR,
    DASH,
    FRACTION,
    PRESENT_LINE,
    THRESHOLD_COLOUR,
    Canvas,
    percent_axis,
    too_small,
)
from bdtui.tui.charts.points import (
    accuracy,
    asr,
    fraction,
    has_asr,
    legend_line,
    percent,
    reached,
    series,
    split_by_hand,
    step_part,
    threshold_name,
)

LINE = "⠒"
PRESENT_DASH = "◇"
BY_HAND_DASH = "×"
THRESHOLD = "┊"


def draw_curve(position: PositionReached, channels: int, width: int, height: int) -> Text:
    """Clean accuracy and ASR in percent against the fraction of channels pruned.

    Args:
        position: the present position; everything measured for its layer is drawn.
        channels: how many channels the layer has.
        width: columns of the chart.
        height: lines of the chart.
    """
    if sentence := too_small(width, height):
        return sentence
    canvas = Canvas(width, height, across=FRACTION, up=percent_axis(height))
    in_order, by_hand = split_by_hand(position)
    accuracies = series(in_order, fraction, accuracy)
    asrs = series(in_order, fraction, asr)
    verticals = {canvas.column(threshold.step / channels) for threshold in reached(position.thresholds)}
    cursor = canvas.column(position.step / channels)
    canvas.verticals(verticals, THRESHOLD, THRESHOLD_COLOUR)
    canvas.verticals({cursor}, CURSOR, CURSOR_COLOUR)
    canvas.line(accuracies, ACCURACY_COLOUR)
    canvas.dashes(asrs, DASH, ASR_COLOUR)
    for points, dash_glyph, line_glyph in (
        (by_hand, BY_HAND_DASH, BY_HAND_LINE),
        (() if position.present.by_hand else (position.present,), PRESENT_DASH, PRESENT_LINE),
    ):
        canvas.marks(series(points, fraction, asr), dash_glyph, ASR_COLOUR)
        canvas.marks(series(points, fraction, accuracy), line_glyph, ACCURACY_COLOUR)
    for threshold in reached(position.thresholds):
        canvas.label(threshold_name(threshold), canvas.column(threshold.step / channels), {*verticals, cursor})
    return canvas.as_text()


def curve_legend(position: PositionReached, channels: int, width: int = 78) -> Text:
    """The legend of `draw_curve`, in one line, with the present rates."""
    present = position.present
    parts = [(LINE, ACCURACY_COLOUR, f"accuracy {percent(present.clean_accuracy)}")]
    if has_asr(position):
        parts.append((DASH, ASR_COLOUR, f"ASR {percent(present.attack_success_rate)}"))
    parts.append(step_part(CURSOR, CURSOR_COLOUR, position.step, channels))
    if any(reached(position.thresholds)):
        parts.append((THRESHOLD, THRESHOLD_COLOUR, "X reached"))
    if split_by_hand(position)[1]:
        glyphs = BY_HAND_LINE + BY_HAND_DASH if has_asr(position) else BY_HAND_LINE
        parts.append((glyphs, "", "off curve"))
    if not has_asr(position):
        parts.append(("", "", "no poisoned images, no ASR"))
    parts.append(("", "", "across: fraction of channels pruned"))
    return legend_line(parts, width)
