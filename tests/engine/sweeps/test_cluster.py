"""A sweep on a cluster that is there already, whose workers share no folder with the client, one of another version."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bdtui.engine import events
from bdtui.engine.errors import OptionError
from bdtui.engine.event_values import DONE
from bdtui.engine.events import Event
from bdtui.engine.reporter import SILENT, Reporter
from bdtui.engine.runs.manifest import check_manifest
from bdtui.engine.sweeps import cluster
from bdtui.engine.sweeps.cluster import threads_of_each, worker_environment
from bdtui.engine.sweeps.plan import read_plan
from bdtui.engine.sweeps.settings import SweepOptions
from bdtui.engine.sweeps.sweep import execute_sweep
from tests.engine.sweeps.zoo import make_zoo

HERE = Path("/proc/self/cwd")
"""Another folder for each process: what the client finds there, no worker does."""

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not HERE.exists(), reason="needs /proc")]


@pytest.fixture(scope="module")
def scheduler(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The scheduler file of a cluster: a worker as it should be, and one with another Keras, by what its packages say."""
    folder = tmp_path_factory.mktemp("elsewhere")
    other = folder / "packages" / "keras-0.dist-info"
    other.mkdir(parents=True)
    (other / "METADATA").write_text("Metadata-Version: 2.1\nName: keras\nVersion: 0\n")
    environment = os.environ | worker_environment(1, None) | {"XDG_CACHE_HOME": str(folder / "cache")}
    path = os.pathsep.join(filter(None, (str(other.parent), environment.get("PYTHONPATH"))))
    file = folder / "scheduler.json"
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": folder}

    def start(*arguments: str, **variables: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "dask", *arguments, "--scheduler-file", str(file), "--no-dashboard"]
        return subprocess.Popen(command, env=environment | variables, **quiet)  # type: ignore[call-overload,no-any-return]

    started = [start("scheduler", "--port", "0", "--host", "127.0.0.1")]
    try:
        end = time.monotonic() + 60
        while not file.exists():
            assert time.monotonic() < end, "the scheduler did not start"
            time.sleep(0.05)
        started.append(start("worker", "--nthreads", "1", "--no-nanny", "--name", "other", PYTHONPATH=path))
        started.append(start("worker", "--nthreads", "1", "--no-nanny", "--name", "right"))
        yield str(file)
    finally:
        for process in started:
            process.kill()
            process.wait()


def test_inputs_are_sent_results_come_back_and_a_worker_of_another_version_is_named(
    scheduler: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_zoo(tmp_path, models=1)
    (tmp_path / "zoo" / "broken.keras").unlink()
    monkeypatch.chdir(tmp_path)
    out, emitted = HERE / "out", list[Event]()

    plan = read_plan(HERE / "zoo.toml")
    result = execute_sweep(plan, out, SweepOptions(scheduler=scheduler, ship=True), Reporter(emitted.append))
    assert [row.state for row in result.rows] == [DONE]
    for row in result.rows:
        assert not check_manifest(tmp_path / "out" / "cells" / row.cell).problems
        assert (tmp_path / "out" / "cells" / row.cell / ".bdtui" / "journal.sqlite").exists()
    workers = {event.worker for event in emitted if isinstance(event, events.CellStarted)}
    joined = [event for event in emitted if isinstance(event, events.WorkerJoined)]
    assert [event.name for event in joined] == ["right"]
    assert workers == {joined[0].address}
    refused = [event.sentence for event in emitted if isinstance(event, events.WorkerRefused)]
    assert all("has keras 0 (here " in sentence for sentence in refused)


def test_workers_that_do_not_see_the_folder_are_refused_without_shipping(
    scheduler: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_zoo(tmp_path, models=1)
    monkeypatch.chdir(tmp_path)
    plan = read_plan(HERE / "zoo.toml")
    with pytest.raises(OptionError, match="no worker can be used"):
        execute_sweep(plan, HERE / "out", SweepOptions(scheduler=scheduler), SILENT)
    assert not (tmp_path / "out" / "sweep.csv").exists()


@pytest.mark.parametrize(("workers", "threads"), [(1, 8), (3, 2), (8, 1), (20, 1)])
def test_workers_share_the_cores(workers: int, threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "cores", lambda: 8)
    assert threads_of_each(workers) == threads


def test_no_scheduler_at_an_address_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bdtui.engine.sweeps.cluster._ANSWER", 0.5)
    plan = read_plan(make_zoo(tmp_path, models=1))
    with pytest.raises(OptionError, match="no scheduler answers"):
        execute_sweep(plan, tmp_path / "out", SweepOptions(scheduler="tcp://127.0.0.1:9"), SILENT)
