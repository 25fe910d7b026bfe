"""The activity line below the panes: the running work, its speed and the time left."""

from __future__ import annotations

import time
from collections.abc import Mapping

from rich.progress_bar import ProgressBar
from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.widgets import Static

from bdtui.engine import events
from bdtui.engine.events import Event
from bdtui.tui.actions import first_key
from bdtui.tui.wording import plain, sentence


class ActivityBar(Horizontal):
    """The running work with speed and time left; when idle, the last lasting message.

    Args:
        id: of the widget.
        keymap: keys from the configuration file, by `Action.id`.
    """

    def __init__(self, id: str, keymap: Mapping[str, str]) -> None:
        super().__init__(id=id)
        self.show_keys(keymap)
        self._what = ""
        self._stage = ""
        self._began = 0.0
        self._done_before = 0
        self._last_message = ""
        self._verdict = ""
        self._yields = True
        self._channels = 0

    def compose(self) -> ComposeResult:
        yield Static("", id="activity-text", markup=False)
        bar = Static("", id="activity-bar")
        bar.display = False
        yield bar

    def show_keys(self, keymap: Mapping[str, str]) -> None:
        """The key that stops the work is named with it; for the next line."""
        self._stop_key = first_key("stop", keymap)

    def show(self, event: Event) -> None:
        match event:
            case events.LayerChosen():
                self._channels = event.channels
            case events.WorkStarted():
                self._what, self._stage, self._last_message, self._yields = event.what, "", "", True
                self._set_text(f"{event.what} …")
            case events.Progress():
                self._advance(event.stage, event.done, event.total, event.unit)
            case events.StepFinished():
                self._advance("curve", event.step, self._channels or None, "steps")
            case events.WorkEnded():
                self.query_one("#activity-bar").display = False
                self._set_text(self._last_message)
        if _lasts(event):
            # The status line names reached thresholds as well.
            self._yields = isinstance(event, events.ThresholdReached)
            self.show_message(sentence(event, self._channels) or "")

    def show_message(self, text: str) -> None:
        """Show a text until other work starts."""
        self._last_message = text
        self._set_text(text)

    def show_verdict(self, text: str) -> None:
        """Show a verdict until other work starts or it is shown elsewhere; not in place of what is read nowhere else."""
        if self._yields:
            self._verdict = text
            self.show_message(text)

    def leave_out_verdict(self) -> None:
        """Show it no longer: it is in view elsewhere."""
        if self._verdict and self._last_message == self._verdict:
            self.show_message("")

    def _advance(self, stage: str, done: int, total: int | None, unit: str) -> None:
        now = time.monotonic()
        if stage != self._stage:
            self._stage, self._began, self._done_before = stage, now, done
        passed = now - self._began
        # Only what was done since the clock started.
        rate = (done - self._done_before) / passed if passed > 0.2 and done > self._done_before else None
        words = [f"{self._what}: {stage}", f"{done:,}/{total:,} {unit}" if total else f"{done:,} {unit}"]
        if rate:
            words.append(f"{rate:,.0f} {unit}/s" if rate >= 10 else f"{rate:.1f} {unit}/s")
            if total and total > done:
                words.append(f"{_duration((total - done) / rate)} left")
        if self._stop_key:
            words.append(f"{self._stop_key} stops")
        self._set_text(" · ".join(words))
        bar = self.query_one("#activity-bar", Static)
        bar.display = bool(total)
        if total:
            bar.update(ProgressBar(total=total, completed=done), layout=False)

    def _set_text(self, text: str) -> None:
        """Show a text in one line; a lasting one that is longer is wrapped, since it may say what to do."""
        long = text == self._last_message and len(text) > self.content_size.width > 0
        changed = long or self.has_class("-long")
        self.set_class(long, "-long")
        line = Text(plain(text), no_wrap=not long, overflow="fold" if long else "ellipsis")
        self.query_one("#activity-text", Static).update(line, layout=changed)


def _duration(seconds: float) -> str:
    whole = round(seconds)
    return (
        f"{whole // 3600}:{whole // 60 % 60:02}:{whole % 60:02}" if whole >= 3600 else f"{whole // 60}:{whole % 60:02}"
    )


def _lasts(event: Event) -> bool:
    """Whether the text of an event stays on the line until other work starts."""
    match event:
        case events.Notice() | events.ThresholdReached() | events.RunFinished():
            return True
        case events.WorkStopped() | events.WorkFailed() | events.OrderCompared() | events.ComparisonEnded():
            return True
    return False
