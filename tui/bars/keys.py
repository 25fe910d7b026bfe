"""The lines above and below the panes: what is open and on what it runs, what is being done, where pruning stands."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path

from rich.progress_bar import ProgressBar
from rich.style import Style
from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.events import Click
from textual.widgets import Static

from bdtui.engine import events
from bdtui.engine.events import Event
from bdtui.tui.actions import ACTIONS, Action, first_key
from bdtui.tui.terminal.memory_meter import GpuMeter, process_memory
from bdtui.tui.wording import plain, sentence, status_line

_MEMORY_SECONDS = 2.0
_WORTH_KEEPING = (
    events.Notice,
    events.ThresholdReached,
    events.WorkStopped,
    events.WorkFailed,
    events.RunFinished,
)
"""What stays on the screen until something else happens."""


class HeaderBar(Static):
    """Name of the model, layer, device and memory."""

    def __init__(self, id: str) -> None:
        super().__init__(id=id, markup=False)
        self._model = ""
        self._layer = ""
        self._ranking = ""
        self._device = ""
        self._memory = ""
        self._gpu: GpuMeter | None = None

    def on_mount(self) -> None:
        """Look at the memory now and then."""
        self.set_interval(_MEMORY_SECONDS, self._look_at_memory)
        self.set_timer(0.5, self._look_at_memory)
        self._draw()

    def show(self, event: Event) -> None:
        """Note what is open and what computes."""
        match event:
            case events.EngineReady():
                self._device = event.device
                kind, _, number = event.device.partition(" ")
                if kind == "GPU":
                    self._gpu = GpuMeter(int(number))
            case events.ModelOpened():
                self._model, self._layer, self._ranking = Path(event.path).name, "", ""
            case events.NothingOpen():
                self._model = self._layer = self._ranking = ""
            case events.LayerChosen():
                self._layer = f"{event.pruned} · {event.channels} channels"
            case events.ChannelsProfiled():
                self._ranking = f"by {event.ranking}"
            case _:
                return
        self._draw()

    def _look_at_memory(self) -> None:
        gpu = self._gpu.memory() if self._gpu else None
        self._memory = f"GPU memory {gpu} · memory {process_memory()}" if gpu else f"memory {process_memory()}"
        self._draw()

    def _draw(self) -> None:
        left = " · ".join(plain(part) for part in ("bdtui", self._model, self._layer, self._ranking) if part)
        right = " · ".join(part for part in (self._device, self._memory) if part)
        width = self.content_size.width
        room = width - len(right) - 2
        left = left if len(left) <= room else left[: max(0, room - 1)] + "…"
        line = f"{left}{right:>{max(1, width - len(left))}}"
        self.update(Text(line, no_wrap=True), layout=False)

    def on_resize(self) -> None:
        """Use the new width."""
        self._draw()


class ActivityBar(Horizontal):
    """What is running, how fast, and how long it will take; between times the last thing worth knowing.

    Args:
        id: of the widget.
        stop_key: the key that stops the work; empty where there is none.
    """

    def __init__(self, id: str, stop_key: str) -> None:
        super().__init__(id=id)
        self._stop_key = stop_key
        self._what = ""
        self._stage = ""
        self._began = 0.0
        self._done_before = 0
        self._kept = ""
        self._channels = 0

    def compose(self) -> ComposeResult:
        """A text and a bar."""
        yield Static("", id="activity-text", markup=False)
        bar = Static("", id="activity-bar")
        bar.display = False
        yield bar

    def show(self, event: Event) -> None:
        """Follow the work."""
        match event:
            case events.LayerChosen():
                self._channels = event.channels
            case events.WorkStarted():
                self._what, self._stage, self._kept = event.what, "", ""
                self._say(f"{event.what} …")
            case events.Progress():
                self._advance(event.stage, event.done, event.total, event.unit)
            case events.StepFinished():
                self._advance("curve", event.step, self._channels or None, "steps")
            case events.WorkEnded():
                self.query_one("#activity-bar").display = False
                self._say(self._kept)
        if isinstance(event, _WORTH_KEEPING):
            self._kept = sentence(event, self._channels) or ""
            self._say(self._kept)

    def _advance(self, stage: str, done: int, total: int | None, unit: str) -> None:
        now = time.monotonic()
        if stage != self._stage:
            self._stage, self._began, self._done_before = stage, now, done
        passed = now - self._began
        # What was done when the clock was started took no part of the time since.
        rate = (done - self._done_before) / passed if passed > 0.2 and done > self._done_before else None
        words = [f"{self._what}: {stage}", f"{done:,}/{total:,} {unit}" if total else f"{done:,} {unit}"]
        if rate:
            words.append(f"{rate:,.0f} {unit}/s" if rate >= 10 else f"{rate:.1f} {unit}/s")
            if total and total > done:
                words.append(f"{_duration((total - done) / rate)} left")
        if self._stop_key:
            words.append(f"{self._stop_key} stops")
        self._say(" · ".join(words))
        bar = self.query_one("#activity-bar", Static)
        bar.display = bool(total)
        if total:
            bar.update(ProgressBar(total=total, completed=done), layout=False)

    def _say(self, text: str) -> None:
        line = Text(plain(text), no_wrap=True, overflow="ellipsis")
        self.query_one("#activity-text", Static).update(line, layout=False)


class StatusBar(Static):
    """Where pruning stands, in the words scripts and people know."""

    def __init__(self, id: str) -> None:
        super().__init__(id=id, markup=False)
        self._position: events.PositionReached | None = None
        self._wished: int | None = None
        self._count = ""

    @property
    def status(self) -> str:
        """E.g. ``step 3/60 · accuracy 98.65 % · ASR 100.00 %``; empty while nothing is open."""
        if self._position is None:
            return ""
        point = self._position.present
        return status_line(
            self._position.step, len(self._position.order), point.clean_accuracy, point.attack_success_rate
        )

    def show(self, event: Event) -> None:
        """Follow the position."""
        match event:
            case events.ModelOpened() | events.NothingOpen():
                self._position = self._wished = None
            case events.PositionWished():
                self._wished = event.step
            case events.PositionReached():
                self._position, self._wished = event, None
            case events.WorkEnded() if self._wished is not None:
                self._wished = None
            case _:
                return
        self._draw()

    def show_count(self, count: str) -> None:
        """The number that was typed in front of the next key."""
        self._count = count
        self._draw()

    def on_resize(self) -> None:
        """Use the new width."""
        self._draw()

    def _draw(self) -> None:
        # The status line stands alone at the left, as it is promised; what else there is to say stands at the right.
        left = self.status or "nothing is open"
        extras = []
        if self._wished is not None:
            extras.append(f"measuring step {self._wished}")
        if self._position:
            here = self._position.step
            reached = [f"X={state.drop:g}" for state in self._position.thresholds if (state.step or here + 1) <= here]
            extras += [f"reached {' '.join(reached)}"] if reached else []
        if self._count:
            extras.append(f"{self._count}×")
        right = " · ".join(extras)
        room = self.content_size.width - len(left)
        padded = f"{right:>{max(0, room)}}" if len(right) + 2 < room else ""
        self.update(Text.assemble((left, "bold"), padded, no_wrap=True), layout=False)


class KeyBar(Static):
    """The keys that matter most, each of them clickable.

    Textual's own footer is made of a widget for each key, all of them made anew whenever the focus changes.

    Args:
        keymap: keys that the person changed, by id of the action.
    """

    def __init__(self, id: str, keymap: Mapping[str, str]) -> None:
        super().__init__(id=id, markup=False)
        self._keymap = keymap

    def render(self) -> Text:
        """Called by Textual when the screen needs it."""
        colour = self.app.theme_variables.get("footer-key-foreground")
        line = Text(no_wrap=True, overflow="ellipsis")
        for key, action in self._shown():
            line.append(key, Style(bold=True, color=colour))
            line.append(f" {action.label} ")
        return line

    def on_click(self, event: Click) -> None:
        """Do what stands there."""
        end = 0
        for key, action in self._shown():
            end += len(f"{key} {action.label} ")
            if event.x - self.styles.padding.left < end:
                self.app.call_later(self.app.run_action, action.name)
                return

    def _shown(self) -> list[tuple[str, Action]]:
        shown = [action for action in ACTIONS if action.footer]
        return [(first_key(action.id, self._keymap), action) for action in shown]


def _duration(seconds: float) -> str:
    whole = round(seconds)
    return (
        f"{whole // 3600}:{whole // 60 % 60:02}:{whole % 60:02}" if whole >= 3600 else f"{whole // 60}:{whole % 60:02}"
    )
