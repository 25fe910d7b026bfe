"""The charts of the page as plain geometry, in the units of an SVG's view box; a template draws them.

Drawn here and not by matplotlib: they take the page's colours in the light and in the dark, say their numbers under the
pointer without a script, and are a twentieth of the size.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from bdtui.engine.rates import Share
from bdtui.engine.reports.candidates import candidates
from bdtui.engine.reports.record import RunRecord
from bdtui.engine.reports.verdict.words import interval

T = TypeVar("T")

WIDTH, HEIGHT = 480, 300
LEFT, _RIGHT, _TOP, _BOTTOM = 54, 466, 24, 252
_MOST_POINTS = 600
"""Of a line; more are no longer seen one by one."""
_MOST_MARKS = 130
"""Points that say their numbers."""
_MOST_BARS = 512


@dataclass(frozen=True)
class Tick:
    """A mark on an axis: where, and what it says."""

    at: float
    text: str


@dataclass(frozen=True)
class Mark:
    """A place that says something under the pointer, and perhaps beside it.

    Attributes:
        kind: a class of the page's style, e.g. ``attack``.
        title: said under the pointer.
        radius: of its circle.
        label: written beside it, at ``label_x``, ``label_y``; empty for nothing.
        anchor: which end of the label is there: ``start`` or ``end``.
    """

    x: float
    y: float
    kind: str
    title: str
    radius: int = 3
    label: str = ""
    label_x: float = 0.0
    label_y: float = 0.0
    anchor: str = "start"


@dataclass(frozen=True)
class Stroke:
    """A line (or an area, where ``is_area``) as the ``d`` of an SVG path."""

    kind: str
    d: str
    is_area: bool = False


@dataclass(frozen=True)
class Bar:
    """A bar of a bar chart."""

    x: float
    y: float
    width: float
    height: float
    kind: str
    title: str


@dataclass(frozen=True)
class Key:
    """What a colour stands for."""

    kind: str
    text: str


@dataclass(frozen=True)
class Chart:
    """A chart in a view box of `WIDTH` × `HEIGHT`.

    Attributes:
        name: unique in the page.
        title: in a few words.
        text: what it shows, for who cannot see it.
        guides: vertical lines with a word on top.
    """

    name: str
    title: str
    text: str
    x_title: str
    y_title: str
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    strokes: tuple[Stroke, ...] = ()
    marks: tuple[Mark, ...] = ()
    bars: tuple[Bar, ...] = ()
    guides: tuple[Tick, ...] = ()
    keys: tuple[Key, ...] = ()


def curve_chart(run: RunRecord) -> Chart | None:
    """Clean accuracy and attack success over the fraction pruned; None without a curve."""
    steps = [step for step in run.curve if step.rates.clean is not None or step.rates.attack is not None]
    if len(steps) < 2:
        return None
    x, y = _scale(0, 1, LEFT, _RIGHT), _scale(0, 100, _BOTTOM, _TOP)
    shown = _thinned(steps, _MOST_POINTS)
    strokes: list[Stroke] = []
    marks: list[Mark] = []
    keys = []
    lines: tuple[tuple[str, str, Callable[..., Share | None]], ...] = (
        ("clean", "clean accuracy", lambda step: step.rates.clean),
        ("attack", "attack success rate (ASR)", lambda step: step.rates.attack),
    )
    for kind, name, share_of in lines:
        known = [(step, share) for step in shown if (share := share_of(step)) is not None]
        if not known:
            continue
        keys.append(Key(kind, f"{name}, with its 95 % interval"))
        bounds = [
            (x(step.fraction), y(low), y(high)) for step, share in known for low, high in [share.wilson_interval()]
        ]
        strokes.append(Stroke(kind, _area(bounds), is_area=True))
        strokes.append(Stroke(kind, _line((x(step.fraction), y(share.percent)) for step, share in known)))
        marks += [
            Mark(
                x(step.fraction),
                y(share.percent),
                kind,
                f"{step.step} of {run.layer.channels} channels pruned: {name} {share.percent:.2f} % ({interval(share)})",
            )
            for step, share in _thinned(known, _MOST_MARKS)
        ]
    estimates = [(x(step.fraction), y(found.low), y(found.high)) for step in shown if (found := step.estimate)]
    if estimates:
        keys.append(Key("estimate", "ASR, estimate by reversed triggers; not measured"))
        strokes.append(Stroke("estimate", _area(estimates), is_area=True))
    places: dict[int, list[str]] = {}
    for threshold in run.thresholds[:12]:
        if threshold.step is not None:
            places.setdefault(threshold.step, []).append(f"{threshold.drop:g}")
    by_step = {step.step: step.fraction for step in run.curve}
    guides = [Tick(x(by_step[step]), f"X={', '.join(drops)}") for step, drops in places.items() if step in by_step]
    if guides:
        keys.append(Key("guide", "threshold X: so many points of clean accuracy are lost"))
    return Chart(
        "curve",
        "Pruning, channel by channel",
        f"Clean accuracy and attack success rate on the validation images while the channels of {run.layer.owner} are "
        "pruned; the numbers are in curve.csv.",
        "channels pruned [%]",
        "validation images [%]",
        tuple(Tick(x(part / 4), f"{25 * part}") for part in range(5)),
        tuple(Tick(y(part), f"{part}") for part in range(0, 101, 20)),
        tuple(strokes),
        tuple(marks),
        guides=_apart(guides),
        keys=tuple(keys),
    )


def trade_off_chart(run: RunRecord, recommended: str | None) -> Chart | None:
    """Every network by what it keeps and what it lets through; None where no attack was measured."""
    test = run.is_tested and run.baseline_test.attack is not None
    baseline = run.baseline_test if test else run.baseline_valid
    networks = [("B", "", baseline)]
    networks += [(one.name, one.file, one.test if test else one.valid) for one in candidates(run)][:60]
    known = [(name, file, rates.clean, rates.attack) for name, file, rates in networks if rates.clean and rates.attack]
    if len(known) < 2:
        return None
    lowest = min(clean.percent for _, _, clean, _ in known)
    floor = max(0.0, 10 * (lowest // 10) - (5 if lowest % 10 < 2 else 0))
    x, y = _scale(0, 100, LEFT, _RIGHT), _scale(floor, 100, _BOTTOM, _TOP)
    marks = []
    for name, file, clean, attack in known:
        title = f"{name}: clean accuracy {clean.percent:.2f} % ({interval(clean)}), ASR {attack.percent:.2f} % ({interval(attack)})"
        kind = "chosen" if file and file == recommended else "goodnet" if name.startswith("GoodNet") else "network"
        kind = "badnet" if name == "B" else kind
        marks.append(Mark(x(attack.percent), y(clean.percent), kind, title, 7 if kind == "chosen" else 5, _short(name)))
    used = {mark.kind for mark in marks}
    words = {"badnet": "B, as received", "network": "pruned or repaired network", "goodnet": "GoodNet"}
    keys = [Key(kind, text) for kind, text in {**words, "chosen": "recommended"}.items() if kind in used]
    spacing = 5 if 100 - floor <= 30 else 10 if 100 - floor <= 60 else 20
    first = int(-(-floor // spacing) * spacing)
    part = "test" if test else "validation"
    return Chart(
        "trade-off",
        "What each network keeps, and what it lets through",
        f"Clean accuracy over attack success rate on the {part} images: the best network is at the upper left.",
        f"attack success rate, {part} images [%]",
        "clean accuracy [%]",
        tuple(Tick(x(tick), f"{tick}") for tick in range(0, 101, 25)),
        tuple(Tick(y(tick), f"{tick}") for tick in range(first, 101, spacing)),
        marks=_labelled(marks),
        keys=tuple(keys),
    )


def channel_chart(run: RunRecord, recommended: str | None) -> Chart | None:
    """The mean activation of every channel in pruning order; None where that is not known."""
    means = run.mean_activation
    order = [channel for channel in run.order if 0 <= channel < len(means)]
    if not order:
        return None
    low, high = min(0.0, *means), max(0.0, *means)
    if high - low <= 0:
        return None
    reached = [threshold for threshold in run.thresholds if threshold.step is not None]
    chosen = next(
        (each for each in reached if recommended in (each.model, each.goodnet)), reached[-1] if reached else None
    )
    last = 0 if chosen is None or chosen.step is None else chosen.step
    x, y = _scale(0, len(order), LEFT, _RIGHT), _scale(low, high, _BOTTOM, _TOP)
    every = -(-len(order) // _MOST_BARS)
    bars = []
    for first in range(0, len(order), every):
        group = order[first : first + every]
        mean = max((means[channel] for channel in group), key=abs)
        kind = "pruned" if first < last else "kept"
        title = f"place {first + 1}: channel {group[0]}, mean activation {mean:.4g}"
        if every > 1:
            title = f"places {first + 1} to {first + len(group)}: largest mean activation {mean:.4g}"
        top, bottom = sorted((y(mean), y(0)))
        width = x(first + len(group)) - x(first)
        bars.append(Bar(_at(x(first)), _at(top), _at(width * 0.85), _at(max(bottom - top, 0.6)), kind, title))
    keys = [Key("kept", "kept")]
    if chosen is not None:
        keys.insert(0, Key("pruned", f"pruned at X={chosen.drop:g}"))
    ticks = sorted({0, len(order) // 2, len(order)})
    return Chart(
        "channels",
        f"Channels of {run.layer.owner}",
        f"Mean activation of every channel at {run.layer.profiled} over the clean validation images, in the order of "
        "pruning.",
        "place in the order of pruning",
        "mean activation",
        tuple(Tick(x(tick), f"{tick}") for tick in ticks),
        tuple(Tick(y(value), f"{value:.3g}") for value in sorted({low, 0.0, high / 2, high})),
        bars=tuple(bars),
        keys=tuple(keys),
    )


def _scale(low: float, high: float, first: float, last: float) -> Callable[[float], float]:
    """A function from values to places, rounded, that never leaves the chart."""

    def place(value: float) -> float:
        share = min(1.0, max(0.0, (value - low) / (high - low)))
        return _at(first + share * (last - first))

    return place


def _at(place: float) -> float:
    return round(place, 2)


def _thinned(values: Sequence[T], most: int) -> list[T]:
    every = -(-len(values) // most)
    return [*values[:-1:every], values[-1]] if every > 1 else list(values)


def _line(points: Iterable[tuple[float, float]]) -> str:
    return "M" + " L".join(f"{x:g} {y:g}" for x, y in points)


def _area(bounds: Sequence[tuple[float, float, float]]) -> str:
    there = [(x, low) for x, low, _ in bounds]
    back = [(x, high) for x, _, high in reversed(bounds)]
    return f"{_line([*there, *back])} Z"


def _apart(guides: Sequence[Tick]) -> tuple[Tick, ...]:
    """Guides whose words would overlap share the last one's."""
    placed: list[Tick] = []
    for guide in sorted(guides, key=lambda one: one.at):
        if placed and placed[-1].text and guide.at - placed[-1].at < 8 * len(guide.text) + 6:
            joined = f"{placed[-1].text}, {guide.text.removeprefix('X=')}"
            placed[-1] = Tick(placed[-1].at, "")
            placed.append(Tick(guide.at, joined))
        else:
            placed.append(guide)
    return tuple(placed)


