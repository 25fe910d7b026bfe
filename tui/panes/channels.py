"""The channels of the chosen layer, one row each, in pruning order: what they do, and which are silent."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.widget import Widget
from textual.widgets import DataTable, Static

from bdtui.engine import events
from bdtui.engine.events import ChannelFigures, Event
from bdtui.tui.panes.pane import Pane

_BAR = 6
_EIGHTHS = " ▏▎▍▌▋▊▉█"

SILENT, NEXT, ZERO = "● silent", "◂ next", "○ zero"

_PLACE, _CHANNEL, _MEAN, _CLEAN, _POISONED, _STATE = "place", "channel", "mean", "clean", "poisoned", "state"
_COLUMNS = {
    _PLACE: ("#", 4),
    _CHANNEL: ("ch.", 4),
    _MEAN: ("mean activ.", 10 + _BAR),
    _CLEAN: ("clean%", 7),
    _POISONED: ("pois.%", 7),
    _STATE: ("state", 8),
}
"""Headings and widths; all of them fit half of a terminal of 120 columns."""


class ChannelTable(DataTable[Text]):
    """A row a channel; the cursor's row is the channel that ``space`` means."""


class ChannelsPane(Pane):
    """The channel table, and a description of the channel under the cursor."""

    TITLE = "Channels"
    HELP: ClassVar[str] = """\
One row for each channel of the layer, in the order in which pruning takes them.

- **#**: its place in the order. **ch.**: its index. **mean activ.**: over the clean validation images; the bar compares channels.
- **clean%**, **pois.%**: share of images on which the channel fires (is above zero anywhere).
  A channel that fires on poisoned images alone is suspicious.
- **state**: silent (pruned), next to go, or zero (its weights are zero in the file already).

`space` silences or revives the channel under the cursor, also out of turn: it becomes the last that went. A revived one
goes back to its place in the ranking, or to the end where it would be the next to go. `s` sorts by the next column,
`S` the other way round; a click on a heading does the same.
"""

    def __init__(self, id: str) -> None:
        super().__init__(id=id)
        self._figures: dict[int, ChannelFigures] = {}
        self._order: tuple[int, ...] = ()
        self._step = 0
        self._sorted_by = _PLACE
        self._reversed = False

    def compose(self) -> ComposeResult:
        """The table above, the description below."""
        table = ChannelTable(cursor_type="row", cell_padding=0, id="channel-table")
        for key, (heading, width) in _COLUMNS.items():
            table.add_column(heading, key=key, width=width)
        yield table
        yield Static("Open a model to see its channels.", id="channel-description", markup=False)

    @property
    def table(self) -> ChannelTable:
        """The rows."""
        return self.query_one(ChannelTable)

    @property
    def selected(self) -> int | None:
        """The channel under the cursor."""
        if not self._order or not self.table.row_count:
            return None
        row = self.table.coordinate_to_cell_key(self.table.cursor_coordinate).row_key
        return int(row.value or 0)

    def focus_target(self) -> Widget:
        """The table."""
        return self.table

    def show(self, event: Event) -> None:
        """New channels fill the table; a new position changes their states."""
        match event:
            case events.ChannelsProfiled():
                self._figures = {figures.channel: figures for figures in event.channels}
                self._order = ()
            case events.PositionReached() if self._figures:
                if not self._order:
                    self._fill(event)
                else:
                    self._update(event)

    def sort_next(self) -> None:
        """Sort by the column right of the present one, and by the first after the last."""
        keys = list(_COLUMNS)
        self._sort_by(keys[(keys.index(self._sorted_by) + 1) % len(keys)], reverse=False)

    def sort_reversed(self) -> None:
        """Turn the present order round."""
        self._sort_by(self._sorted_by, reverse=not self._reversed)

    def copied_text(self) -> str:
        """The description of the channel under the cursor."""
        return self._description() if self._order else ""

    def on_data_table_header_selected(self, event: DataTable.HeaderSelected) -> None:
        """A click on a heading sorts by it; a second one turns the order round."""
        key = str(event.column_key.value)
        self._sort_by(key, reverse=key == self._sorted_by and not self._reversed)

    def on_data_table_row_highlighted(self) -> None:
        """Describe the channel under the cursor."""
        self._describe()

    def on_data_table_row_selected(self, event: DataTable.RowSelected) -> None:
        """Enter on a row does what ``space`` does."""
        self.app.call_later(self.app.run_action, "toggle_channel")

    def _fill(self, event: events.PositionReached) -> None:
        self._order, self._step = event.order, event.step
        table = self.table
        table.clear()
        largest = max((abs(figures.mean_activation) for figures in self._figures.values()), default=0.0)
        for place, channel in enumerate(event.order):
            figures = self._figures[channel]
            table.add_row(
                Text(f"{place + 1:>4}"),
                Text(f"{channel:>4}"),
                _mean_cell(figures.mean_activation, largest),
                _share_cell(figures.firing_share),
                _share_cell(figures.poisoned_firing_share),
                self._state_cell(channel, place),
                key=str(channel),
            )
        self._sorted_by, self._reversed = _PLACE, False
        self._sort_by(_PLACE, reverse=False)
        self._follow(event.order, event.step)

    def _update(self, event: events.PositionReached) -> None:
        before, old_step = self._order, self._step
        self._order, self._step = event.order, event.step
        table = self.table
        moved = before != event.order
        first, last = sorted((old_step, event.step))
        changed = range(len(event.order)) if moved else range(first, min(last + 1, len(event.order)))
        for place in changed:
            channel = event.order[place]
            table.update_cell(str(channel), _STATE, self._state_cell(channel, place))
            if moved:
                table.update_cell(str(channel), _PLACE, Text(f"{place + 1:>4}"))
        if moved:
            here = self.selected
            self._sort_by(self._sorted_by, reverse=self._reversed)
            if here is not None:
                table.move_cursor(row=table.get_row_index(str(here)))
        elif old_step != event.step:
            self._follow(event.order, event.step)
        self._describe()

    def _follow(self, order: tuple[int, ...], step: int) -> None:
        """Put the cursor on the channel that goes next."""
        if order:
            self.table.move_cursor(row=self.table.get_row_index(str(order[min(step, len(order) - 1)])), animate=False)

    def _sort_by(self, column: str, *, reverse: bool) -> None:
        self._sorted_by, self._reversed = column, reverse
        table = self.table
        for key, (heading, _) in _COLUMNS.items():
            mark = ("↓" if reverse else "↑") if key == column else ""
            table.columns[next(k for k in table.columns if k.value == key)].label = Text(heading + mark)
        if not self._order:
            return
        here = self.selected
        score = self._score(column)
        table.sort(_CHANNEL, key=lambda cell: score(int(cell.plain)), reverse=reverse)
        if here is not None:
            table.move_cursor(row=table.get_row_index(str(here)), animate=False)
        table.refresh()

    def _score(self, column: str) -> Callable[[int], tuple[float, int]]:
        """What rows are sorted by: the column's value, and among equals the place in the order."""
        place = {channel: index for index, channel in enumerate(self._order)}
        figures = self._figures
        values: dict[str, Callable[[int], float]] = {
            _PLACE: lambda channel: place[channel],
            _CHANNEL: lambda channel: channel,
            _MEAN: lambda channel: figures[channel].mean_activation,
            _CLEAN: lambda channel: figures[channel].firing_share,
            _POISONED: lambda channel: figures[channel].poisoned_firing_share or 0.0,
            _STATE: lambda channel: place[channel] >= self._step,
        }
        return lambda channel: (values[column](channel), place[channel])

    def _state_cell(self, channel: int, place: int) -> Text:
        if place < self._step:
            return Text(SILENT, style="dim")
        if place == self._step:
            return Text(NEXT, style="bold")
        return Text(ZERO if self._figures[channel].silent else "", style="dim")

    def _describe(self) -> None:
        if self._order:
            self.query_one("#channel-description", Static).update(self._description())

    def _description(self) -> str:
        channel = self.selected
        if channel is None:
            return ""
        figures = self._figures[channel]
        place = self._order.index(channel)
        going = (
            "silent" if place < self._step else "the next to go" if place == self._step else f"goes at step {place + 1}"
        )
        mean = f"mean {figures.mean_activation:.4g} clean"
        fires = f"fires on {100 * figures.firing_share:.1f} % of clean"
        if figures.poisoned_mean_activation is not None and figures.poisoned_firing_share is not None:
            mean += f", {figures.poisoned_mean_activation:.4g} poisoned"
            fires += f", {100 * figures.poisoned_firing_share:.1f} % of poisoned images"
        else:
            fires += " images"
        zero = " · weights are zero in the file" if figures.silent else ""
        return (
            f"channel {channel}: {going} · {fires}\n{mean} · largest {figures.max_activation:.4g} · "
            f"kernel norm {figures.weight_norm:.4g}{zero}"
        )


def _mean_cell(value: float, largest: float) -> Text:
    eighths = round(8 * _BAR * abs(value) / largest) if largest > 0 else 0
    bar = "█" * (eighths // 8) + (_EIGHTHS[eighths % 8] if eighths % 8 else "")
    number = f"{value:8.4f}" if abs(value) < 1000 else f"{value:8.3g}"
    return Text.assemble(f"{number} ", (bar.ljust(_BAR), "cyan"))


def _share_cell(share: float | None) -> Text:
    return Text(f"{'–' if share is None else f'{100 * share:.1f}':>6}")
