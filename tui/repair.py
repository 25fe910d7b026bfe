"""Leaving with another network: which repairs there are, how one is going, and what they came to beside pruning."""

from __future__ import annotations

from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widget import Widget
from textual.widgets import DataTable, Static

from bdtui.engine import events
from bdtui.engine.event_values import Threshold
from bdtui.engine.events import Event
from bdtui.engine.rates import NO_RATES, Rates, Share
from bdtui.engine.session.requests import RepairNetwork
from bdtui.tui.charts.repair import draw_repair, repair_legend
from bdtui.tui.widgets.fitted_table import FittedColumn, FittedTable
from bdtui.tui.wording import duration_text, percent_text, plain

_AUTO = "auto"
_ROOM_FOR_BOTH = 34
"""Lines of a screen from which the chart and the results both have room."""


class Repairs:
    """The repairs that can be chosen, the one under way, and those that are finished.

    Attributes:
        offered: what can be chosen; empty until it was asked for.
        finished: by the name they were asked for with.
        looks: at the network that is being trained, in order.
        attacks: what the attack came to there, in order.
        running: the name of the repair under way; empty for none.
        progress: how far it is.
    """

    def __init__(self) -> None:
        self._begin()

    def _begin(self) -> None:
        self.offered: tuple[events.RepairOffered, ...] = ()
        self.finished: dict[str, events.RepairFinished] = {}
        self.looks: list[events.RepairMeasured] = []
        self.attacks: list[events.RepairAttacked] = []
        self.running = self.progress = ""
        self._baseline = events.BaselineMeasured(NO_RATES, NO_RATES)
        self._thresholds: tuple[Threshold, ...] = ()

    def take(self, event: Event) -> bool:
        """Follow an event; False if it changes nothing here."""
        match event:
            case events.ModelOpened() | events.NothingOpen():
                self._begin()
            case events.BaselineMeasured():
                self._baseline = event
            case events.PositionReached() if event.thresholds != self._thresholds:
                self._thresholds = event.thresholds
            case events.RepairsOffered():
                self.offered = event.offered
            case events.RepairMeasured():
                if self.looks and self.looks[-1].method != event.method:
                    self.looks, self.attacks = [], [each for each in self.attacks if each.method == event.method]
                self.looks.append(event)
            case events.RepairAttacked():
                self.attacks.append(event)
            case events.RepairFinished() if event.asked:
                self.finished[event.asked] = event
            case events.JobEnded(work=RepairNetwork.work):
                self.running = self.progress = ""
            case events.Progress() if self.running:
                of = f" of {event.total:,}" if event.total else ""
                self.progress = f"{event.stage} {event.done:,}{of}"
            case _:
                return False
        return True

    def heading(self) -> str:
        """What is going on."""
        if self.running:
            return f"Repair: {self.running}{self.progress and f' · {self.progress}'}"
        return "Repair: choose a method; nothing of poisoned or test images is used for it"

    def choices(self) -> list[list[Text]]:
        """What can be chosen, a row each."""
        return [
            [
                Text("✓" if each.name in self.finished else "▸" if each.name == self.running else ""),
                Text(each.name, "bold" if each.name == _AUTO else ""),
                Text(duration_text(each.seconds)),
                Text(plain(each.needs)),
                Text(plain(each.description)),
            ]
            for each in self.offered
        ]

    @property
    def is_tested(self) -> bool:
        """Whether rates are of test images."""
        return self._baseline.test != NO_RATES

    def results(self) -> list[list[Text]]:
        """What there is, a row a network: B, B′ at each threshold, and each repair."""
        test = self.is_tested
        rows = [_row("B", self._baseline.test if test else self._baseline.valid)]
        for threshold in self._thresholds:
            if threshold.step is not None:
                pruned = threshold.pruned_test if test else threshold.rates
                goodnet = threshold.goodnet_test if test else threshold.goodnet_valid
                rows.append(_row(f"B′ X={threshold.drop:g}", pruned, goodnet))
        for name, repair in self.finished.items():
            chosen = repair.method.partition(":")[2]
            rates, goodnet = (repair.test, repair.goodnet_test) if test else (repair.valid, repair.goodnet_valid)
            shown = f"{name} ({chosen})" if chosen else name
            rows.append(
                _row(shown, rates, goodnet, duration_text(repair.seconds), f"{repair.change:.2f}", bold=repair.claims)
            )
        return rows

    def about(self, place: int) -> str:
        """What came of a method that can be chosen, or what it does and needs."""
        if not 0 <= place < len(self.offered):
            # Not asked for yet: then what was finished last.
            return "".join(f"{name}: {' '.join(each.sentences)}" for name, each in [*self.finished.items()][-1:])
        method = self.offered[place]
        finished = self.finished.get(method.name)
        if finished is None:
            return f"{method.name}: {method.description}. Needs {method.needs}."
        return f"{method.name}: {' '.join(finished.sentences) or 'finished.'}"


