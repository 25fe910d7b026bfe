"""Whether the network is backdoored, and for which class: the classes as they are ranked, and the reversed triggers."""

from __future__ import annotations

from typing import ClassVar

from rich.console import Group, RenderableType
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widgets import Static

from bdtui.engine import events
from bdtui.engine.events import Event
from bdtui.engine.session.requests import Detect
from bdtui.tui.widgets.fitted_table import FittedColumn, FittedTable
from bdtui.tui.widgets.pixels import GAP, picture_size, side_by_side
from bdtui.tui.wording import number_text, plain

_BAR = 12
_MOST_ROWS = 200
_COLOURS = {"backdoored": "bold red", "no sign": "bold green"}
_PICTURES = ("mask", "pattern", "clean", "with it")


class DetectionFindings:
    """What an examination has found so far.

    Attributes:
        ranked: what is known of the classes; None before anything is.
        triggers: reversed ones by class, the small one before the strong one.
        names: of the classes; empty where nobody says.
        is_begun: whether an examination was asked for, or one was found in a journal.
        is_concluded: whether it has come to its end, or was stopped.
        is_used: whether the trigger stands in for poisoned images.
        has_poisoned: whether poisoned validation images are open.
        progress: how far the method at work is.
    """

    def __init__(self) -> None:
        self._begin()

    def _begin(self) -> None:
        self.ranked: events.ClassesRanked | None = None
        self.triggers: dict[tuple[int, bool], events.TriggerShown] = {}
        self.names: tuple[str, ...] = ()
        self.is_begun = self.is_concluded = self.is_used = self.has_poisoned = False
        self.progress = ""

    def take(self, event: Event) -> bool:
        """Follow an event; False if it changes nothing here."""
        match event:
            case events.ModelOpened() | events.NothingOpen():
                self._begin()
            case events.ClassesNamed():
                self.names = event.names
            case events.DataOpened() if event.role == "poisoned_valid":
                self.has_poisoned = True
            case events.ClassesRanked():
                self.ranked, self.is_begun = event, True
            case events.TriggerShown():
                self.triggers[event.target, event.strong] = event
            case events.DetectionFinished():
                self.is_concluded, self.progress = True, ""
            case events.JobEnded(work=Detect.work):
                self.is_concluded, self.progress = True, ""
            case events.PositionReached():
                self.is_used = event.present.estimate is not None
            case events.Progress() if self.is_begun and not self.is_concluded:
                of = f" of {event.total}" if event.total else ""
                self.progress = f"{event.stage.removeprefix('detect: ')} {event.done:,}{of}"
            case _:
                return False
        return True

    def class_text(self, target: int) -> str:
        """A class as a person calls it."""
        return f"{target} {plain(self.names[target])}" if target < len(self.names) else str(target)

    def heading(self) -> str:
        """How far the examination is."""
        if self.ranked is None:
            waiting = "stopped before anything was found" if self.is_concluded else "Reading the clean images …"
            return f"Is it backdoored? {waiting}"
        done, planned = len(self.ranked.done), len(self.ranked.planned)
        methods = f"{done} of {planned} methods" if not self.is_concluded or done < planned else f"{done} methods"
        return f"Is it backdoored? · {methods}{self.progress and f' · {self.progress}'}"

    def verdict(self) -> Text:
        """What is known now."""
        if self.ranked is None:
            return Text("Nothing is known yet.")
        first, *others = self.ranked.sentences or ("Nothing is known yet.",)
        style = _COLOURS.get(self.ranked.verdict, "bold") if self.is_concluded else "bold"
        so_far = "" if self.is_concluded else "So far: "
        return Text.assemble((plain(so_far + first), style), " ", plain(" ".join(others)))

    def rows(self) -> list[tuple[int, list[Text]]]:
        """The classes, the most suspicious first, each with the texts of its row."""
        if self.ranked is None:
            return []
        scores = self.ranked.scores
        chances = {each.target: each.p for each in self.ranked.suspects}
        order = sorted(range(len(scores)), key=lambda target: -scores[target])[:_MOST_ROWS]
        highest = max((scores[target] for target in order), default=0.0)
        return [(target, self._row(target, scores[target], highest, chances.get(target))) for target in order]

    def _row(self, target: int, score: float, highest: float, chance: float | None) -> list[Text]:
        small = self.triggers.get((target, False))
        size = "" if small is None else number_text(small.size)
        works = "" if small is None or not small.images else f"{100 * small.fooled / small.images:.0f} %"
        filled = round(_BAR * score / highest) if highest > 0 and score > 0 else 0
        p = "" if chance is None else f"{chance:.2g}"
        return [Text(text) for text in (self.class_text(target), "█" * filled, f"{score:.2f}", p, size, works)]


COLUMNS = (
    FittedColumn("class", narrowest=6),
    FittedColumn("suspicion", narrowest=_BAR),
    FittedColumn("score", right=True, spare=2),
    FittedColumn("p", right=True, spare=1),
    FittedColumn("trigger\npixels", right=True, spare=3),
    FittedColumn("works on\n(estimate)", right=True, spare=4),
)


