"""Memory in use by this process and on the GPU, for the header."""

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


def process_memory() -> MemoryUse:
    """Memory of this process, and the machine's total."""
    import psutil

    return MemoryUse(psutil.Process().memory_info().rss, psutil.virtual_memory().total)


class GpuMeter:
    """Reads the memory of one GPU, if there is one.

    The driver's library may take long to load, so it is loaded in a thread.
    """

    def __init__(self, index: int) -> None:
        self._read: Callable[[], MemoryUse] | None = None
        threading.Thread(target=self._connect, args=(index,), daemon=True).start()

    def memory(self) -> MemoryUse | None:
        """Memory in use on the GPU; None while not known."""
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

            def read() -> MemoryUse:
                info = pynvml.nvmlDeviceGetMemoryInfo(handle)
                return MemoryUse(int(info.used), int(info.total))

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
