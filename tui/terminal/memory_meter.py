"""Memory in use by this process, and name, load and memory of the GPU, for the header."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

_GIB = 2**30


@dataclass(frozen=True)
class MemoryUse:
    """Bytes in use and in total."""

    used: int
    total: int

    def __str__(self) -> str:
        return f"{self.used / _GIB:.1f}/{self.total / _GIB:.0f} GiB"


@dataclass(frozen=True)
class GpuUse:
    """What a GPU is and does.

    Attributes:
        name: of the product, e.g. ``H100 80GB HBM3``; empty where the driver does not tell.
        load: share of the last moments in which it computed, in percent; None where the driver does not tell.
        memory: in use by anybody, and in total.
    """

    name: str
    load: int | None
    memory: MemoryUse


def process_memory() -> MemoryUse:
    """Memory of this process, and the machine's total."""
    import psutil

    return MemoryUse(psutil.Process().memory_info().rss, psutil.virtual_memory().total)


class GpuMeter:
    """Reads name, load and memory of one GPU, if there is one.

    The driver's library may take long to load, so it is loaded in a thread.
    """

    def __init__(self, index: int) -> None:
        self._read: Callable[[], GpuUse] | None = None
        threading.Thread(target=self._connect, args=(index,), daemon=True).start()

    def use(self) -> GpuUse | None:
        """What the GPU does now; None while that is not known."""
        if self._read is None:
            return None
        with suppress(Exception):
            return self._read()
        return None

    def _connect(self, index: int) -> None:
        # Without a working driver the header leaves the GPU out.
        with suppress(Exception):
            import pynvml

            pynvml.nvmlInit()
            name = driver_name(index, os.environ.get("CUDA_VISIBLE_DEVICES"))
            if isinstance(name, int):
                handle = pynvml.nvmlDeviceGetHandleByIndex(name)
            else:
                handle = pynvml.nvmlDeviceGetHandleByUUID(name)

            product = ""
            with suppress(Exception):
                named = pynvml.nvmlDeviceGetName(handle)
                # Older versions of the library give bytes.
                product = named.decode(errors="replace") if isinstance(named, bytes) else str(named)

            def read() -> GpuUse:
                info = pynvml.nvmlDeviceGetMemoryInfo(handle)
                load = None
                # A part of a divided GPU has no load of its own.
                with suppress(Exception):
                    load = int(pynvml.nvmlDeviceGetUtilizationRates(handle).gpu)
                return GpuUse(product.removeprefix("NVIDIA "), load, MemoryUse(int(info.used), int(info.total)))

            self._read = read


def driver_name(index: int, visible: str | None) -> int | str:
    """The driver's name for TensorFlow's GPU number ``index``: a number, or an identifier such as ``GPU-8932f937``.

    Args:
        index: counted among the GPUs that TensorFlow sees.
        visible: the value of ``CUDA_VISIBLE_DEVICES``, which names those; None where it is not set.
    """
    names = [name.strip() for name in visible.split(",")] if visible else []
    name = names[index] if index < len(names) else str(index)
    return int(name) if name.isdecimal() else name
