"""The app of a sweep: a table that fills while cells run; enter opens the run of a cell.

Nothing is computed here and Dask is not imported: the sweep's own thread does both, and its events come as messages.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import ClassVar

from rich.text import Text
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widgets import DataTable, Input, Static

from bdtui.engine import events
from bdtui.engine.event_values import DONE, FAILED
from bdtui.engine.events import Event
from bdtui.engine.reporter import Emit
from bdtui.tui.dialogs import FailureDialog, HelpScreen
from bdtui.tui.exit_codes import ExitCode
from bdtui.tui.preferences import Preferences
from bdtui.tui.sweep.progress import RUNNING, WAITING, CellStatus, SweepProgress, remark, sweep_sentence
from bdtui.tui.terminal.signals import handle_signals
from bdtui.tui.themes import THEMES
from bdtui.tui.widgets.fitted_table import FittedColumn, FittedTable
from bdtui.tui.wording import percent_text, plain

_REDRAW_SECONDS = 0.5
_KEYS = (
    ("enter", "open"),
    ("s", "sort"),
    ("/", "filter"),
    ("x", "stop"),
    ("?", "help"),
    ("q", "quit"),
)
_HELP = """\
Every line is a cell: one model with one choice of the settings that the plan varies. Cells run beside one another; each leaves the
folder of an ordinary run.

What is measured or suspected to be backdoored stands first, then what runs or has failed. *Strength* is how much speaks for a
backdoor where there are no poisoned images: it orders networks of one kind, and is no probability.
"""
_ALL_KEYS = (
    ("enter", "open the run of a finished cell (q there comes back), or say why a cell failed"),
    ("s", "sort by the next of verdict, name, state, accuracy, ASR, strength"),
    ("/", "show the lines that contain a text; escape shows all"),
    ("j k", "move"),
    ("x ctrl+c", "stop; what is finished is kept, and --resume goes on"),
    ("q", "quit"),
)
_STATES = (RUNNING, FAILED, WAITING, DONE)
"""In the order in which cells without a finding are worth looking at."""


class SweepEvent(Message):
    """Carries an event from the sweep's thread into the app's loop."""

    def __init__(self, event: Event) -> None:
        super().__init__()
        self.event = event


class SweepStopped(Message):
    """The sweep's thread has ended early, or with an exit status of its own; ``sentence`` says why, if it is bad news."""

    def __init__(self, sentence: str, code: ExitCode) -> None:
        super().__init__()
        self.sentence = sentence
        self.code = code


