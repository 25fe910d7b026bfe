"""The measured points that all charts draw, and their legend."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from rich.text import Text

from bdtui.engine import events
from bdtui.engine.event_values import MeasuredPoint, Threshold
from bdtui.tui.charts.canvas import Point

_FIGURE = re.compile(r" [\d.]+ %$")

Part = tuple[str, str, str]
"""A part of a legend: glyphs, colour and name."""


def split_by_hand(position: events.PositionReached) -> tuple[list[MeasuredPoint], list[MeasuredPoint]]:
    """The measured points on the ranking's path, by step, and those off it."""
    points = (*position.measured, *position.path, position.present)
    in_order = {point.step: point for point in points if not point.by_hand}
    by_hand = dict.fromkeys(point for point in points if point.by_hand)
    return [in_order[step] for step in sorted(in_order)], list(by_hand)


def series(
    points: Iterable[MeasuredPoint], x: Callable[[MeasuredPoint], float], y: Callable[[MeasuredPoint], float]
) -> list[Point]:
    """The points with two known, finite values."""
    pairs = [(x(point), y(point)) for point in points]
    return [pair for pair in pairs if math.isfinite(pair[0]) and math.isfinite(pair[1])]


def step(point: MeasuredPoint) -> float:
    """Channels pruned."""
    return float(point.step)


def runs(points: Iterable[MeasuredPoint]) -> list[list[MeasuredPoint]]:
    """Points by step, cut where a step between two was not measured: a line across it would be invented."""
    found: list[list[MeasuredPoint]] = []
    for point in points:
        if found and point.step - found[-1][-1].step <= 1:
            found[-1].append(point)
        else:
            found.append([point])
    return found


def accuracy(point: MeasuredPoint) -> float:
    """Clean accuracy in percent."""
    return number(point.clean_accuracy)


def asr(point: MeasuredPoint) -> float:
    """ASR in percent; NaN if not known."""
    return number(point.attack_success_rate)


def number(value: float | None) -> float:
    """A value, or NaN if it is not known."""
    return math.nan if value is None else value


def has_asr(position: events.PositionReached) -> bool:
    """Whether any drawn point has an ASR."""
    return any(point.attack_success_rate is not None for point in (*position.path, position.present))


def has_estimate(position: events.PositionReached) -> bool:
    """Whether reversed triggers stand in for poisoned images at any drawn point."""
    return any(point.estimate is not None for point in (*position.path, position.present))


@dataclass(frozen=True)
class Reached:
    """A reached threshold: the drop, and the first step with it."""

    drop: float
    step: int


def reached(thresholds: Iterable[Threshold]) -> list[Reached]:
    """The reached thresholds."""
    return [Reached(threshold.drop, threshold.step) for threshold in thresholds if threshold.step is not None]


def threshold_name(threshold: Reached) -> str:
    """E.g. ``X=2``."""
    return f"X={threshold.drop:g}"


def percent(value: float | None) -> str:
    """A rate with two decimals; ``unknown`` if not known."""
    return "unknown" if value is None or not math.isfinite(value) else f"{value:.2f} %"


def step_part(glyph: str, colour: str, step: int, channels: int) -> Part:
    """The legend of the present step."""
    return glyph, colour, f"step {step}/{channels}"


def legend_line(parts: Iterable[Part], width: int) -> Text:
    """Glyphs and names in one line: without figures where these do not fit, then without parts at the end."""
    listed = list(parts)
    if _length(listed) > width:
        listed = [(glyph, colour, _FIGURE.sub("", name)) for glyph, colour, name in listed]
    while listed and _length(listed) > width:
        listed.pop()
    legend = Text()
    for glyph, colour, name in listed:
        part = Text(f"{glyph} {name}".strip())
        part.stylize("bold" if colour == "default" else colour, 0, len(glyph))
        legend.append("  " if legend else "").append_text(part)
    return legend


def _length(parts: Sequence[Part]) -> int:
    return sum(len(f"{glyph} {name}".strip()) + 2 for glyph, _, name in parts) - 2
