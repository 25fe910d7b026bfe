"""What an export writes and where, how its networks do, and which files are there already."""

from __future__ import annotations

import os
from pathlib import Path
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.widget import Widget
from textual.widgets import Input, Label, Static

from bdtui.engine import events
from bdtui.engine.event_values import Threshold
from bdtui.engine.events import Event
from bdtui.engine.rates import NO_RATES, Rates, Share
from bdtui.engine.session.requests import Export
from bdtui.engine.settings import FORMATS, RunSettings
from bdtui.tui.panes.pane import Pane
from bdtui.tui.widgets.fitted_table import FittedColumn, FittedTable
from bdtui.tui.widgets.path_input import PathInput
from bdtui.tui.widgets.tick_box import TickBox
from bdtui.tui.wording import percent_text, plain

# Short enough to stand whole on a terminal of 80 columns.
_PURPOSES = {
    "recipe.toml": "for --recipe",
    "curve.csv": "rates by step",
    "curve.png": "the figure",
    "report.md": "for people",
    "report.html": "for a browser",
    "manifest.json": "for --verify",
    "results.json": "for programs",
}
_PRUNED, _GOODNET = "B′, pruned", "G, the GoodNet"
_COLUMNS = (
    FittedColumn(" "),
    FittedColumn("file", narrowest=14),
    FittedColumn("step", right=True, spare=2),
    FittedColumn("accur.", right=True),
    FittedColumn("ASR", right=True),
    FittedColumn("flagged\nclean/poisoned", right=True, spare=1),
    FittedColumn("what", spare=3),
)
_FILE = 1
"""The column of names."""
_COMPACT = "compact"
_WAITING, _WRITTEN, _FAILED = "·", "✓", "✗"
_NOT_KEPT = "not kept"


