"""The workers of a sweep as its client sees them: which may be used, and which cell each was given.

Dask decides where a cell runs, and runs it again when its worker is lost; here is only said which workers may take it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from bdtui.engine.events import Event, WorkerJoined, WorkerRefused
from bdtui.engine.runs.manifest import computing_versions
from bdtui.engine.sweeps.job import WorkerReport, report_on

if TYPE_CHECKING:
    from distributed import Client


class Crew:
    """Follows who comes and goes.

    Args:
        client: of the cluster.
        folder: of the sweep.
        token: that is in it.
        needs_folder: whether a worker that does not see the folder is refused.

    Attributes:
        usable: the addresses of the workers that may be given cells.
        refused: why others may not, by address.
    """

    def __init__(self, client: Client, folder: Path, token: str, *, needs_folder: bool) -> None:
        self._client = client
        self._folder, self._token, self._needs_folder = folder, token, needs_folder
        self._versions = computing_versions()
        self.usable: set[str] = set()
        self.refused: dict[str, str] = {}

    def look(self) -> Iterator[Event]:
        """Look who is there now; each new worker is asked for its versions, and gives an event."""
        # What `Client.scheduler_info` gives may be what Dask has asked for meanwhile, without a worker.
        known = self._client.sync(self._client.scheduler.identity)["workers"]
        present = {address: str(worker["name"]) for address, worker in known.items()}
        self.usable &= present.keys()
        self.refused = {address: reason for address, reason in self.refused.items() if address in present}
        new = [address for address in present if address not in self.usable and address not in self.refused]
        if not new:
            return
        # Nobody has to be alive still when the question arrives.
        answers = self._client.run(report_on, self._folder, self._token, workers=new, on_error="return")
        for address, answer in answers.items():
            name = present[address]
            if isinstance(answer, OSError) and not isinstance(answer, FileNotFoundError):
                continue
            reason = self._objection(answer)
            if reason:
                self.refused[address] = f"worker {name} ({address}) {reason}"
                yield WorkerRefused(name, address, self.refused[address])
            else:
                self.usable.add(address)
                yield WorkerJoined(name, address)

    def _objection(self, answer: WorkerReport | BaseException) -> str:
        """Why a worker cannot be used; empty where it can."""
        if not isinstance(answer, WorkerReport):
            return f"cannot load this bdtui ({type(answer).__name__}); it is not used, install the same version there"
        differing = [
            f"{name} {answer.versions.get(name, 'missing')} (here {version})"
            for name, version in self._versions.items()
            if answer.versions.get(name) != version
        ]
        if differing:
            return f"has {', '.join(differing)}; it is not used, since it would compute something else"
        if self._needs_folder and not answer.sees_folder:
            return f"does not see {self._folder}; it is not used: share that folder with it, or add --ship"
        return ""
