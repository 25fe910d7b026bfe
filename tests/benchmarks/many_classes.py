"""What an examination of a hundred classes takes: ``make many-classes``.

    python -m tests.benchmarks.many_classes [--classes N] [--side PIXELS]

An untrained network of the zoo's kind, since what it answers is no matter here. Prints the line in docs/detection.md:
seconds, memory, and the longest time in which nobody asked whether to stop.
"""

from __future__ import annotations

import argparse
import resource
import time
from collections.abc import Sequence

import numpy as np

from bdtui.engine.detect.examination import Examination
from bdtui.engine.detect.pixel_range import CleanPictures
from bdtui.engine.events import Event, Progress
from bdtui.engine.reporter import Reporter
from tests.benchmarks.zoo.bodies import build_net


class Waits:
    """How long it takes from one question whether to stop to the next."""

    def __init__(self) -> None:
        self._last = time.monotonic()
        self.found: list[float] = []

    def ask(self) -> bool:
        """Count, and never stop."""
        now = time.monotonic()
        self.found.append(now - self._last)
        self._last = now
        return False


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the line."""
    asked = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    asked.add_argument("--classes", type=int, default=100, metavar="N")
    asked.add_argument("--side", type=int, default=64, metavar="PIXELS")
    options = asked.parse_args(arguments)
    model = build_net("batchnorm", (options.side, options.side, 3), options.classes)
    random = np.random.default_rng(0)
    pixels = random.random((1_000, options.side, options.side, 3), np.float32)
    clean = CleanPictures.of_arrays(pixels, random.integers(0, options.classes, 1_000), 0.0, 1.0)
    before, waits, events = _megabytes(), Waits(), list[Event]()
    examined = Examination(model, clean)
    examined.run(reporter=Reporter(events.append, waits.ask))
    shown = sum(isinstance(event, Progress) for event in events)
    print("| classes | pixels | seconds | MB above what the pictures take | longest wait for a stop | progress shown |")
    print("| ---: | ---: | ---: | ---: | ---: | ---: |")
    print(
        f"| {options.classes} | {options.side} × {options.side} | {examined.seconds:.0f} | {_megabytes() - before:,.0f} "
        f"| {max(waits.found):.1f} s, median {1000 * np.median(waits.found):.0f} ms | {shown} times |"
    )


def _megabytes() -> float:
    """The most that this process has held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