class TriggerPictures(Static):
    """The reversed trigger of the class under the cursor, beside a clean image and the same image with it."""

    def __init__(self, findings: DetectionFindings, id: str) -> None:
        super().__init__(id=id, markup=False)
        self._findings = findings
        self._target: int | None = None

    def show_class(self, target: int | None) -> None:
        self._target = target
        self._draw()

    def on_resize(self) -> None:
        self._draw()

    def _draw(self) -> None:
        found = [
            self._findings.triggers.get((self._target, strong)) for strong in (False, True) if self._target is not None
        ]
        shown = [trigger for trigger in found if trigger is not None]
        width, lines = self.content_size.width, self.content_size.height // max(1, len(shown))
        parts: list[RenderableType] = []
        for trigger in shown:
            kind = "strong" if trigger.strong else "small"
            words = f"{kind} trigger of class {self._findings.class_text(trigger.target)}: {number_text(trigger.size)} pixels"
            works = f"sends {trigger.fooled} of {trigger.images} images there" if trigger.images else ""
            parts.append(Text(words + (works and f", {works}"), no_wrap=True, overflow="ellipsis"))
            room = (width + GAP) // len(_PICTURES) - GAP
            if trigger.pictures and lines > 4 and room > 3:
                one, height = picture_size(trigger.pictures[0], room, lines - 2)
                parts.append(Text(" ".join(name[:one].ljust(one) for name in _PICTURES), "dim", no_wrap=True))
                parts.append(side_by_side(trigger.pictures, one, height))
        if not parts:
            parts.append(Text("No trigger is reversed for this class.", "dim"))
        self.update(Group(*parts))


class DetectionScreen(ModalScreen[None]):
    """The classes as they are ranked, and the triggers that were reversed.

    Args:
        findings: what was found so far; `show` shows what came to it.
        stop_key: the key that stops the work; empty if there is none.
        help_key: likewise, the one that explains what is shown.
    """

    HELP: ClassVar[str] = """\
Looks for a backdoor without a poisoned image. The class that is suspected most of being its target comes first.

- **score**: how far a class stands out, by all methods that have finished.
- **p**: how rare it is to stand out so far among classes like the others, by the methods that reverse no trigger. It is no
  probability that there is a backdoor.
- **trigger pixels**: size of the smallest change that was found to send images to the class, for the first suspects. A backdoor's
  target usually needs far fewer than other classes.
- **works on (estimate)**: share of the clean images on which that change works.
- The pictures: where the change is made, the change itself, a clean image, and the same image with it. The small trigger is the smallest
  that was found; the strong one works more often, and may be quite another way to the class.
- `e` uses the reversed triggers of the suspected class for an estimate of ASR, where there are no poisoned validation images. `f` repairs.

`docs/detection.md` tells how verdicts are reached, and how often they are wrong.
"""

    CSS_PATH = "detect.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "dismiss", "close"),
        # With the names of the actions, so that the keys a person has chosen for them hold here too.
        Binding("d", "dismiss", show=False, id="detect"),
        Binding("x,ctrl+c", "app.stop", "stop", priority=True, id="stop"),
        Binding("e", "app.use_trigger", "estimate"),
        Binding("f", "app.repair", show=False, id="repair"),
        Binding("f1,question_mark", "help", "help", id="help"),
        Binding("j", "app.simulate_key('down')", show=False),
        Binding("k", "app.simulate_key('up')", show=False),
    ]

    def __init__(self, findings: DetectionFindings, stop_key: str, help_key: str) -> None:
        super().__init__()
        self._findings = findings
        self._stop_key, self._help_key = stop_key, help_key
        self._ranked: list[int] = []

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog -detection"):
            yield Static("", id="detection-heading", markup=False)
            yield Static("", id="detection-verdict", markup=False)
            with Horizontal(id="detection-parts"):
                yield FittedTable(COLUMNS, id="detection-classes", heading_lines=2)
                yield TriggerPictures(self._findings, id="detection-trigger")
            yield Static("", id="detection-note", classes="dialog-note", markup=False)

    def on_mount(self) -> None:
        self.show()
        self.query_one(FittedTable).focus()

    def show(self) -> None:
        """Show what was found; the cursor stays on its class, or on the first."""
        findings, table = self._findings, self.query_one(FittedTable)
        row = table.cursor_row
        below = self._ranked[row] if 0 < row < len(self._ranked) else None
        rows = findings.rows()
        self._ranked = [target for target, _ in rows]
        cursor = self._ranked.index(below) if below in self._ranked else 0
        table.list_rows([texts for _, texts in rows], cursor)
        self.query_one("#detection-verdict", Static).update(findings.verdict())
        self.show_progress()
        self._show_trigger(cursor)

    def show_progress(self) -> None:
        """Show how far it is: that changes many times a second."""
        findings = self._findings
        self.query_one("#detection-heading", Static).update(plain(findings.heading()))
        running = findings.is_begun and not findings.is_concluded
        notes = [f"{self._stop_key} stop, with what there is"] if running and self._stop_key else []
        if findings.triggers and not findings.has_poisoned:
            notes.append(
                "e " + ("leave out the estimate" if findings.is_used else "use the trigger for an estimate of ASR")
            )
        notes += [
            "goes on when closed" if running else "",
            "f repair",
            self._help_key and f"{self._help_key} help",
            "Esc close",
        ]
        self.query_one("#detection-note", Static).update(" · ".join(note for note in notes if note))

    def action_help(self) -> None:
        from bdtui.tui.dialogs import HelpScreen

        self.app.push_screen(HelpScreen("detection", self.HELP, ()))

    def on_data_table_row_highlighted(self, event: FittedTable.RowHighlighted) -> None:
        event.stop()
        self._show_trigger(event.cursor_row)

    def _show_trigger(self, row: int) -> None:
        target = self._ranked[row] if 0 <= row < len(self._ranked) else None
        self.query_one(TriggerPictures).show_class(target)
