"""The model pane: the layers with kind, shape and parameters, and which of them can be pruned."""

from __future__ import annotations

from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.message import Message
from textual.widget import Widget
from textual.widgets import DataTable, Static

from bdtui.engine import events
from bdtui.engine.events import Event
from bdtui.tui.panes.pane import Pane
from bdtui.tui.widgets.fitted_table import FittedColumn, FittedTable
from bdtui.tui.wording import plain, shape_text

_NOTHING = "Open a model to see its layers."
_COLUMNS = (
    FittedColumn(" "),
    FittedColumn("layer", narrowest=16),
    FittedColumn("channels", right=True),
    FittedColumn("kind", spare=2),
    FittedColumn("output", spare=1),
    FittedColumn("parameters", right=True, spare=3),
)
_NAME = 1
"""The column of names."""


class ModelPane(Pane):
    """The layer table, with the chosen layer marked."""

    TITLE = "Model"
    FINDS: ClassVar[str] = "name of a layer, or a part of it"
    HELP: ClassVar[str] = """\
The layers of the network, in running order.

- **channels**: how many channels of the layer can be pruned; a dash if none can (they come from several layers, or are
  the classes).
- `▸` marks the layer whose activations are measured, `×` the weighted layer whose channels are pruned.

`enter` on a layer that can be pruned profiles it and restarts at step 0; `l` offers the same choice from any pane.
The number of channels whose weights are already zero in the file stands above the table.
"""

    class LayerPicked(Message):
        """A layer to prune was chosen."""

        def __init__(self, layer: str) -> None:
            super().__init__()
            self.layer = layer

    def __init__(self, id: str) -> None:
        super().__init__(id=id)
        self._opened: events.ModelOpened | None = None
        self._chosen: events.LayerChosen | None = None

    def compose(self) -> ComposeResult:
        yield Static(_NOTHING, id="model-summary", markup=False)
        yield FittedTable(_COLUMNS, id="layer-table")

    def prunable_layers(self) -> list[tuple[str, str]]:
        """Names of the layers that can be pruned, with descriptions."""
        layers = self._opened.layers if self._opened else ()
        # A layer that the network calls twice has two rows but is one choice.
        found = {
            layer.name: f"{layer.kind}, {layer.channels} channels, {shape_text(layer.output_shape[1:])}"
            for layer in layers
            if layer.channels
        }
        return list(found.items())

    def focus_target(self) -> Widget:
        return self.query_one(FittedTable)

    @property
    def cursor(self) -> int:
        """The row under the cursor."""
        return self.query_one(FittedTable).cursor_row

    def find(self, text: str, start: int) -> bool:
        return self.query_one(FittedTable).find(_NAME, text, start)

    def show(self, event: Event) -> None:
        """Fill the table with a model's layers, and mark the chosen one."""
        match event:
            case events.ModelOpened():
                self._opened, self._chosen = event, None
            case events.LayerChosen():
                self._chosen = event
            case events.NothingOpen():
                self._opened = self._chosen = None
            case _:
                return
        self._draw()

    def copied_text(self) -> str:
        return f"{self._opened.path}\nsha256 {self._opened.sha256}" if self._opened else ""

    def on_data_table_row_selected(self, event: DataTable.RowSelected) -> None:
        layers = self._opened.layers if self._opened else ()
        name = layers[event.cursor_row].name if event.cursor_row < len(layers) else ""
        if name in dict(self.prunable_layers()):
            self.post_message(self.LayerPicked(name))
        else:
            self.notify("This layer cannot be pruned; choose one with a number under channels.", markup=False)

    def _draw(self) -> None:
        model, chosen = self._opened, self._chosen
        if model is None:
            self.query_one("#model-summary", Static).update(_NOTHING)
            self.query_one(FittedTable).list_rows(())
            return
        parameters = sum(layer.parameters for layer in model.layers)
        lines = [
            f"{plain(model.path)}",
            f"{model.classes} classes · images {shape_text(model.input_shape)} · {parameters:,} parameters",
        ]
        if chosen:
            zero = f"{chosen.silent} of {chosen.channels} zero in the file"
            pruned = "its channels where they are read: " if chosen.where_read else ""
            lines.append(f"reads {plain(chosen.profiled)}, prunes {pruned}{plain(chosen.pruned)} · {zero}")
        self.query_one("#model-summary", Static).update(Text("\n".join(lines), no_wrap=True, overflow="ellipsis"))
        names = [layer.name for layer in model.layers]
        cursor = names.index(chosen.profiled) if chosen and chosen.profiled in names else None
        self.query_one(FittedTable).list_rows([_row(layer, chosen) for layer in model.layers], cursor)


def _row(layer: events.LayerFound, chosen: events.LayerChosen | None) -> tuple[Text, ...]:
    mark = ""
    if chosen:
        mark = "▸" if layer.name == chosen.profiled else "×" if layer.name in chosen.pruned.split(", ") else ""
    output = shape_text(layer.output_shape[1:])
    texts = mark, plain(layer.name), str(layer.channels or "–"), layer.kind, output, f"{layer.parameters:,}"
    return tuple(Text(text, style="" if layer.channels else "dim") for text in texts)
