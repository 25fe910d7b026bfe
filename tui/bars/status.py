"""The status line: step, accuracy and ASR, and the thresholds reached."""

from __future__ import annotations

from rich.text import Text
from textual.widgets import Static

from bdtui.engine import events
from bdtui.engine.events import Event
from bdtui.tui.wording import status_line


class StatusBar(Static):
    """`bdtui.tui.wording.status_line` on the left; a step being measured, thresholds and a typed count on the right."""

    def __init__(self, id: str) -> None:
        super().__init__(id=id, markup=False)
        self.tooltip = "Channels pruned, and the rates that leaves on the validation images; y copies this line"
        self._position: events.PositionReached | None = None
        self._pending_step: int | None = None
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
        match event:
            case events.ModelOpened() | events.NothingOpen():
                self._position = self._pending_step = None
            case events.PositionWished():
                self._pending_step = event.step
            case events.PositionReached():
                self._position, self._pending_step = event, None
            case events.WorkEnded() if self._pending_step is not None:
                self._pending_step = None
            case _:
                return
        self._draw()

    def show_count(self, count: str) -> None:
        """Show the count typed so far; empty for none."""
        self._count = count
        self._draw()

    def on_resize(self) -> None:
        self._draw()

    def _draw(self) -> None:
        left = self.status or "nothing is open"
        extras = []
        if self._position:
            here = self._position.step
            reached = [f"X={state.drop:g}" for state in self._position.thresholds if (state.step or here + 1) <= here]
            extras += [f"reached {' '.join(reached)}"] if reached else []
        if self._pending_step is not None:
            extras.append(f"measuring step {self._pending_step}")
        if self._count:
            extras.append(f"{self._count}×")
        room = self.content_size.width - len(left)
        # Where there is room for some of them only, what was typed last matters most.
        while extras and len(" · ".join(extras)) + 2 > room:
            extras.pop(0)
        right = " · ".join(extras)
        padded = f"{right:>{max(0, room)}}"
        self.update(Text.assemble((left, "bold"), padded, no_wrap=True), layout=False)