class ExportPane(Pane):
    """A row a file, and the folder they go to."""

    TITLE = "Export"
    FINDS: ClassVar[str] = "name of a file, or a part of it"
    HELP: ClassVar[str] = """\
What `e` writes: the files `--batch` would write for the order as you made it, with the same names.

- **B′** is the pruned network at a threshold X (the first step at which clean accuracy has dropped by X points), **G** the
  GoodNet of B and B′. Their rates are those on the test sets where there are any, else on the validation sets.
- **flagged clean/poisoned**: percentage of clean and of poisoned images that G assigns to its extra class.
- A threshold that you have not come to yet (step –) is found during the export, which draws the curve to its end.
- `✓` marks files that were written (`✗`: not kept, the log says why), in the folder named above the table. The next export goes to the folder below it, a
  new one each time; change it there (`enter` takes it).
- **also as**: further formats of each network (`tab` leads there, `space` chooses). Each file is opened again in its own
  runtime and compared on all validation images; one that gives an image another class is not kept. **compact** leaves the
  pruned channels out of B′ and G where the graph allows it.
- `recipe.toml` holds your order; `bdtui --batch --recipe …/recipe.toml --out NEW` makes the same files again.

`y` copies the paths that were written.
"""

    def __init__(self, id: str) -> None:
        super().__init__(id=id)
        self._plan: events.ExportPlanned | None = None
        self._thresholds: tuple[Threshold, ...] = ()
        self._written: list[str] = []
        self._refused: list[str] = []
        self._exporting = False
        self._given: tuple[tuple[str, ...], bool] = ((), False)
        self._place: tuple[tuple[int, ...], int] = ((), 0)

    def compose(self) -> ComposeResult:
        """Above the files the folder they were written to, below them the one that the next export goes to."""
        written = Static("", id="export-written", markup=False)
        written.display = False
        yield written
        yield FittedTable(_COLUMNS, id="export-table", heading_lines=2)
        with Horizontal(id="export-formats"):
            yield Label("also as ")
            for name in FORMATS:
                yield TickBox(name, id=f"export-{name}", tooltip=f"Write each network as .{name}, too")
            yield TickBox(
                _COMPACT, id=f"export-{_COMPACT}", tooltip="Leave pruned channels out where the graph allows it"
            )
        with Horizontal(id="export-line"):
            yield Label("next export to ")
            folder = PathInput(placeholder="a new folder", id="export-folder")
            folder.tooltip = "The folder that the next export goes to; enter takes it"
            yield folder
        yield Static("Nothing is open yet.", id="export-note", markup=False)

    @property
    def request(self) -> Export:
        """What an export is to write, and where."""
        formats = tuple(name for name in FORMATS if self._box(name).value)
        return Export(self.folder, formats, self._box(_COMPACT).value)

    def _box(self, name: str) -> TickBox:
        return self.query_one(f"#export-{name}", TickBox)

    def _choose_as_given(self, settings: RunSettings) -> None:
        """Choose the formats that the session was opened with, unless that was done for these already."""
        given = settings.formats or (), settings.compact
        if given != self._given:
            self._given = given
            for name in FORMATS:
                self._box(name).value = name in given[0]
            self._box(_COMPACT).value = settings.compact

    @property
    def folder(self) -> Path | None:
        """Where the next export is to go."""
        text = self.query_one(PathInput).text
        # Not Path.expanduser(), which fails for the home of somebody unknown.
        return Path(os.path.expanduser(text)) if text else None  # noqa: PTH111

    def focus_target(self) -> Widget:
        """The table."""
        return self.query_one(FittedTable)

    def show(self, event: Event) -> None:
        """Follow plan, thresholds and files."""
        match event:
            case events.SessionOpened():
                self._choose_as_given(event.settings)
                return
            case events.ExportPlanned():
                self._plan = event
                self.query_one(PathInput).fill(event.out)
            case events.PositionReached():
                place = event.order, event.step
                moved, self._place = place != self._place, place
                if self._written and moved and not self._exporting:
                    # Those files are of another position than the one an export would write now.
                    self._written, self._refused = [], []
                elif self._thresholds == event.thresholds:
                    return
                self._thresholds = event.thresholds
            case events.WorkStarted():
                self._exporting = event.what == "exporting"
                if not self._exporting:
                    return
                self._written, self._refused = [], []
            case events.WorkEnded() if self._exporting:
                self._exporting = False
            case events.ArtifactRefused():
                self._refused.append(event.name)
            case events.ArtifactWritten():
                self._written.append(event.path)
            case events.LayerChosen():
                self._written, self._refused = [], []
            case _:
                return
        self._draw()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """The folder is taken as it stands; the keys go back to the table."""
        self.focus_target().focus()

    @property
    def cursor(self) -> int:
        return self.query_one(FittedTable).cursor_row

    def find(self, text: str, start: int) -> bool:
        return self.query_one(FittedTable).find(_FILE, text, start)

    def copied_text(self) -> str:
        """The written paths."""
        return "\n".join(self._written)

    def _draw(self) -> None:
        rows = [row for state in self._thresholds for row in self._threshold_rows(state)]
        rows += [self._row(name, _PURPOSES.get(name, "")) for name in (self._plan.files if self._plan else ())]
        listed = {row[_FILE].plain for row in rows}
        further = [Path(path).name for path in self._written if Path(path).name not in listed]
        rows += [self._row(name, "") for name in further]
        rows += [self._row(name, _NOT_KEPT) for name in self._refused]
        self.query_one(FittedTable).list_rows(rows)
        written = self.query_one("#export-written", Static)
        written.display = bool(self._written)
        written.update(self._written_line(), layout=False)
        self.query_one("#export-note", Static).update(self._note(), layout=False)

    def _threshold_rows(self, threshold: Threshold) -> list[list[Text]]:
        """A row for B′ and one for G."""
        tested = threshold.pruned_test != NO_RATES
        pruned = threshold.pruned_test if tested else threshold.rates
        goodnet = threshold.goodnet_test if tested else threshold.goodnet_valid
        step = "–" if threshold.step is None else str(threshold.step)
        flagged = (
            "" if goodnet == NO_RATES else "/".join(map(_share, (goodnet.clean_flagged, goodnet.poisoned_flagged)))
        )
        return [
            self._row(threshold.model, _PRUNED, step, pruned),
            self._row(threshold.goodnet, _GOODNET, step, goodnet, flagged),
        ]

    def _row(self, name: str, what: str, step: str = "", rates: Rates = NO_RATES, flagged: str = "") -> list[Text]:
        written = any(Path(path).name == name for path in self._written)
        known = rates != NO_RATES
        mark, style = (_WRITTEN, "bold green") if written else (_WAITING, "dim")
        if name in self._refused:
            mark, style = _FAILED, "bold red"
        return [
            Text(mark, style=style),
            Text(plain(name)),
            Text(step),
            Text(_share(rates.clean) if known else ""),
            Text(_share(rates.attack) if known else ""),
            Text(flagged),
            Text(what, style="dim"),
        ]

    def _written_line(self) -> str:
        if not self._written:
            return ""
        folder = plain(str(Path(self._written[0]).parent))
        return f"writing to {folder} …" if self._exporting else f"{len(self._written)} files in {folder}"

    def _note(self) -> str:
        tested = any(threshold.pruned_test != NO_RATES for threshold in self._thresholds)
        reached = [f"X={state.drop:g}" for state in self._thresholds if state.step is not None]
        known = f"reached: {', '.join(reached)}" if reached else "no threshold is reached yet"
        return f"{known} · rates on {'test' if tested else 'validation'} images"


def _share(share: Share | None) -> str:
    return percent_text(None if share is None else share.percent)
