"""What the header tells of the machine."""

from __future__ import annotations

import sys
import time
from types import SimpleNamespace

import pytest

from bdtui.engine import events
from bdtui.tui.bars.header import HeaderBar
from bdtui.tui.terminal.memory_meter import GpuMeter, GpuUse, MemoryUse, driver_name
from tests.tui.fake_engine import FakeApp, World, opened, until

GIB = 2**30


class DriverError(Exception):
    """What the driver's library raises."""


def driver(load: int | None, name: object = "NVIDIA H100 80GB HBM3") -> SimpleNamespace:
    """In place of the driver's library: one GPU, number 0."""

    def utilization(handle: object) -> SimpleNamespace:
        if load is None:
            raise DriverError("not supported")
        return SimpleNamespace(gpu=load, memory=3)

    return SimpleNamespace(
        NVMLError=DriverError,
        nvmlInit=lambda: None,
        nvmlDeviceGetHandleByIndex=lambda index: {0: "handle"}[index],
        nvmlDeviceGetName=lambda handle: name,
        nvmlDeviceGetMemoryInfo=lambda handle: SimpleNamespace(used=3 * GIB, total=80 * GIB),
        nvmlDeviceGetUtilizationRates=utilization,
    )


def read(meter: GpuMeter) -> GpuUse | None:
    """What the meter says, once its thread has ended or found a GPU."""
    end = time.monotonic() + 60
    while meter.use() is None and time.monotonic() < end:
        time.sleep(0.01)
    return meter.use()


@pytest.mark.parametrize("name", ["NVIDIA H100 80GB HBM3", b"NVIDIA H100 80GB HBM3"], ids=["text", "bytes"])
@pytest.mark.parametrize("load", [0, 37, None])
def test_name_load_and_memory_are_what_the_driver_says(
    monkeypatch: pytest.MonkeyPatch, load: int | None, name: object
) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", driver(load, name))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert read(GpuMeter(0)) == GpuUse("H100 80GB HBM3", load, MemoryUse(3 * GIB, 80 * GIB))


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("width", "shown", "left_out"),
    [
        (200, "GPU 0 · H100 80GB HBM3 · 37 % busy · GPU memory 3.0/80 GiB · memory", "…"),
        (120, "GPU 0 · 37 % busy · GPU memory 3.0/80 GiB · memory", "H100"),
        (80, "GPU 0 · 37 % busy", "H100"),
    ],
)
async def test_the_header_shows_the_gpu_as_far_as_there_is_room(
    monkeypatch: pytest.MonkeyPatch, nobodys_home: object, width: int, shown: str, left_out: str
) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", driver(37))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    app = FakeApp(world=World(device="GPU 0"))
    async with opened(app, (width, 50)) as pilot:
        await until(pilot, lambda: shown in app.text.split("\n")[0])
        assert left_out not in app.text.split("\n")[0]
        assert "H100 80GB HBM3" in str(app.query_one(HeaderBar).tooltip)
        app.engine.say(events.EngineReady("2.21.0", "3.12.0", "CPU"))
        await until(pilot, lambda: "GPU" not in app.text.split("\n")[0])


@pytest.mark.parametrize(
    ("index", "visible", "name"),
    [(1, None, 1), (0, "3", 3), (1, "2, 5", 5), (0, "", 0), (0, "GPU-8932f937,1", "GPU-8932f937"), (2, "0,1", 2)],
)
def test_the_driver_counts_gpus_that_tensorflow_was_not_shown(index: int, visible: str | None, name: object) -> None:
    assert driver_name(index, visible) == name
