"""Which images carry a trigger: asks for them, and lists them, the most suspicious first."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from bdtui.engine.events import ImagesScreened
from bdtui.tui.widgets.fitted_table import FittedColumn, FittedTable
from bdtui.tui.widgets.path_input import PathInput
from bdtui.tui.wording import plain

_MOST_ROWS = 2000
COLUMNS = (
    FittedColumn("flagged"),
    FittedColumn("image", narrowest=12),
    FittedColumn("score", right=True),
    FittedColumn("class", right=True, spare=1),
)


class AskForImages(ModalScreen[Path | None]):
    """Asks which images to judge."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss(None)", "cancel")]

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Static("Screen images: which of them carry a trigger? Labels are not needed.", markup=False)
            yield PathInput(id="screened", placeholder="a picture, a folder, HDF5 or .npz", paths=True)
            yield Static("Enter screen · Esc cancel", classes="dialog-note", markup=False)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        text = event.value.strip()
        self.dismiss(Path(text).expanduser() if text else None)


class ScreeningScreen(ModalScreen[None]):
    """The images that were judged.

    Args:
        found: of them.
    """

    CSS_PATH = "screening.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "dismiss", "close"),
        Binding("s", "app.keep_screened", "save"),
        Binding("j", "app.simulate_key('down')", show=False),
        Binding("k", "app.simulate_key('up')", show=False),
    ]

    def __init__(self, found: ImagesScreened) -> None:
        super().__init__()
        self._found = found

    def compose(self) -> ComposeResult:
        found = self._found
        with Vertical(classes="dialog -screening"):
            yield Static(Text(plain(" ".join(found.sentences))), id="screening-sentences")
            yield FittedTable(COLUMNS, id="screening-images")
            left_out = len(found.images) - _MOST_ROWS
            more = f"{left_out:,} less suspicious images are left out here · " if left_out > 0 else ""
            yield Static(f"{more}s save as CSV · Esc close", classes="dialog-note", markup=False)

    def on_mount(self) -> None:
        table = self.query_one(FittedTable)
        table.list_rows(
            [
                [
                    Text("yes" if image.flagged else "no", "bold red" if image.flagged else ""),
                    Text(plain(image.name)),
                    Text(f"{image.score:.4f}"),
                    Text(str(image.predicted)),
                ]
                for image in self._found.images[:_MOST_ROWS]
            ],
            0,
        )
        table.focus()