def _short(name: str) -> str:
    """The name of a network beside its mark."""
    return (
        name.replace(" at X=", " X=")
        .replace("network repaired by ", "")
        .replace("GoodNet of B and the ", "GoodNet ")[:28]
    )


def _labelled(marks: Sequence[Mark]) -> tuple[Mark, ...]:
    """Marks with a label each that covers no other; of those in one place the names are joined."""
    places: dict[tuple[int, int], list[Mark]] = {}
    for mark in marks:
        near = next((key for key in places if abs(key[0] - mark.x) < 9 and abs(key[1] - mark.y) < 9), None)
        places.setdefault(near or (round(mark.x), round(mark.y)), []).append(mark)
    taken: list[tuple[float, float, bool]] = []
    done = []
    for (x, y), group in sorted(places.items(), key=lambda item: item[0][1]):
        names = list(dict.fromkeys(mark.label for mark in group))
        label = ", ".join(names[:3]) + (" …" if len(names) > 3 else "")
        end = x > (LEFT + _RIGHT) / 2
        at = float(y + 4)
        while any(abs(at - other) < 14 and abs(x - other_x) < 130 and end == side for other_x, other, side in taken):
            at += 14
        taken.append((x, at, end))
        first, *others = group
        beside, anchor = (x - 10.0, "end") if end else (x + 10.0, "start")
        at = min(at, _BOTTOM - 4)
        done.append(replace(first, label=label, label_x=beside, label_y=at, anchor=anchor))
        done += [replace(other, label="") for other in others]
    # What is recommended lies on top.
    return tuple(sorted(done, key=lambda mark: mark.kind == "chosen"))
