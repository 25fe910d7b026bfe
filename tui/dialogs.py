"""Small dialogs in front of the panes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from bdtui.tui.wording import plain

_LEAVE: list[BindingType] = [Binding("escape", "leave", "close"), Binding("ctrl+c", "leave", show=False, priority=True)]

_MOVE: list[BindingType] = [
    Binding("j", "app.simulate_key('down')", show=False),
    Binding("k", "app.simulate_key('up')", show=False),
]


class GoToDialog(ModalScreen[int | None]):
    """Asks for a step or a reached threshold.

    Args:
        last: the last step.
        thresholds: steps of the reached thresholds, by drop.
    """

    BINDINGS: ClassVar[list[BindingType]] = _LEAVE

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
        find: moves the cursor to the first match of a text and says whether there is one; back for an empty text.
    """

    BINDINGS: ClassVar[list[BindingType]] = _LEAVE

    def __init__(self, what: str, find: Callable[[str], bool]) -> None:
        super().__init__(classes="-find")
        self._what = what
        self._find = find

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Input(placeholder=self._what, id="find", compact=True)
            yield Static("Enter stay · Esc back", classes="dialog-note", markup=False)

    def on_input_changed(self, event: Input.Changed) -> None:
        text = event.value.strip()
        found = self._find(text)
        self.query_one(".dialog-note", Static).update("Enter stay · Esc back" if found else "not found")

    def on_input_submitted(self) -> None:
        self.dismiss(None)

    def action_leave(self) -> None:
        self._find("")
        self.dismiss(None)


class ChoiceDialog(ModalScreen[str | None]):
    """A list to choose one name from.

    Args:
        title: what is chosen.
        choices: names with descriptions.
        present: the current one.
    """

    BINDINGS: ClassVar[list[BindingType]] = [*_LEAVE, Binding("q", "app.quit", show=False), *_MOVE]

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
            yield Static("Enter select · Esc cancel", classes="dialog-note", markup=False)

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

    BINDINGS: ClassVar[list[BindingType]] = [*_LEAVE, Binding("enter,space,q", "leave", show=False)]

    def __init__(self, what: str, sentence: str) -> None:
        super().__init__()
        self._what = what
        self._sentence = sentence

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog -failure"):
            yield Static(Text(f"{self._what[:1].upper()}{self._what[1:]} failed", style="bold"))
            with VerticalScroll(classes="dialog-text"):
                yield Static(plain(self._sentence), id="failure-sentence", markup=False)
            yield Static("Esc close · details in the log", classes="dialog-note", markup=False)

    def action_leave(self) -> None:
        self.dismiss(None)


class HelpScreen(ModalScreen[None]):
    """Help on the focused pane, and all keys.

    Args:
        title: of the pane.
        text: Markdown about it.
        keys: keys with descriptions.
    """

    BINDINGS: ClassVar[list[BindingType]] = [*_LEAVE, Binding("f1,question_mark,q", "leave", show=False), *_MOVE]

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
