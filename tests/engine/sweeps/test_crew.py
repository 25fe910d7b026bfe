"""Who works for a sweep: what its scheduler says, not what the client remembers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from distributed import Client

from bdtui.engine.events import WorkerJoined
from bdtui.engine.runs.manifest import computing_versions
from bdtui.engine.sweeps.crew import Crew
from bdtui.engine.sweeps.job import WorkerReport

ADDRESS = "tls://127.0.0.1:1"


class FakeClient:
    """A client whose memory of the scheduler holds no worker, as Dask leaves it between two of its own looks."""

    def __init__(self) -> None:
        self.workers = {ADDRESS: {"name": 0}}
        self.scheduler = SimpleNamespace(identity=lambda: {"workers": self.workers})

    def sync(self, function: Callable[[], Any]) -> Any:
        return function()

    def scheduler_info(self) -> dict[str, Any]:
        return {"workers": {}}

    def run(self, function: object, *arguments: object, workers: list[str], on_error: str) -> dict[str, WorkerReport]:
        return {address: WorkerReport(dict(computing_versions()), True) for address in workers}


def test_a_worker_is_there_as_long_as_the_scheduler_says_so(tmp_path: Path) -> None:
    client = FakeClient()
    crew = Crew(cast("Client", client), tmp_path, "token", needs_folder=True)
    assert list(crew.look()) == [WorkerJoined("0", ADDRESS)]
    assert list(crew.look()) == []
    assert crew.usable == {ADDRESS}
    client.workers = {}
    assert list(crew.look()) == []
    assert crew.usable == set()
