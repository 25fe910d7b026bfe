"""The header line: what is open, the device with its load, and memory."""

from __future__ import annotations

from pathlib import Path

from rich.text import Text
from textual.widgets import Static

from bdtui.engine import events
from bdtui.engine.events import Event
from bdtui.tui.terminal.memory_meter import GpuMeter, GpuUse, process_memory
from bdtui.tui.wording import plain

_MEMORY_SECONDS = 2.0
_LONGEST_MODEL = 24
_LEAST_NEEDED_FIRST = ("channels", "app", "GPU", "ranking", "memory", "GPU memory", "load", "device", "layer")


class HeaderBar(Static):
    """Model, layer, ranking, device and memory; parts that do not fit are left out whole, the least needed first."""

    def __init__(self, id: str) -> None:
        super().__init__(id=id, markup=False)
        self._model = ""
        self._layer = ""
        self._channels = ""
        self._ranking = ""
        self._device = ""
        self._memory = ""
        self._use: GpuUse | None = None
        self._gpu: GpuMeter | None = None

    def on_mount(self) -> None:
        self.set_interval(_MEMORY_SECONDS, self._read_memory)
        self.set_timer(0.5, self._read_memory)
        self._draw()

    def show(self, event: Event) -> None:
        match event:
            case events.EngineReady():
                self._device = event.device
                kind, _, number = event.device.partition(" ")
                self._gpu = GpuMeter(int(number)) if kind == "GPU" else None
                self._use = None
            case events.ModelOpened():
                self._model, self._layer, self._ranking = Path(event.path).name, "", ""
                self._channels = ""
            case events.NothingOpen():
                self._model = self._layer = self._channels = self._ranking = ""
            case events.LayerChosen():
                self._layer = event.profiled if event.where_read else event.pruned
                self._channels = f"{event.channels} channels"
            case events.ChannelsProfiled():
                self._ranking = f"by {event.ranking}"
            case _:
                return
        self._draw()

    def _read_memory(self) -> None:
        self._use = self._gpu.use() if self._gpu else None
        self._memory = f"memory {process_memory()}"
        self._draw()

    def _draw(self) -> None:
        width = self.content_size.width
        left = {
            "app": "bdtui",
            "model": self._model if len(self._model) <= _LONGEST_MODEL else self._model[: _LONGEST_MODEL - 1] + "…",
            "layer": self._layer,
            "channels": self._channels,
            "ranking": self._ranking,
        }
        use = self._use
        right = {
            "device": self._device,
            "GPU": plain(use.name) if use else "",
            "load": f"{use.load} % busy" if use and use.load is not None else "",
            "GPU memory": f"GPU memory {use.memory}" if use else "",
            "memory": self._memory,
        }
        self.tooltip = " · ".join(plain(part) for part in (*left.values(), *right.values()) if part)
        for least_needed in ("", *_LEAST_NEEDED_FIRST):
            left.pop(least_needed, None)
            right.pop(least_needed, None)
            before = " · ".join(plain(part) for part in left.values() if part)
            behind = " · ".join(part for part in right.values() if part)
            if len(before) + len(behind) + 2 <= width:
                break
        if len(before) > width:
            before = before[: max(0, width - 1)] + "…"
        self.update(Text(f"{before}{behind:>{max(0, width - len(before))}}", no_wrap=True), layout=False)

    def on_resize(self) -> None:
        self._draw()