def _row(
    name: str, rates: Rates, goodnet: Rates = NO_RATES, seconds: str = "", change: str = "", *, bold: bool = False
) -> list[Text]:
    flags = f"{_percent(goodnet.clean_flagged)}/{_percent(goodnet.poisoned_flagged)}" if goodnet.clean_flagged else "–"
    texts = (
        _percent(rates.clean),
        _percent(rates.attack),
        _percent(rates.recovered),
        flags,
        seconds or "–",
        change or "–",
    )
    return [Text(plain(name), "bold" if bold else ""), *map(Text, texts)]


def _percent(share: Share | None) -> str:
    return "–" if share is None else percent_text(share.percent)


CHOICES = (
    FittedColumn(" "),
    FittedColumn("method"),
    FittedColumn("about", right=True),
    FittedColumn("needs", spare=2),
    FittedColumn("what it does", spare=1, narrowest=16),
)
RESULTS = (
    FittedColumn("network", narrowest=10),
    FittedColumn("accur.", right=True),
    FittedColumn("ASR", right=True),
    FittedColumn("R-Acc", right=True, spare=1),
    FittedColumn("G flags\nclean/pois.", right=True, spare=2),
    FittedColumn("took", right=True, spare=3),
    FittedColumn("change\nof weights", right=True, spare=4),
)


class RepairChart(Widget):
    """Held-out accuracy and transfer of the network that is being trained."""

    def __init__(self, repairs: Repairs, id: str) -> None:
        super().__init__(id=id)
        self._repairs = repairs

    def render(self) -> Text:
        width, height = self.size
        looks, attacks = self._repairs.looks, self._repairs.attacks
        return Text("\n").join([repair_legend(looks, width, attacks), draw_repair(looks, width, height - 1, attacks)])


