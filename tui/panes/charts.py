"""The charts pane: accuracy and ASR, their trade-off, and the activations that decide the pruning order.

A chart is drawn when Textual renders it, at its present size: never while hidden, and only once for all positions that
arrived in between.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.events import Click, Resize
from textual.message import Message
from textual.reactive import reactive
from textual.timer import Timer
from textual.widget import Widget

from bdtui.engine import events
from bdtui.engine.events import Event
from bdtui.engine.settings import CLEAN_VALID, POISONED_VALID
from bdtui.tui.actions import first_key
from bdtui.tui.charts.image_counts import NOT_KNOWN
from bdtui.tui.panes.pane import Pane
from bdtui.tui.widgets.fitted_text import FittedText
from bdtui.tui.wording import plain

WAITING = "Open a model to see how accuracy and ASR move as its channels are pruned."
WAITING_FOR_POSITION = "Measuring the unpruned network."

_DRAWING_SECONDS = 0.1
_LEAST_HEIGHT_WITH_VERDICT = 10
_LEAST_HEIGHT_WITH_ANOTHER_LINE = 16
_VERDICT_LINES = 2

Draw = Callable[[int, int], Text]
"""Draws a text of the given width and height."""


class ChartsPane(Pane, can_focus=True):
    """Three charts of the present position: one at a time, or more with the CSS class ``-two`` or ``-all``."""

    TITLE = "Charts"
    HELP: ClassVar[str] = """\
- **Accuracy and ASR** by the number of channels pruned. Only neighbouring steps are connected; with few images
  the 95 % interval of the rates is shaded. The vertical line is the present step; dotted lines mark the
  first step at which accuracy has dropped by X percentage points. `+` and `×` are measurements off the ranking's path.
- **Trade-off**: the path from the BadNet (`B`) to the present step (`◆`). Dotted lines stand at the accuracies
  that the thresholds tolerate; the axes are zoomed to what was measured. Pruning that removes the backdoor moves down;
  pruning that only costs accuracy moves left. Best is the lower right corner.
- **Verdict** below the charts: what was found so far, whether the backdoor survives, and which network to use. The
  report has all of it.
- **Activations**: what the ranking ranks each channel by, such as its mean activation, in pruning order. Dots show it on
  poisoned images where that differs: a low bar under a high dot is a channel that the trigger activates. If several
  channels share a column, it shows the largest.
