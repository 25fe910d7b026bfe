"""What a sweep costs beside the runs themselves: 64 small models, and 10,000 on paper.

`python -m tests.benchmarks.sweeps` measures on this machine, two workers against two processes that share the models
between them and know nothing of Dask; then a simulation scales what was measured to a cluster (docs/scale.md).
"""

from __future__ import annotations

import heapq
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bdtui.engine import events
from bdtui.engine.events import Event
from bdtui.engine.reporter import Reporter
from bdtui.engine.sweeps.cluster import threads_of_each, worker_environment
from bdtui.engine.sweeps.plan import read_plan
from bdtui.engine.sweeps.settings import SweepOptions
from bdtui.engine.sweeps.sweep import execute_sweep

MODELS = 64
WORKERS = 2
TARGET = "≥ 85 %"
_NOTHING_CELLS = 500
"""Cells that do nothing: what is left of their seconds is the scheduler's."""


@dataclass(frozen=True)
class SweepCost:
    """What was measured.

    Attributes:
        models: in the sweep.
        independent: seconds of two processes, each with half of the models and TensorFlow loaded once.
        sweep: seconds of the sweep on two workers, from the first line of the client to the tables.
        start: of these, until the first cell has begun.
        cells: seconds of each cell's run, as its results say.
        per_cell: seconds of scheduler and client for a cell that does nothing, one after the other on one worker.
        apart: seconds of the client for each of many cells in a row, which nothing else can overlap.
    """

    models: int
    independent: float
    sweep: float
    start: float
    cells: tuple[float, ...]
    per_cell: float
    apart: float

    @property
    def efficiency(self) -> float:
        """The share of the independent processes' speed that the sweep has, in percent."""
        return 100 * self.independent / self.sweep


def measure_sweep(folder: Path, models: int = MODELS) -> SweepCost:
    """Measure a sweep over small networks that only prunes: the shorter a cell, the more the scheduler weighs."""
    from tests.engine.sweeps.zoo import make_zoo

    path = make_zoo(folder, models)
    (folder / "zoo" / "broken.keras").unlink()
    independent = _independent(folder, models)
    began = time.perf_counter()
    starts: list[float] = []

    def note(event: Event) -> None:
        if isinstance(event, events.CellStarted) and not starts:
            starts.append(time.perf_counter() - began)

    plan = read_plan(path)
    result = execute_sweep(plan, folder / "out", SweepOptions(workers=WORKERS), Reporter(note))
    sweep = time.perf_counter() - began
    seconds = tuple(row.seconds or 0.0 for row in result.rows)
    began = time.perf_counter()
    execute_sweep(plan, folder / "out", SweepOptions(resume=True), Reporter())
    apart = (time.perf_counter() - began) / models
    return SweepCost(models, independent, sweep, starts[0], seconds, _empty_cells(), apart)


_HALF = """
import sys
from pathlib import Path
from bdtui.engine.startup import load_tensorflow
load_tensorflow()
from bdtui.engine.reporter import SILENT
from bdtui.engine.runs.run import execute_run
from bdtui.engine.settings import RunSettings
folder, numbers = Path(sys.argv[1]), sys.argv[2:]
for number in numbers:
    settings = RunSettings(model=folder / "zoo" / f"net-{number}.keras", clean_valid=folder / "valid.h5")
    execute_run(settings, folder / "apart" / number, reporter=SILENT)
"""


def _independent(folder: Path, models: int) -> float:
    """Seconds of two processes with half of the models each."""
    environment = os.environ | worker_environment(threads_of_each(WORKERS), None)
    began = time.perf_counter()
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", _HALF, str(folder), *map(str, range(half, models, WORKERS))],
            env=environment,
            stderr=subprocess.DEVNULL,
        )
        for half in range(WORKERS)
    ]
    if any(process.wait() for process in processes):
        raise RuntimeError("a run alone has failed")
    return time.perf_counter() - began


def _nothing(number: int) -> int:
    return number


