"""Where cells run: worker processes of this machine, or a Dask cluster that is there already."""

from __future__ import annotations

import logging
import subprocess
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from bdtui.engine.errors import OptionError
from bdtui.engine.machine.ordered_threads import cores
from bdtui.engine.sweeps.on_worker import THREADS

if TYPE_CHECKING:
    from distributed import Client

_MEMORY = 2 * 2**30
"""Bytes of the machine's memory that a worker should find."""
_ANSWER = 30.0
"""Seconds that a scheduler has to answer."""
_UNWATCHED = {
    "distributed.worker.profile.enabled": False,
    "distributed.admin.tick.interval": "1s",
    "distributed.admin.system-monitor.interval": "5s",
    "distributed.admin.system-monitor.gil.enabled": False,
}
"""Dask watches itself a hundred times a second, for a dashboard that nobody sees here: a tenth of a worker's time."""


def require_dask() -> None:
    """Raise `OptionError` where what sweeps need is not installed; imports nothing of it."""
    missing = next((name for name in ("distributed", "cryptography", "pyarrow") if find_spec(name) is None), None)
    if missing:
        raise OptionError(
            f"a sweep needs {missing}, which is not installed; install it with pip install 'bdtui[sweep]'"
        )


def default_workers(gpus: int) -> int:
    """How many worker processes this machine has room for: one a GPU, or else one a core as far as memory goes."""
    return gpus or max(1, min(cores(), psutil.virtual_memory().total // _MEMORY))


def gpu_names() -> list[str]:
    """What ``CUDA_VISIBLE_DEVICES`` calls the GPUs of this machine; empty where there are none.

    nvidia-smi is asked, since TensorFlow would take hold of them.
    """
    try:
        command = ["nvidia-smi", "--query-gpu=uuid", "--format=csv,noheader"]
        found = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return []
    return [line.strip() for line in found.splitlines() if line.strip()]


def worker_environment(threads: int, gpu: str | None) -> dict[str, str]:
    """What a worker process finds in its environment before it imports TensorFlow.

    Args:
        threads: that TensorFlow computes an operation with.
        gpu: the one it sees; None for none.
    """
    count = str(threads)
    return {
        **dict.fromkeys((*THREADS, "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), count),
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "CUDA_VISIBLE_DEVICES": "-1" if gpu is None else gpu,
    }


def threads_of_each(workers: int) -> int:
    """Threads for TensorFlow in each of so many workers: an equal share of this machine's cores, at least one."""
    return max(1, cores() // workers)


@contextmanager
def local_cluster(workers: int | None = None, *, use_gpus: bool = True) -> Iterator[Client]:
    """A client of a cluster of worker processes on this machine that ends with the context.

    Args:
        workers: how many; None for as many as there is room for.
        use_gpus: whether to give each a GPU, where there are any.
    """
    with _quiet():
        import dask
        from distributed import Client, Nanny, Scheduler, Security, SpecCluster

        gpus = gpu_names() if use_gpus else []
        number = workers or default_workers(len(gpus))
        threads = threads_of_each(number)
        # Certificates for this cluster alone: whoever reaches a scheduler can run code, and a machine may have other users.
        security = Security.temporary()
        own: dict[str, Any] = {"host": "127.0.0.1", "dashboard_address": None, "security": security}
        specification = {
            place: {
                "cls": Nanny,
                "options": {
                    **own,
                    "nthreads": 1,
                    # A run looks after its memory itself.
                    "memory_limit": 0,
                    "env": worker_environment(threads, gpus[place % len(gpus)] if gpus else None),
                    "silence_logs": logging.CRITICAL,
                },
            }
            for place in range(number)
        }
        scheduler = {"cls": Scheduler, "options": {**own, "port": 0, "dashboard": False}}
        logs = {"silence_logs": logging.CRITICAL}
        with (
            dask.config.set(_UNWATCHED),
            SpecCluster(scheduler=scheduler, workers=specification, security=security, **logs) as cluster,
            Client(cluster, set_as_default=False) as client,
        ):
            yield client


@contextmanager
def running_cluster(address: str) -> Iterator[Client]:
    """A client of a cluster that is there already, and stays.

    Args:
        address: of its scheduler, e.g. ``tcp://10.0.0.1:8786``, or the path of its scheduler file.

    Raises:
        OptionError: no scheduler answers there.
    """
    with _quiet():
        from distributed import Client

        expected = "expected the address of a Dask scheduler, such as tcp://10.0.0.1:8786, or its scheduler file"
        place = {"scheduler_file": address} if Path(address).suffix == ".json" else {"address": address}
        if "scheduler_file" in place and not Path(address).is_file():
            raise OptionError(f"{address}: no such file; {expected}")
        try:
            client = Client(**place, timeout=_ANSWER, set_as_default=False)
        except (OSError, ValueError, TypeError, KeyError) as problem:
            raise OptionError(f"{address}: no scheduler answers; {expected}") from problem
        with client:
            yield client


@contextmanager
def _quiet() -> Iterator[None]:
    """Let Dask say nothing of its own: what a person needs to know comes as events."""
    names = ("distributed", "tornado", "asyncio")
    before = {name: logging.getLogger(name).level for name in names}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in names:
            logging.getLogger(name).setLevel(logging.CRITICAL)
        try:
            yield
        finally:
            for name, level in before.items():
                logging.getLogger(name).setLevel(level)
