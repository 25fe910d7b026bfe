"""Repairs of the network that a person works on, while they work on it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
from numpy.typing import NDArray

from bdtui.engine.events import Event, RepairAttacked, RepairOffered, RepairsOffered
from bdtui.engine.inputs.datasets import LabelledImages
from bdtui.engine.inputs.sampling import sample_images
from bdtui.engine.repair.checkpoints import FolderCheckpoints
from bdtui.engine.repair.method import predicted
from bdtui.engine.repair.methods import AUTO, AUTO_DOES, all_methods, asked_methods
from bdtui.engine.repair.result import Repair
from bdtui.engine.repair.session import RepairSession
from bdtui.engine.reporter import Reporter
from bdtui.engine.runs.files import RunFiles
from bdtui.engine.runs.journal import Journal
from bdtui.engine.runs.preparation import PreparedRun
from bdtui.engine.runs.repairing import (
    Repairer,
    checkpoints_of,
    copy_repairs,
    finished_event,
    kept_repairs,
    repair_session,
)
from bdtui.engine.session.jobs import Job
from bdtui.engine.session.requests import RepairNetwork
from bdtui.engine.settings import POISONED_VALID

_LOOKED_AT = 64
"""Poisoned images on which a network is looked at while it is trained."""


class Repairing(Job):
    """Repairs by one method after another.

    Args:
        prepared: the run as it was opened.
        reporter: receives what was repaired before.
        place: gives the session's folder and its journal, which are begun with it.
        concluded: is called with each repair that is finished.

    Attributes:
        repairs: the finished ones, by the name they were asked for with.
        folder: that holds their networks.
    """

    work = RepairNetwork.work

    def __init__(
        self,
        prepared: PreparedRun,
        reporter: Reporter,
        place: Callable[[], tuple[Path, Journal]],
        concluded: Callable[[], None],
    ) -> None:
        self._prepared, self._reporter, self._place, self._concluded = prepared, reporter, place, concluded
        self._session: RepairSession | None = None
        self._at_work = reporter
        self._name = AUTO
        self._attacked: tuple[NDArray[np.float32], NDArray[np.int64]] | None = None
        self.repairs: dict[str, Repair] = {}
        self.folder: Path | None = None

    def ask(self, name: str) -> None:
        """Repair by this method next."""
        self._name = name

    def restore(self, folder: Path, journal: Journal) -> None:
        """Take up, and show, what the journal of an earlier session knows."""
        for name, repair in kept_repairs(self._prepared, RunFiles(folder, journal, Reporter()), journal).items():
            self.repairs[name], self.folder = repair, folder
            self._reporter.emit(finished_event(name, repair))

    def emit_again(self) -> None:
        """Show once more what was repaired, after something else could not be opened."""
        for name, repair in self.repairs.items():
            self._reporter.emit(finished_event(name, repair))

    def offer(self, folder: Path, reporter: Reporter) -> None:
        """Emit what can be chosen, each with about how long it takes here.

        Raises:
            Interrupted: the reporter requested a stop.
        """
        session = self._session_in(folder)
        offered = [RepairOffered(AUTO, AUTO_DOES, "clean images", session.estimated_seconds(AUTO))]
        offered += [
            RepairOffered(method.name, method.description, method.needs, session.estimated_seconds(method.name))
            for method in all_methods().values()
        ]
        reporter.emit(RepairsOffered(tuple(offered), tuple(self.repairs)))

    def run(self, reporter: Reporter) -> None:
        """See `Job.run`."""
        if self._name in self.repairs:
            return
        self._at_work = reporter
        folder, journal = self._place()
        files = RunFiles(folder, journal, reporter)
        session = self._session_in(folder)
        if self.folder not in (None, folder):
            # An export ended the session's folder before: what was repaired there goes along.
            copy_repairs(self._prepared, self.repairs, self.folder, folder, journal)
            self.folder = folder
        repairer = Repairer(self._prepared, files, journal, reporter, known=self.repairs, session=session)
        try:
            for name in asked_methods([self._name]):
                if name not in self.repairs:
                    repairer.repair(name)
        finally:
            self.repairs = repairer.repairs
            self.folder = folder
        self._concluded()

    def conclude(self) -> str:
        """See `Job.conclude`."""
        return f"repair by {self._name} stopped; choose it again to resume it"

    def _measure_attack(self, network: keras.Model, method: str, step: int, steps: int) -> None:
        """Emit what the attack comes to on some poisoned images: for a person to see, and used by nothing."""
        poisoned = self._prepared.inputs.data.get(POISONED_VALID)
        if poisoned is None:
            return
        if self._attacked is None:
            self._attacked = _some_attacked(poisoned)
        pixels, labels_of = self._attacked
        if not len(pixels):
            return
        share = 100 * float(np.mean(predicted(network, pixels, self._at_work) == labels_of))
        self._emit(RepairAttacked(method, step, steps, share))

    def _emit(self, event: Event) -> None:
        self._at_work.emit(event)

    def _session_in(self, folder: Path) -> RepairSession:
        """The same for all methods: the reference and the bank are made once."""
        if self._session is None:
            # What it makes outlives a single job, and reports to whichever is at work.
            follower = Reporter(self._emit, lambda: self._at_work.stop_requested)
            self._session = repair_session(self._prepared, folder, follower)
            self._session.onlooker = self._measure_attack
        self._session.checkpoints = FolderCheckpoints(checkpoints_of(folder))
        return self._session


def _some_attacked(poisoned: LabelledImages) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Some poisoned images with the attacker's labels; those of that class anyway tell nothing of the attack."""
    pixels, rows = [], []
    for start, run in sample_images(poisoned, _LOOKED_AT):
        pixels.append(run)
        rows.append(np.arange(start, start + len(run)))
    taken = np.concatenate(rows)
    labels = poisoned.labels[taken]
    others = np.ones(len(taken), bool) if poisoned.true_labels is None else poisoned.true_labels[taken] != labels
    return np.concatenate(pixels)[others], labels[others]
