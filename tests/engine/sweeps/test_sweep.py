"""A sweep on real worker processes: one is killed, the client is killed, and nothing that was finished is lost."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import psutil
import pytest

from bdtui.engine import events
from bdtui.engine.errors import FolderInUse
from bdtui.engine.event_values import DONE, FAILED, CellRow
from bdtui.engine.events import Event
from bdtui.engine.reporter import Reporter
from bdtui.engine.runs.folder import hold_folder
from bdtui.engine.sweeps.plan import SweepPlan, read_plan
from bdtui.engine.sweeps.settings import SweepOptions
from bdtui.engine.sweeps.sweep import execute_sweep
from tests.engine.sweeps.zoo import PLAN, content_of_run, make_zoo, run_alone

pytestmark = pytest.mark.slow

# A repair takes seconds, in which a worker can be killed that has saved its pruned networks already.
SLOW = PLAN + 'repair = "fine-tuning"\n'
SAVED = "goodnet_X=10.keras"
WORKERS = 2


@dataclass(frozen=True)
class Swept:
    """A sweep whose client was killed, and then a worker when the sweep was resumed.

    Attributes:
        first: the cell that was finished before the client was killed; `first_kept` says when its results were written.
        killed: the cell whose worker was killed; `killed_kept` says when its network was saved, before that.
        workers: the processes in which it began, in order.
    """

    folder: Path
    plan: SweepPlan
    rows: tuple[CellRow, ...]
    emitted: list[Event]
    first: str
    first_kept: int
    killed: str
    killed_kept: int
    workers: list[int]


def wait_for(holds: Callable[[], object], what: str) -> None:
    end = time.monotonic() + 120
    while not holds():
        assert time.monotonic() < end, f"{what} never came"
        time.sleep(0.02)


def is_free(folder: Path) -> bool:
    try:
        with hold_folder(folder):
            return True
    except FolderInUse:
        return False


def worker_at(address: str) -> int:
    """The process below this one that listens at an address."""
    port = int(address.rpartition(":")[2])
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):  # it has ended meanwhile
            if any(
                one.laddr and one.laddr.port == port and one.status == "LISTEN" for one in process.net_connections()
            ):
                return process.pid
    raise AssertionError(f"nobody listens at {address}")


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> Swept:
    folder = tmp_path_factory.mktemp("sweep")
    path = make_zoo(folder, models=2)
    path.write_text(SLOW)
    out = folder / "out"
    command = [sys.executable, "-m", "bdtui.tui", "--batch", "--sweep", str(path), "--out", str(out)]
    command += ["--workers", str(WORKERS)]
    client = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for(lambda: [*out.glob("cells/*/results.json")], "the first cell")
    finally:
        client.kill()
        client.wait()
    first, *others = sorted(out.glob("cells/*/results.json"), key=lambda results: results.stat().st_mtime_ns)
    for results in (first, *others):
        # Else the worker of the client that was killed, in its last moment, holds the cell that the next client finds.
        wait_for(partial(is_free, results.parent), "the end of its worker")
    for results in others:
        # Both were done before the client was killed: as if it had been sooner.
        shutil.rmtree(results.parent)
    first_kept = first.stat().st_mtime_ns
    emitted: list[Event] = []
    killed: list[tuple[str, int]] = []
    workers: dict[str, list[int]] = {}

    def kill_once(event: Event) -> None:
        emitted.append(event)
        if isinstance(event, events.CellStarted) and "broken" not in event.cell:
            workers.setdefault(event.cell, []).append(worker_at(event.worker))
        if not killed and isinstance(event, events.CellStarted) and "broken" not in event.cell:
            saved = out / "cells" / event.cell / SAVED
            wait_for(saved.exists, "a saved network")
            killed.append((event.cell, saved.stat().st_mtime_ns))
            os.kill(workers[event.cell][-1], signal.SIGKILL)

    plan = read_plan(path)
    result = execute_sweep(plan, out, SweepOptions(workers=WORKERS, resume=True), Reporter(kill_once))
    return Swept(folder, plan, result.rows, emitted, first.parent.name, first_kept, *killed[0], workers[killed[0][0]])


def test_every_cell_has_its_row_and_the_bad_model_ends_nothing(swept: Swept) -> None:
    assert [row.cell for row in swept.rows] == [cell.name for cell in swept.plan.cells]
    states = {row.model: row.state for row in swept.rows}
    assert states == {"zoo/broken.keras": FAILED, **{f"zoo/net-{number}.keras": DONE for number in range(2)}}
    (failed,) = (row for row in swept.rows if row.state == FAILED)
    assert "is a text file" in failed.error
    assert not (swept.folder / "out" / "cells" / failed.cell).exists(), "a cell without results leaves no folder"


def test_what_a_killed_client_had_finished_is_not_done_again(swept: Swept) -> None:
    results = swept.folder / "out" / "cells" / swept.first / "results.json"
    assert results.stat().st_mtime_ns == swept.first_kept
    (finished,) = (one for one in swept.emitted if isinstance(one, events.CellFinished) and one.row.cell == swept.first)
    assert finished.was_done


def test_the_cell_of_a_killed_worker_goes_on_where_it_was(swept: Swept) -> None:
    # By their processes: a worker may listen at the port of the one that was killed.
    assert len(swept.workers) == 2
    assert swept.workers[0] != swept.workers[1]
    saved = swept.folder / "out" / "cells" / swept.killed / SAVED
    assert saved.stat().st_mtime_ns == swept.killed_kept, "what was saved before the kill is kept"
    told = [one.text for one in swept.emitted if isinstance(one, events.Notice) and "worker was lost" in one.text]
    assert len(told) == 1
    assert told[0].startswith(swept.killed)


def test_every_cell_equals_the_same_run_alone(swept: Swept, tmp_path: Path) -> None:
    """Of the cell that was interrupted, which has the most reasons to differ."""
    cell = next(cell for cell in swept.plan.cells if cell.name == swept.killed)
    model, images = cell.settings.model, cell.settings.clean_valid
    assert model is not None
    repair = ("--repair", "fine-tuning")
    run_alone(model, tmp_path / "alone", "--clean-valid", str(images), *repair, workers=WORKERS)
    assert content_of_run(swept.folder / "out" / "cells" / cell.name) == content_of_run(tmp_path / "alone")


def test_a_complete_sweep_is_resumed_without_a_worker(swept: Swept) -> None:
    """But for the model that is none: it may have been mended."""
    (swept.folder / "zoo" / "broken.keras").rename(swept.folder / "broken")
    try:
        plan = read_plan(swept.folder / "zoo.toml")
        emitted: list[Event] = []
        rows = execute_sweep(plan, swept.folder / "out", SweepOptions(resume=True), Reporter(emitted.append)).rows
    finally:
        (swept.folder / "broken").rename(swept.folder / "zoo" / "broken.keras")
    assert [row for row in swept.rows if row.state == DONE] == list(rows)
    assert not any(isinstance(event, events.WorkerJoined) for event in emitted)