def _empty_cells() -> float:
    """Seconds from giving a worker a task to having its answer, with a worker that does nothing with it."""
    from bdtui.engine.sweeps.cluster import local_cluster

    with local_cluster(1) as client:
        client.submit(_nothing, -1, pure=False).result()
        began = time.perf_counter()
        for number in range(_NOTHING_CELLS):
            client.submit(_nothing, number, pure=False).result()
        return (time.perf_counter() - began) / _NOTHING_CELLS


@dataclass(frozen=True)
class Scale:
    """A sweep on paper.

    Attributes:
        cells: how many.
        workers: one cell at a time each.
        seconds: from the first cell's start to the last one's end.
        busy: share of that time that workers compute, in percent.
        client: share of that time that the client and its scheduler work, in percent.
    """

    cells: int
    workers: int
    seconds: float
    busy: float
    client: float


def simulate(cells: int, workers: int, runs: Sequence[float], start: float, client: float, seed: int = 0) -> Scale:
    """Simulate a sweep: workers compute beside one another, the client serves them one after the other.

    Args:
        cells: how many.
        workers: that are there from the beginning.
        runs: seconds of measured cells; each cell takes one of them, drawn at random.
        start: seconds that a worker needs before its first cell.
        client: seconds of the client for a cell, from an answer to the next cell given, its row included.
        seed: of what is drawn.
    """
    lots = random.Random(seed)
    free_at = [(start, worker) for worker in range(workers)]
    heapq.heapify(free_at)
    client_free = computed = served = end = 0.0
    for _ in range(cells):
        ready, worker = heapq.heappop(free_at)
        client_free = max(client_free, ready) + client
        served += client
        run = lots.choice(runs)
        computed += run
        end = max(end, client_free + run)
        heapq.heappush(free_at, (client_free + run, worker))
    return Scale(cells, workers, end, 100 * computed / (workers * end), 100 * served / end)


def print_sweep(cost: SweepCost, console: Console) -> None:
    """Print what was measured, and what it comes to on a cluster."""
    mean = sum(cost.cells) / len(cost.cells)
    table = Table(title=f"a sweep over {cost.models} small models, {WORKERS} workers")
    for heading in ("what", "target", "measured"):
        table.add_column(heading)
    table.add_row("two independent processes", "", f"{cost.independent:.1f} s")
    table.add_row("the sweep", "", f"{cost.sweep:.1f} s, of these {cost.start:.1f} s until the first cell")
    table.add_row("efficiency", TARGET, f"{cost.efficiency:.0f} %")
    table.add_row("a cell's run", "", f"{mean:.2f} s on average")
    table.add_row("scheduler and client, a cell that does nothing", "", f"{1000 * cost.per_cell:.1f} ms")
    table.add_row("… a finished cell, resumed", "", f"{1000 * cost.apart:.1f} ms")
    console.print(table)
    table = Table(title="on paper: 10,000 models")
    for heading in ("a cell", "workers", "time", "workers busy", "client and scheduler busy"):
        table.add_column(heading, justify="right")
    for factor in (1, 10, 60):
        for workers in (100, 800, 3200):
            scale = simulate(10_000, workers, [factor * run for run in cost.cells], 10.0, cost.per_cell + cost.apart)
            shown = (f"{factor * mean:.1f} s", f"{workers}", f"{scale.seconds / 60:.1f} min")
            table.add_row(*shown, f"{scale.busy:.0f} %", f"{scale.client:.0f} %")
    console.print(table)


def main() -> None:
    """Measure, print, and keep the figures in sweeps.json."""
    with tempfile.TemporaryDirectory() as name:
        cost = measure_sweep(Path(name), int(sys.argv[1]) if len(sys.argv) > 1 else MODELS)
    print_sweep(cost, Console())
    Path("sweeps.json").write_text(json.dumps({**asdict(cost), "efficiency": cost.efficiency}, indent=1))


if __name__ == "__main__":
    main()
