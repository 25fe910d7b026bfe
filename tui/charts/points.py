"""The measured points that all charts draw, and their legend."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from rich.text import Text

from bdtui.engine.event_values import MeasuredPoint, Threshold
from bdtui.engine.events import PositionReached
from bdtui.tui.charts.canvas import Point

Part = tuple[str, str, str]
"""A part of a legend: glyphs, colour and name."""


def split_by_hand(position: PositionReached) -> tuple[list[MeasuredPoint], list[MeasuredPoint]]:
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


def fraction(point: MeasuredPoint) -> float:
    """Channels pruned, 0 to 1."""
    return point.fraction


def accuracy(point: MeasuredPoint) -> float:
    """Clean accuracy in percent."""
    return number(point.clean_accuracy)


def asr(point: MeasuredPoint) -> float:
    """ASR in percent; NaN if not known."""
    return number(point.attack_success_rate)


def number(value: float | None) -> float:
    """A value, or NaN if it is not known."""
    return math.nan if value is None else value


def has_asr(position: PositionReached) -> bool:
    """Whether any drawn point has an ASR."""
    return any(point.attack_success_rate is not None for point in (*position.path, position.present))


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
    """Glyphs and names in one line; parts at the end that do not fit are left out."""
    legend = Text()
    for glyph, colour, name in parts:
        part = Text(f"{glyph} {name}".strip())
        part.stylize("bold" if colour == "default" else colour, 0, len(glyph))
        gap = "  " if legend else ""
        if legend.cell_len + len(gap) + part.cell_len > width:
            break
        legend.append(gap).append_text(part)
    return legend
