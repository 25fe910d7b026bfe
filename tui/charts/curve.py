"""The chart of the curve: clean accuracy and ASR against the fraction of channels pruned."""

from __future__ import annotations

from rich.text import Text

from bdtui.engine import events
from bdtui.engine.event_values import MeasuredPoint
from bdtui.engine.rates import Share
from bdtui.tui.charts.canvas import (
    ACCURACY_COLOUR,
    ASR_COLOUR,
    BY_HAND_LINE,
    CURSOR,
    CURSOR_COLOUR,
    DASH,
    PRESENT_LINE,
    THRESHOLD_COLOUR,
    Axis,
    Canvas,
    Point,
    accuracy_axis,
    channel_axis,
    percent_axis,
    title_lines,
    titled,
    too_small,
)
from bdtui.tui.charts.image_counts import NOT_KNOWN, ImageCounts
from bdtui.tui.charts.points import (
    accuracy,
    asr,
    has_asr,
    has_estimate,
    legend_line,
    percent,
    reached,
    runs,
    series,
    split_by_hand,
    step,
    step_part,
    threshold_name,
)

LINE = "⠒"
PRESENT_DASH = "◇"
BY_HAND_DASH = "×"
THRESHOLD = "┊"
ACCURACY_BAND, ASR_BAND = "⠐", "░"
ESTIMATE_BAND = "╱"
_FEWEST_ROWS = 2
_MANY = 200
"""With so many images no interval is higher than a few lines of a chart."""
TITLE = "channels pruned (fraction)"


def draw_curve(
    position: events.PositionReached, channels: int, width: int, height: int, images: ImageCounts = NOT_KNOWN
) -> Text:
    """Clean accuracy and ASR in percent against the number of channels pruned.

    Only neighbouring steps are connected. Accuracies without an ASR are drawn from 80 or 50 % on where none is lower. Where there are so few images that the 95 % interval of a rate is higher than
    a line of the chart, the interval is shaded. Where reversed triggers stand in for poisoned images, what they do is hatched.

    Args:
        position: the present position; everything measured for its layer is drawn.
        channels: how many channels the layer has.
        width: columns of the chart.
        height: lines of the chart.
        images: how many there are in the validation sets.
    """
    if sentence := too_small(width, height):
        return sentence
    in_order, by_hand = split_by_hand(position)
    canvas = Canvas(width, height - title_lines(height), channel_axis(channels, width), _rate_axis(position, height))
    verticals = {canvas.column(threshold.step) for threshold in reached(position.thresholds)}
    cursor = canvas.column(position.step)
    canvas.verticals(verticals, THRESHOLD, THRESHOLD_COLOUR)
    canvas.verticals({cursor}, CURSOR, CURSOR_COLOUR)
    _draw_estimates(canvas, in_order)
    _draw_band(canvas, series(in_order, step, asr), images.poisoned, ASR_BAND, ASR_COLOUR)
    _draw_band(canvas, series(in_order, step, accuracy), images.clean, ACCURACY_BAND, ACCURACY_COLOUR)
    connected = runs(in_order)
    for run in connected:
        canvas.line(series(run, step, accuracy), ACCURACY_COLOUR)
    for run in connected:
        canvas.dashes(series(run, step, asr), DASH, ASR_COLOUR)
    for points, dash_glyph, line_glyph in (
        (by_hand, BY_HAND_DASH, BY_HAND_LINE),
        (() if position.present.by_hand else (position.present,), PRESENT_DASH, PRESENT_LINE),
    ):
        canvas.marks(series(points, step, asr), dash_glyph, ASR_COLOUR)
        canvas.marks(series(points, step, accuracy), line_glyph, ACCURACY_COLOUR)
    for threshold in reached(position.thresholds):
        canvas.label(threshold_name(threshold), canvas.column(threshold.step), {*verticals, cursor})
    return titled(canvas.as_text(), TITLE, width, height)


def _rate_axis(position: events.PositionReached, height: int) -> Axis:
    """From 0 to 100 % where there is an ASR; accuracies alone may be looked at more closely."""
    in_order, by_hand = split_by_hand(position)
    if has_asr(position) or has_estimate(position):
        return percent_axis(height)
    return accuracy_axis(min((rate for _, rate in series([*in_order, *by_hand], step, accuracy)), default=0.0), height)


def _draw_estimates(canvas: Canvas, points: list[MeasuredPoint]) -> None:
    """Hatch what lies between the weak and the strong reversed trigger: no line, since nothing was measured there."""
    cells = {
        (canvas.column(step(point)), row)
        for point in points
        if (found := point.estimate) is not None
        for row in range(canvas.row(found.low), canvas.row(found.high) + 1)
    }
    canvas.cells(cells, ESTIMATE_BAND, ASR_COLOUR, takes=False)


def _draw_band(canvas: Canvas, points: list[Point], images: int | None, glyph: str, colour: str) -> None:
    """Shade the 95 % interval of every rate where it is higher than a line of the chart."""
    if not images:
        return
    cells: set[tuple[int, int]] = set()
    for x, rate in points:
        low, high = Share(round(rate * images / 100), images).wilson_interval()
        # A zoomed axis may begin above the lower end.
        rows = range(max(canvas.row(low), 0), canvas.row(high) + 1)
        if len(rows) > _FEWEST_ROWS:
            cells.update((canvas.column(x), row) for row in rows)
    canvas.cells(cells, glyph, colour, takes=False)


def curve_legend(
    position: events.PositionReached, channels: int, width: int = 78, images: ImageCounts = NOT_KNOWN
) -> Text:
    """The legend of `draw_curve`, in one line, with the present rates."""
    present = position.present
    parts = [("", "", "%"), (LINE, ACCURACY_COLOUR, f"accuracy {percent(present.clean_accuracy)}")]
    if has_asr(position):
        parts.append((DASH, ASR_COLOUR, f"ASR {percent(present.attack_success_rate)}"))
    parts.append(step_part(CURSOR, CURSOR_COLOUR, position.step, channels))
    if any(reached(position.thresholds)):
        parts.append((THRESHOLD, THRESHOLD_COLOUR, "X reached"))
    if split_by_hand(position)[1]:
        glyphs = BY_HAND_LINE + BY_HAND_DASH if has_asr(position) else BY_HAND_LINE
        parts.append((glyphs, "", "off curve"))
    if has_estimate(position):
        found = "" if present.estimate is None else f" {present.estimate} %"
        parts.append((ESTIMATE_BAND, ASR_COLOUR, f"ASR estimate{found}"))
    if not has_asr(position):
        parts.append(("", "", "no poisoned images, no ASR"))
        if (low := _rate_axis(position, 14).low) > 0:
            parts.append(("", "", f"axis from {low:g} %"))
    if min(images.clean or _MANY, images.poisoned or _MANY) < _MANY:
        parts.append((ASR_BAND, "", "95 % interval"))
    return legend_line(parts, width)
