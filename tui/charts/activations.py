"""The chart of activations: what the ranking ranks every channel by, in pruning order."""

from __future__ import annotations

import math
from collections.abc import Sequence

from rich.text import Text

from bdtui.engine import events
from bdtui.tui.charts.canvas import (
    ACCURACY_COLOUR,
    ASR_COLOUR,
    BAR,
    CURSOR,
    CURSOR_COLOUR,
    DASH,
    PRUNED_BAR,
    Axis,
    Canvas,
    columns_beside,
    title_lines,
    titled,
    too_small,
)
from bdtui.tui.charts.points import legend_line, number, step_part
from bdtui.tui.wording import number_text

TITLE = "channels in pruning order"
NO_ACTIVATIONS = "No channel of this layer has a value that could be drawn."


def draw_activations(
    profiled: events.ChannelsProfiled, order: tuple[int, ...], step: int, width: int, height: int
) -> Text:
    """The score of every channel in pruning order, on clean images and, where known, on poisoned ones.

    If there are more channels than columns, a column shows the largest value of its channels, so that the few channels
    that fire only on poisoned images stay visible.

    Args:
        profiled: the profile of the channels.
        order: every channel once, in pruning order.
        step: how many of them, from the front, are pruned.
        width: columns of the chart.
        height: lines of the chart.
    """
    if sentence := too_small(width, height):
        return sentence
    figures = {channel.channel: channel for channel in profiled.channels}
    in_order = [figures[channel] for channel in order if channel in figures]
    clean = [number(channel.score) for channel in in_order]
    poisoned = [number(channel.poisoned_score) for channel in in_order]
    finite = [value for value in (*clean, *poisoned) if math.isfinite(value)]
    if not finite:
        return Text(NO_ACTIVATIONS)
    up = _value_axis(min(0.0, *finite), max(0.0, *finite), height)
    places = _Places(len(in_order), columns_beside(width, up))
    canvas = Canvas(width, height - title_lines(height), across=places.axis(), up=up)
    if step:
        canvas.verticals({places.columns(min(step, len(in_order)) - 1)[-1]}, CURSOR, CURSOR_COLOUR)
    bars = places.largest(clean)
    canvas.bars(bars, places.first_column_after(step), ACCURACY_COLOUR)
    # If both agree, a dot would only hide the top of its bar.
    differing = {
        (column, canvas.row(value))
        for column, value in places.largest(poisoned).items()
        if abs(value - bars.get(column, math.inf)) >= (up.high - up.low) / canvas.rows
    }
    canvas.cells(differing, DASH, ASR_COLOUR)
    return titled(canvas.as_text(), TITLE, width, height)


def activations_legend(profiled: events.ChannelsProfiled, order: tuple[int, ...], step: int, width: int = 78) -> Text:
    """The legend of `draw_activations`, in one line."""
    parts = [(BAR, ACCURACY_COLOUR, profiled.score)]
    if any(channel.poisoned_score is not None for channel in profiled.channels):
        parts.append((DASH, ASR_COLOUR, "when poisoned"))
    parts.append(step_part(CURSOR, CURSOR_COLOUR, step, len(order)))
    parts.append((PRUNED_BAR, ACCURACY_COLOUR, "pruned"))
    return legend_line(parts, width)


class _Places:
    """Maps places in the pruning order to columns: several columns per place, or several places per column."""

    def __init__(self, places: int, columns: int) -> None:
        self._places = places
        self._columns = columns

    def axis(self) -> Axis:
        """The horizontal axis in columns, labelled with places counted from 1, like steps."""
        labelled = sorted({0, *(quarter * self._places // 4 - 1 for quarter in range(1, 5) if self._places >= 4)})
        middles = (self.columns(place) for place in labelled)
        ticks = tuple(float(columns[len(columns) // 2]) for columns in middles)
        return Axis(0.0, self._columns - 1.0, ticks, tuple(str(place + 1) for place in labelled))

    def columns(self, place: int) -> range:
        """The columns of a place, counted from 0; wide bars leave a gap to the next."""
        first = place * self._columns // self._places
        end = (place + 1) * self._columns // self._places
        return range(first, max(end - (self._columns >= 3 * self._places), first + 1))

    def first_column_after(self, step: int) -> int:
        """The first column with a channel that is not pruned at this step."""
        return self._columns if step >= self._places else self.columns(step)[0]

    def largest(self, values: Sequence[float]) -> dict[int, float]:
        """The largest finite value in each column that has one."""
        largest: dict[int, float] = {}
        for place, value in enumerate(values):
            if math.isfinite(value):
                for column in self.columns(place):
                    largest[column] = max(value, largest.get(column, -math.inf))
        return largest


def _value_axis(low: float, high: float, height: int) -> Axis:
    if low == high:
        high = low + 1.0
    steps = 4 if height >= 14 else 2
    ticks = tuple(low + (high - low) * step / steps for step in range(steps + 1))
    return Axis(low, high, ticks, tuple(map(number_text, ticks)))