"""

    CHARTS: ClassVar[tuple[str, ...]] = ("accuracy and ASR", "trade-off", "activations")

    shown: reactive[int] = reactive(0)
    """The chart that is shown if there is room for one, counted from 0."""

    def __init__(self, id: str, keymap: Mapping[str, str]) -> None:
        super().__init__(id=id)
        self._threshold_key = first_key("next_threshold", keymap)
        self._profiled: events.ChannelsProfiled | None = None
        self._images = NOT_KNOWN
        self._drawing: Timer | None = None
        self._drawn = -_DRAWING_SECONDS
        self._position: events.PositionReached | None = None

    def show_keys(self, keymap: Mapping[str, str]) -> None:
        """Name the keys of another keymap."""
        self._threshold_key = first_key("next_threshold", keymap)
        self._redraw()

    def compose(self) -> ComposeResult:
        yield Chart(self._curve_legend, self._curve, id="curve")
        yield Chart(self._trade_off_legend, self._trade_off, id="trade-off")
        yield Chart(self._activations_legend, self._activations, id="activations")
        yield FittedText(_VERDICT_LINES, id="verdict-line")

    def show(self, event: Event) -> None:
        """Draw new channels and positions; a model that is being opened has neither yet."""
        match event:
            case events.ModelOpened():
                self._images = NOT_KNOWN
                self.clear()
                self.show_verdict(())
            case events.VerdictReached():
                self.show_verdict(event.verdict.sentences)
            case events.DataOpened() if event.role == CLEAN_VALID:
                self._images = replace(self._images, clean=event.images)
            case events.DataOpened() if event.role == POISONED_VALID:
                self._images = replace(self._images, poisoned=event.images)
            case events.ChannelsProfiled():
                self.show_channels(event)
            case events.PositionReached():
                self.show_position(event)

    def show_channels(self, event: events.ChannelsProfiled) -> None:
        """Start over with another layer or ranking, without earlier measurements."""
        self._profiled = event
        self._position = None
        self._redraw()

    def show_position(self, event: events.PositionReached) -> None:
        self._position = event
        self._redraw()

    def show_verdict(self, sentences: Sequence[str]) -> None:
        """What was found, whether it survives, and what to use, as far as there is room; all of it under the mouse."""
        line = self.query_one(FittedText)
        line.text = plain(" ".join(sentences[:3]))
        line.tooltip = plain(" ".join(sentences)) or None
        line.display = bool(sentences)

    def clear(self) -> None:
        self._profiled = self._position = None
        self._redraw()

    def next_chart(self) -> None:
        self.shown = (self.shown + 1) % len(self.CHARTS)

    def watch_shown(self) -> None:
        for index, chart in enumerate(self.query(Chart)):
            chart.set_class(index == self.shown, "-shown")
            chart.set_class(self.shown == len(self.CHARTS) - 1, "-spare")

    def on_mount(self) -> None:
        self.query_one(FittedText).display = False
        self.watch_shown()
        self._name_charts()

    def on_resize(self, event: Resize) -> None:
        height = event.size.height
        self.set_class(height < _LEAST_HEIGHT_WITH_VERDICT, "-short")
        self.query_one(FittedText).most_lines = _VERDICT_LINES + (height >= _LEAST_HEIGHT_WITH_ANOTHER_LINE)

    def on_chart_visibility_changed(self, event: Chart.VisibilityChanged) -> None:
        event.stop()
        self._name_charts()

    def _name_charts(self) -> None:
        displayed = [index for index, chart in enumerate(self.query(Chart)) if chart.display]
        names = " + ".join(self.CHARTS[index] for index in displayed)
        count = f" · {displayed[0] + 1}/{len(self.CHARTS)}" if len(displayed) == 1 else ""
        self.border_subtitle = names + count

    def _redraw(self) -> None:
        """Redraw at once, but at most ten times a second: a chart costs as much as the rest of the screen."""
        wait = self._drawn + _DRAWING_SECONDS - time.monotonic()
        if wait <= 0:
            self._redraw_now()
        elif self._drawing is None:
            self._drawing = self.set_timer(wait, self._redraw_now)

    def _redraw_now(self) -> None:
        self._drawing, self._drawn = None, time.monotonic()
        for chart in self.query(Chart):
            chart.redraw()

    def _waiting(self) -> Text:
        return Text(WAITING if self._profiled is None else WAITING_FOR_POSITION)

    def _curve(self, width: int, height: int) -> Text:
        if self._position is None:
            return self._waiting()
        # Imported here, as below: the first paint has no chart yet.
        from bdtui.tui.charts.canvas import with_hint
        from bdtui.tui.charts.curve import draw_curve

        chart = draw_curve(self._position, len(self._position.order), width, height, self._images)
        alone = len(self._position.measured) == 1 and self._threshold_key
        return with_hint(chart, f"{self._threshold_key} prunes to the first threshold") if alone else chart

    def _curve_legend(self, width: int, _height: int) -> Text:
        if self._position is None:
            return Text()
        from bdtui.tui.charts.curve import curve_legend

        return curve_legend(self._position, len(self._position.order), width, self._images)

    def _trade_off(self, width: int, height: int) -> Text:
        if self._position is None:
            return self._waiting()
        from bdtui.tui.charts.trade_off import draw_trade_off

        return draw_trade_off(self._position, width, height)

    def _trade_off_legend(self, width: int, _height: int) -> Text:
        if self._position is None:
            return Text()
        from bdtui.tui.charts.trade_off import trade_off_legend

        return trade_off_legend(self._position, width)

    def _activations(self, width: int, height: int) -> Text:
        if self._position is None or self._profiled is None:
            return self._waiting()
        from bdtui.tui.charts.activations import draw_activations

        position = self._position
        return draw_activations(self._profiled, position.order, position.step, width, height)

    def _activations_legend(self, width: int, _height: int) -> Text:
        if self._position is None or self._profiled is None:
            return Text()
        from bdtui.tui.charts.activations import activations_legend

        return activations_legend(self._profiled, self._position.order, self._position.step, width)


class Chart(Vertical):
    """A drawing under its legend."""

    class VisibilityChanged(Message):
        """The chart was shown or hidden."""

    def __init__(self, legend: Draw, drawing: Draw, *, id: str) -> None:
        super().__init__(id=id)
        self._parts = (Drawing(legend, classes="legend"), Drawing(drawing, classes="drawing"))
        self._parts[0].tooltip = "Click for the next chart"

    def compose(self) -> ComposeResult:
        yield from self._parts

    def redraw(self) -> None:
        """Draw again at the next refresh of the screen."""
        for part in self._parts:
            part.refresh()

    def on_show(self) -> None:
        self.post_message(self.VisibilityChanged())

    def on_hide(self) -> None:
        self.post_message(self.VisibilityChanged())

    def on_click(self, event: Click) -> None:
        """The legend leads to the next chart, as a tab does to a pane."""
        if event.widget is self._parts[0]:
            self.app.call_later(self.app.run_action, "next_chart")


class Drawing(Widget):
    """Text drawn for the widget's present size."""

    def __init__(self, draw: Draw, *, classes: str) -> None:
        super().__init__(classes=classes)
        self._draw = draw

    def render(self) -> Text:
        return self._draw(self.size.width, self.size.height)
