"""What whole processes take: peak memory of a run, and the time to the first answer of the command line."""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from tests.enlarged_faces import enlarge_faces

LAB_IMAGES = 11_547
BDTUI = (sys.executable, "-m", "bdtui.tui")


@dataclass(frozen=True)
class Batch:
    """A run of ``bdtui --batch``.

    Attributes:
        images: of both validation sets together.
        activation_memory: MiB, as asked for; None for the default.
        seconds: from start to end of the process.
        peak: bytes of memory that the process had at most.
    """

    images: int
    activation_memory: int | None
    seconds: float
    peak: int


def enlarged_sets(folder: Path, times: int = 1) -> dict[str, Path]:
    """The lab's faces, clean and with sunglasses, enlarged to a multiple of the size of its validation sets."""
    lab = Path(os.environ["BDTUI_LAB_DIR"])
    sets = {}
    for seed, (role, name) in enumerate({"clean_valid": "faces_clean", "poisoned_valid": "faces_sunglasses"}.items()):
        sets[role] = folder / f"{name}-{times}.h5"
        if not sets[role].exists():
            enlarge_faces(lab / f"{name}.h5", sets[role], times * LAB_IMAGES, seed)
    return sets


def measure_batch(folder: Path, times: int, activation_memory: int | None = None) -> Batch:
    """Run the whole job in a process of its own, a second time so that files are in the system's cache."""
    sets = enlarged_sets(folder, times)
    weights = Path(os.environ["BDTUI_LAB_DIR"]) / "bd_weights.h5"
    command = [*BDTUI, "--batch", "--architecture", "deepid", "--weights", str(weights)]
    command += ["--clean-valid", str(sets["clean_valid"]), "--poisoned-valid", str(sets["poisoned_valid"])]
    command += [] if activation_memory is None else ["--activation-memory", str(activation_memory)]
    seconds, peak = 0.0, 0
    for attempt in range(2):
        out = folder / f"out-{times}-{activation_memory}-{attempt}"
        began = time.perf_counter()
        process = subprocess.Popen([*command, "--out", str(out)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        seconds, peak = time.perf_counter() - began, _bytes(usage)
        if status:
            raise RuntimeError(f"{command} ended with {status}")
    return Batch(2 * times * LAB_IMAGES, activation_memory, seconds, peak)


def start_seconds() -> float:
    """Median seconds that ``--help`` or ``--version`` take, whichever is slower."""
    medians = []
    for option in ("--help", "--version"):
        seconds = []
        for _ in range(5):
            began = time.perf_counter()
            subprocess.run([*BDTUI, option], stdout=subprocess.DEVNULL, check=True)
            seconds.append(time.perf_counter() - began)
        medians.append(statistics.median(seconds))
    return max(medians)


def _bytes(usage: resource.struct_rusage) -> int:
    return usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
