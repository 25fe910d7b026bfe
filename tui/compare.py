"""The table of layers and rankings that are held side by side, and the screen that shows it."""

from __future__ import annotations

from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import DataTable, Static

from bdtui.engine import events
from bdtui.engine.event_values import ComparedOrder, ComparedThreshold
from bdtui.engine.events import Event
from bdtui.engine.pruning.moves import ChooseLayer, Place
from bdtui.engine.rates import NO_RATES, Rates
from bdtui.tui.widgets.fitted_table import FittedColumn, FittedTable
from bdtui.tui.wording import plain

_HERE = "▸"


class ComparedRows:
    """What was compared so far, the best first.

    Attributes:
        drops: of the thresholds, ascending.
        poisoned: whether there are poisoned validation images.
        total: how many orders are compared.
        baseline: of B, unpruned.
        orders: those measured, the best first.
        conclusion: how the comparison ended; empty while it is under way.
    """

    def __init__(self) -> None:
        self._begin((), True, 0)

    def _begin(self, drops: tuple[float, ...], poisoned: bool, total: int, baseline: Rates = NO_RATES) -> None:
        self.drops, self.poisoned, self.total, self.baseline = drops, poisoned, total, baseline
        self.orders: list[ComparedOrder] = []
        self.conclusion = ""

    @property
    def is_current(self) -> bool:
        """Whether the comparison is under way or complete, so that nothing is to be asked for."""
        return bool(self.total) and (not self.conclusion or len(self.orders) == self.total)

    def take(self, event: Event) -> bool:
        """Follow an event; False if it changes nothing here."""
        match event:
            case events.ComparisonBegun():
                self._begin(event.drops, event.poisoned, event.total, event.baseline)
            case events.OrderCompared():
                self.orders.insert(event.place, event.order)
            case events.ComparisonEnded():
                self.conclusion = event.sentence
            case events.ModelOpened() | events.NothingOpen():
                self._begin((), True, 0)
            case _:
                return False
        return True

    def columns(self) -> list[FittedColumn]:
        """The columns of the table; where there is no room, channels go first, and the last threshold never."""
        numbers = []
        for place, drop in enumerate(self.drops):
            is_last = place == len(self.drops) - 1
            numbers.append(FittedColumn(f"X={drop:g}\npruned", right=True, spare=3 if self.poisoned else not is_last))
            rates = "accur./ASR" if self.poisoned else "accur."
            numbers.append(FittedColumn(f"X={drop:g}\n{rates}", right=True, spare=0 if is_last else 2))
        margin = [FittedColumn("best\nmargin", right=True)] if self.poisoned else []
        area = FittedColumn("ASR\narea" if self.poisoned else "accur.\narea", right=True, spare=4)
        layer, ranking = FittedColumn("layer", narrowest=8), FittedColumn("ranking")
        channels = FittedColumn("chan-\nnels", right=True, spare=5)
        return [FittedColumn(" "), layer, ranking, channels, *margin, *numbers, area]

    def row(self, order: ComparedOrder, here: Place) -> list[Text]:
        """An order as a row of the table; that of the place where the person stands is marked."""
        is_here = Place(order.layer, order.ranking) == here
        area = order.asr_area if self.poisoned else order.accuracy_area
        texts = [_HERE if is_here else "", plain(order.layer), order.ranking, str(order.channels)]
        best = order.best
        texts += [_number(order.margin)] if self.poisoned else []
        cells = [Text(text) for text in texts]
        for threshold in order.thresholds:
            style = "bold" if threshold is best else ""
            cells += [Text("–" if threshold.step is None else str(threshold.step), style)]
            cells += [Text(self._rates(threshold), style)]
        return [*cells, Text(_number(area))]

    def _rates(self, threshold: ComparedThreshold) -> str:
        if threshold.step is None:
            return "–"
        accuracy = _number(threshold.rates.clean_accuracy)
        return f"{accuracy}/{_number(threshold.rates.attack_success_rate)}" if self.poisoned else accuracy

    def heading(self) -> str:
        """What is shown, and which comes first."""
        if not self.drops:
            return "Compare layers and rankings"
        first = "best margin, accuracy minus ASR" if self.poisoned else f"most pruned at X={self.drops[-1]:g}"
        return f"Compare layers and rankings · first: {first}\n{self._badnet()}"

    def _badnet(self) -> str:
        """What the rows are to be held against."""
        asr = f", ASR {_number(self.baseline.attack_success_rate)}" if self.poisoned else ""
        return f"B, unpruned: accuracy {_number(self.baseline.clean_accuracy)}{asr} (all in percent, validation images)"


class ComparisonScreen(ModalScreen[ChooseLayer | None]):
    """The table, filled while it is measured; gives back where to go.

    Args:
        compared: what was compared so far; `show` shows what came to it.
        here: where the person stands.
        stop_key: the key that stops the work; empty if there is none.
    """

    CSS_PATH = "compare.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "leave", "close"),
        # With the names of the actions, so that the keys a person has chosen for them hold here too.
        Binding("c", "leave", show=False, id="compare"),
        Binding("x,ctrl+c", "app.stop", "stop", priority=True, id="stop"),
        Binding("a", "app.compare_all", "all layers"),
        Binding("j", "app.simulate_key('down')", show=False),
        Binding("k", "app.simulate_key('up')", show=False),
    ]

    def __init__(self, compared: ComparedRows, here: Place, stop_key: str) -> None:
        super().__init__()
        self._compared = compared
        self._here = here
        self._stop_key = stop_key
        self._shown: list[ComparedOrder] = []
        self._columns: list[FittedColumn] = []

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog -comparison"):
            yield Static("", id="comparison-heading", markup=False)
            yield FittedTable((), id="comparison", heading_lines=2)
            yield Static("", id="comparison-progress", markup=False)
            yield Static("Enter go there · a all layers · Esc close", classes="dialog-note", markup=False)

    def on_mount(self) -> None:
        self.show()
        self.query_one(FittedTable).focus()

    def show(self) -> None:
        """Show what was compared; the cursor stays on its order, or on the best."""
        compared, table = self._compared, self.query_one(FittedTable)
        row = table.cursor_row
        below = self._shown[row] if 0 < row < len(self._shown) else None
        self._shown = list(compared.orders)
        columns = compared.columns()
        if columns != self._columns:
            self._columns = columns
            table.list_columns(columns)
        cursor = self._shown.index(below) if below in self._shown else 0
        table.list_rows([compared.row(order, self._here) for order in self._shown], cursor)
        self.query_one("#comparison-heading", Static).update(compared.heading())
        self.query_one("#comparison-progress", Static).update(plain(self._progress()))

    def on_data_table_row_selected(self, event: DataTable.RowSelected) -> None:
        """Go to the layer and the ranking under the cursor."""
        event.stop()
        if event.cursor_row < len(self._shown):
            order = self._shown[event.cursor_row]
            self.dismiss(ChooseLayer(order.layer, order.ranking))

    def action_leave(self) -> None:
        self.dismiss(None)

    def _progress(self) -> str:
        compared = self._compared
        if compared.conclusion:
            return compared.conclusion
        stops = f" · {self._stop_key} stops" if self._stop_key else ""
        return f"{len(compared.orders)} of {compared.total or '…'} measured · goes on when closed, pauses while you prune{stops}"


def _number(rate: float | None) -> str:
    return "–" if rate is None else f"{rate:.1f}"