class RepairScreen(ModalScreen[str | None]):
    """The methods, a chart of the one under way, and the results beside those of pruning.

    Args:
        repairs: what there is; `show` shows what came to it.
        stop_key: the key that stops the work; empty if there is none.
        help_key: likewise, the one that explains what is shown.
    """

    HELP: ClassVar[str] = """\
Each method makes another network of B's architecture that triggers are not to work on. `enter` repairs by the method under
the cursor; what that method does, or what came of it, stands below the tables.

- **auto** tries methods until a network follows what fools B no more than one from scratch does, and has lost no more held-out
  accuracy than the budget allows (1 point, `--budget`). If none has, it returns the best there is and says what is wrong with it.
- **scratch** never sees B, and is the reference for the others.
- **held-out accuracy** is that on clean validation images that no method trains on: a seventh of them, at most 1,000. The chart
  shows it on 64 of them at most.
- **shared transfer**: held-out images are changed in ways that fool B on many images at once (perturbations, boxes, warps). To
  how many of them does the repaired network give the same wrong class as B? The chart shows the kind of change that fools B
  and hardly the network from scratch; before that is trained, the kind that fools most. For a claim no kind may mislead the
  network more than one from scratch, chance aside, and over all changes at most 3 % of what misleads B beyond that may be left.
- **ASR** and **R-Acc** (recovered accuracy: share of poisoned images that get their true class) are measured where there are
  poisoned images, and for R-Acc true labels. No method chooses by them.
- **G flags clean/pois.**: percentage of clean and of poisoned images on which B and the network of that row disagree, so that
  their GoodNet assigns them to its extra class.
- **change of weights**: length of the difference from B's weights, in terms of the length of B's.
- A network in bold follows what fools B no more than one from scratch does. `enter` on a network, or on a method that has made one,
  and `e` export all networks that are finished.
"""

    CSS_PATH = "repair.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "dismiss(None)", "close"),
        # With the names of the actions, so that the keys a person has chosen for them hold here too.
        Binding("f", "dismiss(None)", show=False, id="repair"),
        Binding("x,ctrl+c", "app.stop", "stop", priority=True, id="stop"),
        Binding("e", "app.export_repairs", "export", id="export"),
        Binding("f1,question_mark", "help", "help", id="help"),
        Binding("j", "app.simulate_key('down')", show=False),
        Binding("k", "app.simulate_key('up')", show=False),
    ]

    def __init__(self, repairs: Repairs, stop_key: str, help_key: str) -> None:
        super().__init__()
        self._repairs = repairs
        self._stop_key, self._help_key = stop_key, help_key

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog -repair"):
            yield Static("", id="repair-heading", markup=False)
            yield FittedTable(CHOICES, id="repair-methods")
            yield RepairChart(self._repairs, id="repair-chart")
            yield Static("", id="repair-results-heading", markup=False)
            yield FittedTable(RESULTS, id="repair-results", heading_lines=2)
            with VerticalScroll(id="repair-about"):
                yield Static("", id="repair-about-text", markup=False)
            yield Static("", id="repair-note", classes="dialog-note", markup=False)

    def on_mount(self) -> None:
        self.show()
        self.query_one("#repair-methods").focus()

    def show(self) -> None:
        """Show what there is."""
        repairs = self._repairs
        methods = self.query_one("#repair-methods", FittedTable)
        methods.list_rows(repairs.choices(), methods.cursor_row)
        rows = repairs.results()
        results = self.query_one("#repair-results", FittedTable)
        # What is new is seen, however little room there is.
        results.list_rows(rows, len(rows) - 1 if len(rows) != results.row_count else None)
        results.styles.height = len(rows) + 2
        of = "test" if repairs.is_tested else "validation"
        heading = self.query_one("#repair-results-heading", Static)
        heading.update(f"Results in percent, on {of} images")
        self._show_method(methods.cursor_row)
        self._share_room()
        self.query_one(RepairChart).refresh()
        self.show_progress()

    def on_resize(self) -> None:
        self._share_room()

    def _share_room(self) -> None:
        """Where there is no room for both, the chart stands while a repair is under way, and then the results."""
        repairs, is_short = self._repairs, self.size.height < _ROOM_FOR_BOTH
        self.set_class(is_short, "-short")
        self.query_one(RepairChart).display = bool(repairs.running or (repairs.looks and not is_short))
        for each in ("results", "results-heading", "about"):
            self.query_one(f"#repair-{each}").display = not (is_short and repairs.running)

    def _show_method(self, row: int) -> None:
        """Show what the method of a row does, or what came of it."""
        self.query_one("#repair-about-text", Static).update(plain(self._repairs.about(row)))
        self.query_one("#repair-about").scroll_home(animate=False)

    def show_progress(self) -> None:
        """Show how far it is: that changes many times a second."""
        repairs = self._repairs
        heading = repairs.heading() if repairs.offered else "Repair: timing a training step …"
        self.query_one("#repair-heading", Static).update(plain(heading))
        help_key = self._help_key and f"{self._help_key} help"
        notes = ["Enter export" if (has_result := self._has_result()) else "Enter repair"]
        if repairs.running:
            notes = [
                f"{self._stop_key} stop" if self._stop_key else "",
                "goes on when closed, while you prune",
            ]
        elif repairs.finished and not has_result:
            notes.append("e export")
        self.query_one("#repair-note", Static).update(
            " · ".join(note for note in (*notes, help_key, "Esc close") if note)
        )

    def on_data_table_row_highlighted(self, event: DataTable.RowHighlighted) -> None:
        """Tell about the method under the cursor."""
        event.stop()
        if event.data_table.id == "repair-methods":
            self._show_method(event.cursor_row)
            self.show_progress()

    def on_descendant_focus(self) -> None:
        """Say what `enter` does in the table that has the focus."""
        self.show_progress()

    def action_help(self) -> None:
        from bdtui.tui.dialogs import HelpScreen

        self.app.push_screen(HelpScreen("repairing", self.HELP, ()))

    def on_data_table_row_selected(self, event: DataTable.RowSelected) -> None:
        """Repair by the method under the cursor; export where that is done, and from the results."""
        event.stop()
        if self._has_result():
            self.app.call_later(self.app.run_action, "export_repairs")
        elif (method := self._under_cursor()) and not self._repairs.running:
            self.app.call_later(self.app.run_action, f"repair_by('{method}')")

    def _under_cursor(self) -> str:
        """The name of the method under the cursor; empty where none is offered yet."""
        row = self.query_one("#repair-methods", FittedTable).cursor_row
        return self._repairs.offered[row].name if row < len(self._repairs.offered) else ""

    def _has_result(self) -> bool:
        """Whether a network is under the cursor, or a method that has made one."""
        results = self.query_one("#repair-results")
        return results.has_focus or self._under_cursor() in self._repairs.finished
