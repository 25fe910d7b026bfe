"""The verdict pane: what is known of the network so far, and what follows from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from rich.table import Table
from rich.text import Text
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.widget import Widget
from textual.widgets import Static

from bdtui.engine import events
from bdtui.engine.event_values import (
    COMPARISON,
    DETECTION,
    FINDING,
    GOODNET_FATES,
    NEXT,
    RECOMMENDATION,
    REPAIRS,
    SURVIVAL,
    WARNING,
    Threshold,
    Verdict,
)
from bdtui.engine.events import Event
from bdtui.tui.actions import first_key
from bdtui.tui.panes.pane import Pane
from bdtui.tui.wording import percent_text, plain

NOTHING = "Open a model and images: what they say of a backdoor is told here."
_HEADINGS = {
    FINDING: "Finding",
    SURVIVAL: "Survival",
    RECOMMENDATION: "Use",
    NEXT: "Next",
    GOODNET_FATES: "GoodNet",
    REPAIRS: "Repairs",
    DETECTION: "Detection",
    COMPARISON: "Comparison",
    WARNING: "Warning",
}
"""The answer first, also where the rest has to be scrolled to."""
_COLOURS = {"measured": "bold red", "suspected": "bold yellow", "no sign": "bold green"}
_UNKNOWN = "not known yet"


class VerdictPane(Pane):
    """The sentences of the verdict under headings, and how the thresholds stand."""

    TITLE = "Verdict"
    HELP: ClassVar[str] = """\
What is known so far, in the words of the report.

- **Finding**: whether the poisoned images get the attacker's class, and which it is.
- **Survival**: the lowest ASR that pruning reached at a threshold, and whether the backdoor survives.
- **Use**: the network whose ASR is surely low and whose accuracy is still good, or none. Validation images alone decide.
- **Next**: what to do now.
- **Detection**: what speaks for a backdoor without poisoned images, and how often such a verdict is wrong.
- **GoodNet**: what becomes of poisoned and of clean images in it. **Warning**: why a number may say less than it seems to.
- **Thresholds**: the rates at each on the validation images, as far as they are reached.

The verdict follows every move; nothing has to be exported for it. `y` copies it.
"""

    def __init__(self, id: str, keymap: Mapping[str, str]) -> None:
        super().__init__(id=id)
        self._verdict: Verdict | None = None
        self._thresholds: tuple[Threshold, ...] = ()
        self._threshold_key = first_key("next_threshold", keymap)

    def show_keys(self, keymap: Mapping[str, str]) -> None:
        """Name the keys of another keymap."""
        self._threshold_key = first_key("next_threshold", keymap)
        self._draw()

    def compose(self) -> ComposeResult:
        with VerticalScroll(id="verdict-scroll"):
            yield Static(NOTHING, id="verdict-text", markup=False)

    def focus_target(self) -> Widget:
        return self.query_one(VerticalScroll)

    def show(self, event: Event) -> None:
        """Follow verdict and thresholds."""
        match event:
            case events.ModelOpened() | events.NothingOpen():
                self._verdict, self._thresholds = None, ()
            case events.VerdictReached():
                self._verdict = event.verdict
            case events.PositionReached() if event.thresholds != self._thresholds:
                self._thresholds = event.thresholds
            case _:
                return
        self._draw()

    def copied_text(self) -> str:
        return "\n".join(self._verdict.sentences) if self._verdict else ""

    def on_show(self) -> None:
        self._draw()

    def _draw(self) -> None:
        """Write the verdict anew, if anybody sees it: that lays out the whole screen."""
        if not all(getattr(node, "display", True) for node in self.ancestors_with_self):
            return
        text = self.query_one("#verdict-text", Static)
        text.update(NOTHING if self._verdict is None else _table(self._verdict, self._threshold_lines()))

    def _threshold_lines(self) -> Sequence[str]:
        lines = []
        for threshold in self._thresholds:
            if threshold.step is None:
                lines.append(f"X={threshold.drop:g}: not reached yet")
                continue
            rates = threshold.rates
            asr = "" if rates.attack is None else f", ASR {percent_text(rates.attack_success_rate)} %"
            lines.append(
                f"X={threshold.drop:g}: step {threshold.step}, accuracy {percent_text(rates.clean_accuracy)} %{asr}"
            )
        if any(threshold.step is not None for threshold in self._thresholds):
            lines.insert(0, "On the validation images:")
        if self._threshold_key and any(threshold.step is None for threshold in self._thresholds):
            lines.append(f"{self._threshold_key} prunes to the next")
        return lines


def _table(verdict: Verdict, thresholds: Sequence[str]) -> Table:
    table = Table.grid(padding=(0, 2, 0, 0), expand=True)
    table.add_column(no_wrap=True)
    table.add_column(ratio=1, overflow="fold")
    told = list(zip(verdict.kinds, verdict.sentences, strict=False))
    for kind, heading in _HEADINGS.items():
        sentences = [plain(text).removeprefix(f"{heading}: ") for each, text in told if each == kind]
        if not sentences and kind in (SURVIVAL, RECOMMENDATION) and verdict.backdoor == "measured":
            sentences = [_UNKNOWN]
        style = _COLOURS.get(verdict.backdoor, "bold") if kind == FINDING else "bold" if kind == NEXT else ""
        for number, sentence in enumerate(sentences):
            table.add_row(Text("" if number else heading, "dim"), Text(sentence, style))
    for number, line in enumerate(thresholds):
        table.add_row(Text("" if number else "Thresholds", "dim"), Text(line))
    return table
