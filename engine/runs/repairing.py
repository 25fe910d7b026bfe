"""The repairs of a run: each repaired network and its GoodNet measured, saved, reopened, and kept in the journal."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from bdtui.engine.detect.surrogate import Surrogate
from bdtui.engine.events import Progress, RepairFinished
from bdtui.engine.network.goodnet import build_repaired_goodnet
from bdtui.engine.repair.checkpoints import FolderCheckpoints
from bdtui.engine.repair.method import predicted
from bdtui.engine.repair.result import Repair, file_names
from bdtui.engine.repair.session import DEFAULT_BUDGET, RepairOutcome, RepairSession, measured
from bdtui.engine.reporter import Reporter
from bdtui.engine.reports.reopen_check import ReopenCheck
from bdtui.engine.reports.saved_models import write_model
from bdtui.engine.runs.files import RunFiles
from bdtui.engine.runs.folder import JOURNAL_FOLDER
from bdtui.engine.runs.journal import Journal
from bdtui.engine.runs.preparation import PreparedRun, image_counts
from bdtui.engine.settings import CLEAN_VALID, RunSettings

_CHECKPOINTS = "repairs"
"""Folder beside the journal that holds how far each repair is."""
_VERIFIED_IMAGES = 64
"""Of every image set, how many are put through the reopened networks."""


def repair_networks(
    prepared: PreparedRun,
    names: Sequence[str],
    files: RunFiles,
    journal: Journal,
    reporter: Reporter,
    surrogate: Surrogate | None = None,
) -> list[Repair]:
    """Carry out the repairs that were asked for; what an earlier start of the run has finished is not done again.

    Args:
        prepared: the run.
        names: of the repairs, see `bdtui.engine.repair.methods.asked_methods`.
        files: of the run.
        journal: of its folder.
        reporter: receives progress; is asked whether to stop.
        surrogate: what stands in for poisoned images; None for nothing.

    Raises:
        BdtuiError: a reopened network predicts otherwise than the repaired one.
        OutputError: the folder cannot be written to.
        InputError: a method cannot work with this network or these images.
        Interrupted: the reporter requested a stop; a repair goes on from its last checkpoint.
    """
    inputs = prepared.inputs
    known = journal.repairs(image_counts(prepared, "valid"), image_counts(prepared, "test"))
    done = [known.get(_network_name(name, inputs.settings)) for name in names]
    held = [
        repair is not None and all(files.holds(file, _network_name(name, inputs.settings)) for file in file_names(name))
        for name, repair in zip(names, done, strict=True)
    ]
    if all(held):
        for name in names:
            for file in file_names(name):
                files.adopt(file, _network_name(name, inputs.settings))
        return [repair for repair in done if repair is not None]
    # Repairs that are finished go through their checkpoints again: what is said of one may rest on another.
    checkpoints = files.folder / JOURNAL_FOLDER / _CHECKPOINTS
    session = RepairSession(
        inputs.model.keras_model,
        inputs.data[CLEAN_VALID],
        seed=inputs.settings.seed,
        budget=DEFAULT_BUDGET if inputs.settings.budget is None else inputs.settings.budget,
        reporter=reporter,
        checkpoints=FolderCheckpoints(checkpoints),
    )
    saver = _RepairSaver(prepared, files, reporter)
    repairs = []
    for number, name in enumerate(names):
        reporter.emit(Progress("repair", number, len(names), "repairs"))
        outcome = session.repair(name)
        repair = saver.save(name, outcome)
        if surrogate is not None:
            repair = replace(repair, estimate=surrogate.of_model(outcome.network, reporter))
        journal.keep_repair(_network_name(name, inputs.settings), repair)
        reporter.emit(RepairFinished(repair.method, repair.sentences, repair.valid, repair.test))
        repairs.append(repair)
    reporter.emit(Progress("repair", len(names), len(names), "repairs"))
    shutil.rmtree(checkpoints, ignore_errors=True)
    return repairs


class _RepairSaver:
    def __init__(self, prepared: PreparedRun, files: RunFiles, reporter: Reporter) -> None:
        self._inputs = prepared.inputs
        self._files, self._reporter = files, reporter
        evaluator = prepared.evaluator
        images = [evaluator.first_images(role, _VERIFIED_IMAGES) for role in evaluator.data]
        self._images: NDArray[np.float32] = np.concatenate(images)
        self._check = ReopenCheck(self._inputs.model.keras_model, self._images)

    def save(self, name: str, outcome: RepairOutcome) -> Repair:
        """Save a repaired network and G, reopen both, and measure them."""
        badnet, inputs, files = self._inputs.model.keras_model, self._inputs, self._files
        network = _network_name(name, inputs.settings)
        model, goodnet = file_names(name)
        joined = build_repaired_goodnet(badnet, outcome.network)
        found = [predicted(each, self._images, self._reporter) for each in (outcome.network, joined)]
        check = self._check.of(found[0], found[1], f"the network repaired by {name}")
        files.write(model, lambda path: write_model(path, outcome.network, check.check_pruned), network)
        files.write(goodnet, lambda path: write_model(path, joined, check.check_goodnet), network)
        repair = measured(outcome, badnet, inputs.data, inputs.model.classes, self._reporter)
        return replace(repair, model=model, goodnet=goodnet)


def _network_name(name: str, settings: RunSettings) -> str:
    """What the journal calls a repaired network and G of it."""
    budget = DEFAULT_BUDGET if settings.budget is None else settings.budget
    return f"repaired {name} seed {settings.seed} budget {budget:g}"
