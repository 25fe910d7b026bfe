"""Small dialogs in front of the panes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, TypeVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from bdtui.tui.actions import ACTIONS, first_key
from bdtui.tui.finding import Findable, first_match
from bdtui.tui.wording import plain

LEAVE: list[BindingType] = [Binding("escape", "leave", "close"), Binding("ctrl+c", "leave", show=False, priority=True)]

_MOVE: list[BindingType] = [
    Binding(action.keys, f"app.{action.name}", show=False, id=action.id)
    for action in ACTIONS
    if action.name.startswith("simulate_key(")
]
"""The keys that move in the panes move in a dialog too; their ids let the keymap change them."""

_FIND_NOTE = "Enter stay · ↓ next match · Esc back"


class GoToDialog(ModalScreen[int | None]):
    """Asks for a step or a reached threshold.

    Args:
        last: the last step.
        thresholds: steps of the reached thresholds, by drop.
    """

    BINDINGS: ClassVar[list[BindingType]] = LEAVE

    def __init__(self, last: int, thresholds: dict[float, int]) -> None:
        super().__init__()
        self._last = last
        self._thresholds = thresholds

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            reached = "".join(f" · X={drop:g} is step {step}" for drop, step in self._thresholds.items())
            yield Static(f"Go to step (0 to {self._last}){reached}", markup=False)
            yield Input(placeholder="a step, or X=2", id="step", compact=True)
            yield Static("Enter go · Esc cancel", classes="dialog-note", markup=False)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        text = event.value.strip()
        if not text:
            self.dismiss(None)
            return
        step = self._step(text)
        if step is None or not 0 <= step <= self._last:
            self.query_one(".dialog-note", Static).update(
                f"Enter a step (0–{self._last}) or a reached threshold, e.g. X=2"
            )
            return
        self.dismiss(step)

    def action_leave(self) -> None:
        self.dismiss(None)

    def _step(self, text: str) -> int | None:
        if text[0] in "xX":
            try:
                return self._thresholds.get(float(text[1:].strip(" =")))
            except ValueError:
                return None
        return int(text) if text.isdecimal() and len(text) < 9 else None


class FindDialog(ModalScreen[None]):
    """Asks what to find, at the bottom of the screen; the cursor moves while one types.

    Args:
        what: is found, e.g. ``channel``.
        place: where.
    """

    BINDINGS: ClassVar[list[BindingType]] = [*LEAVE, Binding("down", "next", "next match")]

    def __init__(self, what: str, place: Findable) -> None:
        super().__init__(classes="-find")
        self._what = what
        self._place = place
        self._start = place.cursor

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Input(placeholder=self._what, id="find", compact=True)
            yield Static(_FIND_NOTE, classes="dialog-note", markup=False)

    def on_input_changed(self, event: Input.Changed) -> None:
        self._find(event.value.strip(), self._start)

    def on_input_submitted(self) -> None:
        self.dismiss(None)

    def action_next(self) -> None:
        text = self.query_one(Input).value.strip()
        if text:
            self._find(text, self._place.cursor + 1)

    def action_leave(self) -> None:
        self._find("", self._start)
        self.dismiss(None)

    def _find(self, text: str, start: int) -> None:
        found = self._place.find(text, start)
        self.query_one(".dialog-note", Static).update(_FIND_NOTE if found else "not found")


Answer = TypeVar("Answer")


class FindableList(ModalScreen[Answer]):
    """A dialog with a list that the keys of the panes move in, and in which one can find."""

    BINDINGS: ClassVar[list[BindingType]] = [
        *_MOVE,
        Binding("q", "app.quit", show=False, id="quit"),
        Binding("slash", "find", show=False, id="find"),
    ]

    def note(self, first: str, last: str) -> str:
        """The line below the list: how to choose, find and leave."""
        key = first_key("find", self.app._keymap)
        return " · ".join((first, *([f"{key} find"] if key else []), last))

    def texts(self) -> list[str]:
        """What can be found, a text for each option."""
        raise NotImplementedError

    @property
    def cursor(self) -> int:
        return self.query_one(OptionList).highlighted or 0

    def find(self, text: str, start: int) -> bool:
        row = first_match(self.texts(), text, start)
        if row is not None:
            self.query_one(OptionList).highlighted = row
        return row is not None

    def action_find(self) -> None:
        self.app.push_screen(FindDialog("a part of the line", self))


class ChoiceDialog(FindableList[str | None]):
    """A list to choose one name from.

    Args:
        title: what is chosen.
        choices: names with descriptions.
        present: the current one.
    """

    BINDINGS: ClassVar[list[BindingType]] = LEAVE

    def __init__(self, title: str, choices: Sequence[tuple[str, str]], present: str | None) -> None:
        super().__init__()
        self._title = title
        self._choices = choices
        self._present = present

    def compose(self) -> ComposeResult:
        longest = max((len(name) for name, _ in self._choices), default=0)
        with Vertical(classes="dialog"):
            yield Static(self._title, markup=False)
            yield OptionList(
                *(
                    Option(Text.assemble(plain(name).ljust(longest + 2), (description, "dim")))
                    for name, description in self._choices
                ),
                id="choices",
                compact=True,
            )
            yield Static(self.note("Enter select", "Esc cancel"), classes="dialog-note", markup=False)

    def texts(self) -> list[str]:
        return [f"{name}  {description}" for name, description in self._choices]

    def on_mount(self) -> None:
        names = [name for name, _ in self._choices]
        self.query_one(OptionList).highlighted = names.index(self._present) if self._present in names else 0

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(self._choices[event.option_index][0])

    def action_leave(self) -> None:
        self.dismiss(None)


class ThemeDialog(ChoiceDialog):
    """The list of themes; the one under the cursor is shown at once, and escape brings the former back."""

    def __init__(self, themes: Sequence[tuple[str, str]], present: str) -> None:
        super().__init__("Theme", themes, present)
        self._former = present

    def on_option_list_option_highlighted(self, event: OptionList.OptionHighlighted) -> None:
        self.app.theme = self._choices[event.option_index][0]

    def action_leave(self) -> None:
        self.app.theme = self._former
        super().action_leave()


class FailureDialog(ModalScreen[None]):
    """Shows an error."""

    BINDINGS: ClassVar[list[BindingType]] = [
        *LEAVE,
        Binding("enter,space,q", "leave", show=False),
        Binding("y", "copy", show=False),
    ]

    def __init__(self, what: str, sentence: str) -> None:
        super().__init__()
        self._what = what
        self._sentence = sentence

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog -failure"):
            yield Static(Text(f"{self._what[:1].upper()}{self._what[1:]} failed", style="bold"))
            with VerticalScroll(classes="dialog-text"):
                yield Static(plain(self._sentence), id="failure-sentence", markup=False)
            yield Static("Esc close · y copy · details in the log", classes="dialog-note", markup=False)

    def action_copy(self) -> None:
        self.app.copy_to_clipboard(self._sentence)
        self.query_one(".dialog-note", Static).update("Copied. Esc close · details in the log")

    def action_leave(self) -> None:
        self.dismiss(None)


class HelpScreen(ModalScreen[None]):
    """Help on the focused pane, and all keys.

    Args:
        title: of the pane.
        text: Markdown about it.
        keys: keys with descriptions.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        *LEAVE,
        Binding("q", "leave", show=False),
        Binding("f1,question_mark", "leave", show=False, id="help"),
        *_MOVE,
    ]

    def __init__(self, title: str, text: str, keys: Sequence[tuple[str, str]]) -> None:
        super().__init__()
        self._title = title
        self._text = text
        self._keys = keys

    def compose(self) -> ComposeResult:
        # Imported here: it would delay the first paint.
        from textual.widgets import Markdown

        with Vertical(classes="dialog -help"):
            yield Static(Text(f"Help: {self._title}", style="bold"))
            with VerticalScroll(id="help-text"):
                yield Markdown(self._text)
                longest = max((len(keys) for keys, _ in self._keys), default=0)
                lines = [Text.assemble((f" {keys:<{longest}}  ", "bold"), what) for keys, what in self._keys]
                yield Static(Text("\n").join(lines), id="help-keys")
            yield Static("arrows scroll · Esc close", classes="dialog-note", markup=False)

    def on_mount(self) -> None:
        self.query_one("#help-text").focus()

    def action_leave(self) -> None:
        self.dismiss(None)
