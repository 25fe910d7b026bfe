"""What runs in a worker: one cell after the other, all in one thread, since Keras keeps state by thread."""

from __future__ import annotations

import hashlib
import logging
import os
import shutil
import time
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from bdtui.engine.errors import BdtuiError, DeviceLost, FolderInUse, Interrupted
from bdtui.engine.event_values import DONE, CellRow
from bdtui.engine.events import Event, Progress, RepairMeasured, StepFinished
from bdtui.engine.machine.library_words import plain_detail
from bdtui.engine.reporter import Emit, Reporter
from bdtui.engine.reports.record import RunRecord
from bdtui.engine.runs.folder import hold_folder
from bdtui.engine.settings import RunSettings
from bdtui.engine.startup import load_tensorflow
from bdtui.engine.sweeps.cell import Cell
from bdtui.engine.sweeps.job import Job, Outcome, sees
from bdtui.engine.sweeps.rows import failed_row, row_of
from bdtui.engine.sweeps.run_cell import run_cell
from bdtui.engine.sweeps.shipping import cache_folder, unpacked

THREADS = ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")
"""What tells TensorFlow how many threads to compute with."""
STARTED, PROGRESS, WANTED = "started", "progress", "wanted"
"""What a worker reports of a cell: that it has begun, how far it is, which file it has not."""
_BEAT = 1.0
"""Seconds between two reports of progress."""
_PATIENCE = 120.0
"""Seconds to wait until a worker that was given up, and may still live, lets go of a cell's folder."""

log = logging.getLogger("bdtui")

_engine = ThreadPoolExecutor(1, thread_name_prefix="bdtui-engine")


def carry_out(job: Job) -> Outcome:
    """Do a job as a task of Dask; the folder it leaves is that of an ordinary run.

    Raises:
        Interrupted: nobody wants the cell any more: it was cancelled, or the client is gone.
    """
    from distributed import get_worker

    worker = get_worker()
    key = worker.get_current_task()
    for name in THREADS:
        # Before TensorFlow is imported; the workers of this machine have it in their environment.
        os.environ.setdefault(name, str(worker.state.nthreads))

    def is_unwanted() -> bool:
        task = worker.state.tasks.get(key)
        return task is None or task.state in ("cancelled", "resumed", "forgotten", "released")

    def send(kind: str, **more: Any) -> None:
        worker.log_event(job.topic, {"kind": kind, "cell": job.cell.name, "worker": worker.address, **more})

    return _engine.submit(do, job, send, is_unwanted).result()


def do(job: Job, send: Callable[..., None], is_unwanted: Callable[[], bool]) -> Outcome:
    """Do a job; what goes wrong with its model becomes the row of a failed cell.

    Args:
        job: to do.
        send: reports what happens.
        is_unwanted: whether to stop.

    Raises:
        Interrupted: as asked for.
    """
    send(STARTED)
    folder = job.folder if sees(job.folder.parent.parent, job.token) else _scratch(job)
    reporter = Reporter(_progress(send), is_unwanted)
    row = _row(job.cell, lambda: _run(job, folder, send, reporter))
    if folder == job.folder or row.state != DONE:
        return Outcome(row, {})
    files = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    shutil.rmtree(folder, ignore_errors=True)
    return Outcome(row, files)


def _row(cell: Cell, run: Callable[[], RunRecord]) -> CellRow:
    try:
        return row_of(cell, run())
    except DeviceLost:
        # Another process can go on: the nanny starts one, and Dask gives the cell to it or to another.
        log.error(traceback.format_exc())
        os._exit(1)
    except Interrupted:
        raise
    except BdtuiError as problem:
        return failed_row(cell, problem.problem)
    except Exception as problem:
        log.error("%s: internal error\n%s", cell.name, traceback.format_exc())
        return failed_row(cell, f"internal error ({type(problem).__name__}: {plain_detail(problem)}); please report it")


def _run(job: Job, folder: Path, send: Callable[..., None], reporter: Reporter) -> RunRecord:
    load_tensorflow()
    settings: RunSettings = job.cell.settings
    if job.shipments:
        settings = unpacked(settings, job.shipments, lambda sha256: send(WANTED, sha256=sha256), reporter)
    _forget_networks()
    _wait_for(folder, reporter)
    return run_cell(settings, folder, reporter)


def _forget_networks() -> None:
    """Let go of what the last cell has built."""
    import keras

    keras.utils.clear_session()


def _wait_for(folder: Path, reporter: Reporter) -> None:
    """Wait while another bdtui holds the folder; who still holds it after a while is named by the run itself."""
    until = time.monotonic() + _PATIENCE
    while folder.exists() and time.monotonic() < until:
        reporter.checkpoint()
        try:
            with hold_folder(folder):
                return
        except FolderInUse:
            time.sleep(0.5)


def _scratch(job: Job) -> Path:
    """A folder of this machine for a cell, the same when the cell is tried again."""
    sweep = hashlib.sha256(f"{job.folder.parent.parent}\n{job.token}".encode()).hexdigest()[:16]
    return cache_folder().with_name("cells") / sweep / job.cell.name


def _progress(send: Callable[..., None]) -> Emit:
    """Reports how far a run is, now and then."""
    last = 0.0

    def emit(event: Event) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last < _BEAT:
            return
        match event:
            case Progress():
                found: tuple[str, int, int | None, str] = (event.stage, event.done, event.total, event.unit)
            case StepFinished():
                found = ("curve", event.step, None, "steps")
            case RepairMeasured():
                found = (event.method, event.step, event.steps, "steps")
            case _:
                return
        last = now
        send(PROGRESS, progress=list(found))

    return emit
