"""The channels of the chosen layer, one row each, in pruning order: when they fire, and which are pruned."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from textual.app import ComposeResult
from textual.widget import Widget
from textual.widgets import Static

from bdtui.engine import events
from bdtui.engine.event_values import ChannelFigures
from bdtui.engine.events import Event
from bdtui.tui.panes.pane import Pane
from bdtui.tui.widgets.channel_table import Cell, ChannelTable, Column
from bdtui.tui.wording import number_text

_BAR = 6
_EIGHTHS = " ▏▎▍▌▋▊▉█"

PRUNED, NEXT, ZERO = Cell("● pruned", "dim"), Cell("◂ next", "bold"), Cell("○ zero", "dim")

_PLACE, _CHANNEL, _SCORE, _BARS, _CLEAN, _POISONED, _STATE = (
    "place",
    "channel",
    "score",
    "bar",
    "clean",
    "poisoned",
    "state",
)
_FIRES_ON = "fires on (%)"
COLUMNS = (
    Column(_PLACE, "#", 5, right=True, tooltip="Place in the pruning order; click sorts"),
    Column(_CHANNEL, "ch.", 5, right=True, tooltip="Index of the channel; click sorts"),
    Column(_SCORE, "mean", 9, right=True, tooltip="What the ranking goes by, the lowest first; click sorts"),
    Column(_BARS, "", _BAR + 1, style="cyan", tooltip="What the ranking goes by, the lowest first; click sorts"),
    Column(
        _CLEAN,
        "clean",
        7,
        right=True,
        group=_FIRES_ON,
        tooltip="Percentage of clean images on which the channel fires; click sorts",
    ),
    Column(
        _POISONED,
        "poisoned",
        10,
        right=True,
        group=_FIRES_ON,
        tooltip="Percentage of poisoned images on which the channel fires; click sorts",
    ),
    Column(_STATE, "state", 9, tooltip="Pruned, next to prune, or zero in the file; click sorts"),
)
"""Together they fit into half of a terminal of 120 columns."""
_SORTABLE = tuple(column.key for column in COLUMNS if column.key != _BARS)


class ChannelsPane(Pane):
    """The channel table, and a description of the channel under the cursor."""

    TITLE = "Channels"
    FINDS: ClassVar[str] = "index of a channel"
    HELP: ClassVar[str] = """\
One row for each channel of the layer, in the order in which pruning takes them.

- **#**: place in the order. **ch.**: index. Then what the ranking ranks by, e.g. **mean**: mean activation over the
  clean validation images; **max**: the largest; **fires**: the share of them on which the channel fires; **kernel**: the
  size of its weights. The bar compares channels.
- **fires on clean**, **fires on poisoned**: percentage of images on which the channel fires (is above zero anywhere).
  A channel that fires only on poisoned images is suspicious.
- **state**: pruned, next to prune, or zero (its weights are already zero in the file).