class SweepApp(App[None]):
    """The table of a sweep.

    Args:
        begin: starts the sweep in a thread of its own, which gives events to the first and its end to the second callback.
        stop: makes it stop after the batches at hand.
        open_cell: opens the run in a folder, while the app leaves it the terminal.
        preferences: the theme.
        before_exit: called with the exit status when the app starts to shut down.
    """

    TITLE = "bdtui"
    CSS_PATH: ClassVar[list[str]] = ["../app.tcss", "sweep.tcss"]  # type: ignore[assignment]
    ENABLE_COMMAND_PALETTE = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("s", "sort", "sort"),
        Binding("slash", "filter", "filter"),
        Binding("escape", "clear_filter", show=False),
        Binding("x,ctrl+c", "stop", "stop", priority=False),
        Binding("f1,question_mark", "keys", "help"),
        Binding("q", "quit", "quit"),
        Binding("j", "simulate_key('down')", show=False),
        Binding("k", "simulate_key('up')", show=False),
    ]

    def __init__(
        self,
        begin: Callable[[Emit, Callable[[str, ExitCode], None]], None],
        stop: Callable[[], None],
        open_cell: Callable[[Path], None],
        *,
        preferences: Preferences | None = None,
        before_exit: Callable[[int], None] = lambda code: None,
    ) -> None:
        super().__init__()
        for theme in THEMES:
            self.register_theme(theme)
        self.theme = (preferences or Preferences()).theme
        self._begin, self._stop, self._open_cell, self._before_exit = begin, stop, open_cell, before_exit
        self.progress = SweepProgress()
        self.code = ExitCode.INTERRUPTED
        """What the process ends with; that of the sweep once it is complete."""
        self._said = "starting"
        self._filter = ""
        self._sorted_by = 0
        self._shown: list[str] = []
        self._is_stale = False
        self._has_ended = False

    def compose(self) -> ComposeResult:
        yield Static("sweep", id="header", markup=False)
        yield FittedTable(self._columns(), id="cells")
        yield Input(placeholder="a part of a line: filter", id="filter", compact=True)
        yield Static(self._said, id="status", markup=False)
        yield Static(self._key_line(), id="keys", markup=False)

    def on_load(self) -> None:
        """Runs before Textual changes the terminal's mode, so that a signal never leaves it changed."""
        handle_signals(partial(self._leave, ExitCode.INTERRUPTED), self.action_stop)

    def on_mount(self) -> None:
        """Start the sweep only after the first paint."""
        self.query_one("#filter").display = False
        self.query_one(FittedTable).focus()
        self.set_interval(_REDRAW_SECONDS, self._redraw)
        self.call_after_refresh(
            self._begin,
            lambda event: self.post_message(SweepEvent(event)) and None,
            lambda sentence, code: self.post_message(SweepStopped(sentence, code)) and None,
        )

    # What comes from the sweep.

    def on_sweep_event(self, message: SweepEvent) -> None:
        event = message.event
        first = not self.progress.cells
        self._is_stale |= self.progress.take(event)
        self._said = sweep_sentence(event) or self._said
        if first and isinstance(event, events.SweepBegun):
            self.query_one(FittedTable).list_columns(self._columns())
        if first or isinstance(event, events.SweepFinished):
            self._is_stale = True
            self._redraw()

    def on_sweep_stopped(self, message: SweepStopped) -> None:
        self._has_ended = True
        self.code = message.code
        if message.sentence:
            self._said = message.sentence
        self._is_stale = True
        self._redraw()
        if message.sentence and message.code in (ExitCode.USAGE, ExitCode.FAULT):
            self.push_screen(FailureDialog("the sweep", message.sentence))

    # The table.

    def _columns(self) -> list[FittedColumn]:
        varied = [FittedColumn(name, narrowest=4, spare=3) for name in self.progress.varied]
        return [
            FittedColumn("cell", narrowest=28),
            *varied,
            FittedColumn("state"),
            FittedColumn("backdoor"),
            FittedColumn("target", spare=2),
            FittedColumn("accuracy", right=True, spare=1),
            FittedColumn("ASR", right=True),
            FittedColumn("note", narrowest=6, spare=4),
        ]

    def _row(self, cell: CellStatus) -> list[Text]:
        row, style = cell.row, "bold red" if cell.is_suspicious else "dim" if cell.state == WAITING else ""
        asr = "–" if row.attack_success_rate is None else percent_text(row.attack_success_rate)
        texts = [
            row.cell,
            *(value for _, value in row.varied),
            cell.state,
            row.backdoor or "–",
            row.target or "–",
            percent_text(row.clean_accuracy),
            asr,
            cell.note or remark(row),
        ]
        return [Text(plain(text), style) for text in texts]

    def _redraw(self) -> None:
        """List the cells anew where something has changed; the cursor stays on its cell, or on top where it was there."""
        if not self._is_stale or not self.screen_stack:
            return
        self._is_stale = False
        table = self.screen_stack[0].query_one(FittedTable)
        here = self._selected(table) if table.cursor_row else None
        cells = [cell for cell in self.progress.cells.values() if self._fits(cell)]
        _, key = _ORDERS[self._sorted_by]
        cells.sort(key=key)
        self._shown = [cell.row.cell for cell in cells]
        table.list_rows([self._row(cell) for cell in cells], self._shown.index(here) if here in self._shown else 0)
        hidden = len(self.progress.cells) - len(cells)
        filtered = f" · {hidden} filtered out" if hidden else ""
        title = f"sweep {self.progress.out}  {self.progress.summary()} · by {_ORDERS[self._sorted_by][0]}{filtered}"
        self.screen_stack[0].query_one("#header", Static).update(Text(plain(title)))
        self.screen_stack[0].query_one("#status", Static).update(Text(plain(self._said)))

    def _fits(self, cell: CellStatus) -> bool:
        if not self._filter:
            return True
        return self._filter.casefold() in " ".join(text.plain for text in self._row(cell)).casefold()

    def _selected(self, table: FittedTable) -> str | None:
        row = table.cursor_row
        return self._shown[row] if 0 <= row < len(self._shown) else None

    def _key_line(self) -> Text:
        line = Text(no_wrap=True, overflow="ellipsis")
        for key, label in _KEYS:
            line.append(key, "bold")
            line.append(f" {label}  ")
        return line

    # Actions.

    def action_sort(self) -> None:
        """Sort by the next of the orders."""
        self._sorted_by = (self._sorted_by + 1) % len(_ORDERS)
        self._is_stale = True
        self._redraw()

    def action_filter(self) -> None:
        field = self.query_one("#filter", Input)
        field.display = True
        field.focus()

    def action_clear_filter(self) -> None:
        field = self.query_one("#filter", Input)
        field.value = ""
        field.display = False
        self.query_one(FittedTable).focus()

    def on_input_changed(self, event: Input.Changed) -> None:
        self._filter = event.value.strip()
        self._is_stale = True
        self._redraw()

    def on_input_submitted(self) -> None:
        self.query_one("#filter", Input).display = bool(self._filter)
        self.query_one(FittedTable).focus()

    def on_data_table_row_selected(self, event: DataTable.RowSelected) -> None:
        name = self._selected(self.query_one(FittedTable))
        cell = self.progress.cells.get(name or "")
        if cell is None:
            return
        if cell.state == DONE:
            self._open_cell(Path(self.progress.out) / "cells" / cell.row.cell)
        elif cell.state == FAILED:
            self.push_screen(FailureDialog(cell.row.cell, cell.row.error))
        else:
            self._said = f"{cell.row.cell} is {cell.state}; it can be opened once it is done"
            self._is_stale = True
            self._redraw()

    def action_keys(self) -> None:
        """Say what the table shows, and what the keys do."""
        self.push_screen(HelpScreen("Sweep", _HELP, _ALL_KEYS))

    def action_stop(self) -> None:
        """Stop the sweep; what is finished is kept."""
        if not self._has_ended:
            self._said = "stopping; what is finished is kept"
            self._is_stale = True
            self._stop()

    def action_help_quit(self) -> None:
        """Textual's default for ctrl+c, which stops the sweep here."""
        self.action_stop()

    async def action_quit(self) -> None:
        self._stop()
        self._leave(self.code)

    def _leave(self, code: ExitCode) -> None:
        self._before_exit(code)
        self.exit(return_code=code)


def _rate(rate: float | None) -> float:
    return -1.0 if rate is None else rate


_ORDERS: tuple[tuple[str, Callable[[CellStatus], tuple[object, ...]]], ...] = (
    ("verdict", lambda cell: (not cell.is_suspicious, _STATES.index(cell.state), -(cell.row.strength or 0))),
    ("name", lambda cell: (cell.row.cell,)),
    ("state", lambda cell: (_STATES.index(cell.state), cell.row.cell)),
    ("accuracy", lambda cell: (-_rate(cell.row.clean_accuracy), cell.row.cell)),
    ("ASR", lambda cell: (-_rate(cell.row.attack_success_rate), cell.row.cell)),
    ("strength", lambda cell: (-_rate(cell.row.strength), cell.row.cell)),
)
"""What the table is sorted by, one after the other."""
