"""What an export writes and where, how its networks do, and which files are there already."""

from __future__ import annotations

import os
from pathlib import Path
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.widget import Widget
from textual.widgets import DataTable, Input, Static

from bdtui.engine import events
from bdtui.engine.event_values import Threshold
from bdtui.engine.events import Event
from bdtui.engine.rates import NO_RATES, Rates, Share
from bdtui.tui.panes.pane import Pane
from bdtui.tui.widgets.path_input import PathInput
from bdtui.tui.wording import percent_text, plain

_PURPOSES = {
    "recipe.toml": "replays this run with --batch",
    "curve.csv": "rates after every step",
    "curve.png": "the curve as a figure",
    "report.md": "human-readable report",
    "manifest.json": "hashes of all this, for --verify",
    "results.json": "everything measured, for programs",
}
_WAITING, _WRITTEN = "·", "✓"


class ExportPane(Pane):
    """A row a file, and the folder they go to."""

    TITLE = "Export"
    HELP: ClassVar[str] = """\
What `e` writes: the files `--batch` would write for the order as you made it, with the same names.

- **B′** is the pruned network at a threshold X (the first step at which clean accuracy has dropped by X points), **G** the
  GoodNet of B and B′. Their rates are those on the test sets where there are any, else on the validation sets.
- **flagged clean/poisoned**: percentage of clean and of poisoned images that G assigns to its extra class.
- A threshold that you have not come to yet is found during the export, which draws the curve to its end.
- `✓` marks files that were written. The folder can be changed above the table (`enter` takes it); after an export the
  next one gets a folder of its own.
- `recipe.toml` holds your order; `bdtui --batch --recipe …/recipe.toml --out NEW` makes the same files again.

`y` copies the paths that were written.
"""

    def __init__(self, id: str) -> None:
        super().__init__(id=id)
        self._plan: events.ExportPlanned | None = None
        self._thresholds: tuple[Threshold, ...] = ()
        self._written: list[str] = []
        self._exporting = False
        self._place: tuple[tuple[int, ...], int] = ((), 0)

    def compose(self) -> ComposeResult:
        """The folder above, the files below."""
        yield PathInput(placeholder="folder", id="export-folder")
        table: DataTable[Text] = DataTable(cursor_type="row", header_height=2, id="export-table")
        table.add_columns("", "file", "step", "accur.", "ASR", "flagged\nclean/poisoned", "what")
        yield table
        yield Static("Nothing is open yet.", id="export-note", markup=False)

    @property
    def folder(self) -> Path | None:
        """Where the next export is to go."""
        text = self.query_one(PathInput).text
        # Not Path.expanduser(), which fails for the home of somebody unknown.
        return Path(os.path.expanduser(text)) if text else None  # noqa: PTH111

    def focus_target(self) -> Widget:
        """The table."""
        return self.query_one(DataTable)

    def show(self, event: Event) -> None:
        """Follow plan, thresholds and files."""
        match event:
            case events.ExportPlanned():
                self._plan = event
                self.query_one(PathInput).fill(event.out)
            case events.PositionReached():
                place = event.order, event.step
                moved, self._place = place != self._place, place
                if self._written and moved and not self._exporting:
                    # Those files are of another position than the one an export would write now.
                    self._written = []
                elif self._thresholds == event.thresholds:
                    return
                self._thresholds = event.thresholds
            case events.WorkStarted():
                self._exporting = event.what == "exporting"
                if not self._exporting:
                    return
                self._written = []
            case events.WorkEnded() if self._exporting:
                self._exporting = False
            case events.ArtifactWritten():
                self._written.append(event.path)
            case events.LayerChosen():
                self._written = []
            case _:
                return
        self._draw()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """The folder is taken as it stands; the keys go back to the table."""
        self.focus_target().focus()

    def copied_text(self) -> str:
        """The written paths."""
        return "\n".join(self._written)

    def _draw(self) -> None:
        table = self.query_one(DataTable)
        cursor = table.cursor_row
        table.clear()
        for state in self._thresholds:
            self._add_threshold(table, state)
        for name in self._plan.files if self._plan else ():
            self._add(table, name, _PURPOSES.get(name, ""))
        table.move_cursor(row=cursor, animate=False)
        self.query_one("#export-note", Static).update(self._note(), layout=False)

    def _add_threshold(self, table: DataTable[Text], threshold: Threshold) -> None:
        tested = threshold.pruned_test != NO_RATES
        pruned = threshold.pruned_test if tested else threshold.rates
        goodnet = threshold.goodnet_test if tested else threshold.goodnet_valid
        step, yet = ("–", ", not reached yet") if threshold.step is None else (str(threshold.step), "")
        self._add(table, threshold.model, f"B′, pruned{yet}", step, pruned)
        flagged = (
            "" if goodnet == NO_RATES else "/".join(map(_share, (goodnet.clean_flagged, goodnet.poisoned_flagged)))
        )
        self._add(table, threshold.goodnet, f"G, GoodNet of B and B′{yet}", step, goodnet, flagged)

    def _add(
        self, table: DataTable[Text], name: str, what: str, step: str = "", rates: Rates = NO_RATES, flagged: str = ""
    ) -> None:
        written = any(Path(path).name == name for path in self._written)
        known = rates != NO_RATES
        table.add_row(
            Text(_WRITTEN if written else _WAITING, style="bold green" if written else "dim"),
            Text(plain(name)),
            Text(step, justify="right"),
            Text(_share(rates.clean) if known else "", justify="right"),
            Text(_share(rates.attack) if known else "", justify="right"),
            Text(flagged, justify="right"),
            Text(what, style="dim"),
        )

    def _note(self) -> str:
        if self._exporting and self._written:
            return f"writing to {plain(str(Path(self._written[0]).parent))} …"
        if self._written:
            return f"{len(self._written)} files in {plain(str(Path(self._written[0]).parent))}"
        tested = any(threshold.pruned_test != NO_RATES for threshold in self._thresholds)
        reached = [f"X={state.drop:g}" for state in self._thresholds if state.step is not None]
        known = f"reached: {', '.join(reached)}" if reached else "no threshold is reached yet"
        return f"{known} · rates on {'test' if tested else 'validation'} images · e writes all of this"


def _share(share: Share | None) -> str:
    return percent_text(None if share is None else share.percent)