`space` prunes the channel under the cursor, also out of turn, or restores it. A channel pruned out of turn becomes the
last one pruned; a restored one returns to its place in the ranking, or to the end if it would otherwise be next to
prune. `s` sorts by the next column, `S` reverses the sort; a click on a heading does the same.
"""

    def __init__(self, id: str) -> None:
        super().__init__(id=id)
        self._figures: dict[int, ChannelFigures] = {}
        self._largest = 0.0
        self._order: tuple[int, ...] = ()
        self._places: dict[int, int] = {}
        self._step = 0
        self._sorted_by = _PLACE
        self._reversed = False
        self._cursor_stays = False

    def compose(self) -> ComposeResult:
        yield ChannelTable(COLUMNS, self._cells, id="channel-table")
        yield Static("Open a model to see its channels.", id="channel-description", markup=False)

    @property
    def table(self) -> ChannelTable:
        return self.query_one(ChannelTable)

    @property
    def selected(self) -> int | None:
        return self.table.selected if self._order else None

    def focus_target(self) -> Widget:
        return self.table

    def show(self, event: Event) -> None:
        """Fill the table with new channels; update their states at a new position."""
        match event:
            case events.ChannelsProfiled():
                self._figures = {figures.channel: figures for figures in event.channels}
                self._largest = max((abs(figures.score) for figures in event.channels), default=0.0)
                self.table.rename(_SCORE, event.score_title)
                self._order = ()
                self.table.list_channels((), {})
                self._sorted_by, self._reversed = _PLACE, False
            case events.PositionReached() if self._figures:
                self._show_position(event)

    def keep_cursor(self) -> None:
        """Do not move the cursor at the next position."""
        self._cursor_stays = True

    @property
    def cursor(self) -> int:
        """The row under the cursor."""
        return self.table.cursor_row

    def find(self, text: str, start: int) -> bool:
        """Move the cursor to the channel with this index; back to a row for no text."""
        if not text:
            self.table.cursor_row = start
            return True
        channel = int(text) if text.isdecimal() and len(text) < 9 else None
        if channel not in self._places:
            return False
        self.table.move_to(channel)
        return True

    def sort_next(self) -> None:
        """Sort by the next column to the right, after the last by the first."""
        self._sort_by(_SORTABLE[(_SORTABLE.index(self._sorted_by) + 1) % len(_SORTABLE)], reverse=False)

    def sort_reversed(self) -> None:
        self._sort_by(self._sorted_by, reverse=not self._reversed)

    def copied_text(self) -> str:
        return self._description()

    def on_channel_table_heading_clicked(self, event: ChannelTable.HeadingClicked) -> None:
        """Sort by the clicked heading; a second click reverses the order."""
        key = _SCORE if event.column == _BARS else event.column
        self._sort_by(key, reverse=key == self._sorted_by and not self._reversed)

    def on_channel_table_cursor_moved(self) -> None:
        self._describe()

    def on_channel_table_row_chosen(self) -> None:
        """Do what ``space`` does."""
        self.app.call_later(self.app.run_action, "toggle_channel")

    def _show_position(self, event: events.PositionReached) -> None:
        before, old_step = self._order, self._step
        self._order, self._step = event.order, event.step
        if before != event.order:
            self._places = {channel: place for place, channel in enumerate(event.order)}
        if before != event.order or self._sorted_by == _STATE:
            self._sort_by(self._sorted_by, reverse=self._reversed)
        if not before or (before == event.order and old_step != event.step and not self._cursor_stays):
            self.table.move_to(event.order[min(event.step, len(event.order) - 1)])
        self._cursor_stays = False
        self.table.refresh()
        self._describe()

    def _sort_by(self, column: str, *, reverse: bool) -> None:
        self._sorted_by, self._reversed = column, reverse
        self.table.list_channels(
            sorted(self._order, key=self._score(column), reverse=reverse), {column: "↓" if reverse else "↑"}
        )

    def _score(self, column: str) -> Callable[[int], tuple[float, int]]:
        """The sort key: the column's value; ties go by place in the pruning order."""
        place, figures = self._places, self._figures
        values: dict[str, Callable[[int], float]] = {
            _PLACE: lambda channel: place[channel],
            _CHANNEL: lambda channel: channel,
            _SCORE: lambda channel: figures[channel].score,
            _CLEAN: lambda channel: figures[channel].firing_share,
            _POISONED: lambda channel: figures[channel].poisoned_firing_share or 0.0,
            _STATE: lambda channel: place[channel] >= self._step,
        }
        return lambda channel: (values[column](channel), place[channel])

    def _cells(self, channel: int) -> list[Cell]:
        figures = self._figures[channel]
        place = self._places[channel]
        return [
            Cell(str(place + 1)),
            Cell(str(channel)),
            Cell(_number(figures.score)),
            Cell(_bar(figures.score, self._largest)),
            Cell(_share(figures.firing_share)),
            Cell(_share(figures.poisoned_firing_share)),
            self._state(channel, place),
        ]

    def _state(self, channel: int, place: int) -> Cell:
        if place < self._step:
            return PRUNED
        if place == self._step:
            return NEXT
        return ZERO if self._figures[channel].silent else Cell("")

    def _describe(self) -> None:
        self.query_one("#channel-description", Static).update(self._description(), layout=False)

    def _description(self) -> str:
        channel = self.selected
        if channel is None:
            return ""
        figures = self._figures[channel]
        place = self._places[channel]
        state = (
            "pruned" if place < self._step else "next to prune" if place == self._step else f"due at step {place + 1}"
        )
        mean = f"mean {number_text(figures.mean_activation)} clean"
        fires = f"fires on {100 * figures.firing_share:.1f} % of clean"
        if figures.poisoned_mean_activation is not None and figures.poisoned_firing_share is not None:
            mean += f", {number_text(figures.poisoned_mean_activation)} poisoned"
            fires += f", {100 * figures.poisoned_firing_share:.1f} % of poisoned"
        zero = " · zero in the file" if figures.silent else ""
        return (
            f"channel {channel}: {state}{zero}\n{fires}\n{mean} · max {number_text(figures.max_activation)} · "
            f"kernel {number_text(figures.weight_norm)}"
        )


def _number(value: float) -> str:
    """At most eight characters, so that the column never cuts a number."""
    if abs(value) < 100:
        return f"{value:.4f}"
    return f"{value:.0f}" if abs(value) < 1e7 else f"{value:.1e}"


def _bar(value: float, largest: float) -> str:
    eighths = round(8 * _BAR * abs(value) / largest) if largest > 0 else 0
    return "█" * (eighths // 8) + (_EIGHTHS[eighths % 8] if eighths % 8 else "")


def _share(share: float | None) -> str:
    return "–" if share is None else f"{100 * share:.1f}"
