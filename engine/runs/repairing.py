"""The repairs of a run: each repaired network and its GoodNet measured, saved, reopened, and kept in the journal."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import MappingProxyType

import keras
import numpy as np
from numpy.typing import NDArray

from bdtui.engine.detect.examination import Examination
from bdtui.engine.detect.methods import MOST_PICTURES
from bdtui.engine.detect.pixel_range import CleanPictures, PixelRange
from bdtui.engine.detect.surrogate import Surrogate
from bdtui.engine.events import Progress, RepairFinished
from bdtui.engine.inputs.model import OpenedModel, open_model
from bdtui.engine.machine.atomic_files import copy_file
from bdtui.engine.network.copies import copy_model
from bdtui.engine.network.goodnet import build_repaired_goodnet
from bdtui.engine.repair.checkpoints import FolderCheckpoints
from bdtui.engine.repair.clean_images import CleanImages
from bdtui.engine.repair.method import RepairOptions, predicted
from bdtui.engine.repair.methods import AUTO, SCRATCH, all_methods
from bdtui.engine.repair.result import Repair, file_names
from bdtui.engine.repair.reversed_triggers import Reverse, Stamp
from bdtui.engine.repair.session import DEFAULT_BUDGET, RepairOutcome, RepairSession, measured
from bdtui.engine.reporter import Reporter
from bdtui.engine.reports.reopen_check import ReopenCheck
from bdtui.engine.reports.saved_models import write_model
from bdtui.engine.runs.comparison import only_progress
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
    settings = prepared.inputs.settings
    known = kept_repairs(prepared, files, journal)
    for name in names:
        if name in known:
            for file in file_names(name):
                files.adopt(file, _network_name(name, settings))
    missing = [name for name in names if name not in known]
    if not missing:
        return [known[name] for name in names]
    repairer = Repairer(prepared, files, journal, reporter, known=known, surrogate=surrogate)
    for name in missing:
        reporter.emit(Progress("repair", names.index(name), len(names), "repairs"))
        repairer.repair(name)
    reporter.emit(Progress("repair", len(names), len(names), "repairs"))
    repairer.discard_checkpoints()
    return [repairer.repairs[name] for name in names]


def kept_repairs(prepared: PreparedRun, files: RunFiles, journal: Journal) -> dict[str, Repair]:
    """The repairs that are finished and whose files the folder holds, by the name they are asked for with."""
    settings = prepared.inputs.settings
    known = journal.repairs(image_counts(prepared, "valid"), image_counts(prepared, "test"))
    found = {}
    for name in (AUTO, *all_methods()):
        network = _network_name(name, settings)
        if network in known and all(files.holds(file, network) for file in file_names(name)):
            found[name] = known[network]
    return found


def copy_repairs(
    prepared: PreparedRun, repairs: Mapping[str, Repair], source: Path, folder: Path, journal: Journal
) -> None:
    """Take the networks of finished repairs over into another folder.

    Args:
        prepared: the run.
        repairs: by the name they are asked for with.
        source: the folder that holds their files.
        folder: the one that is to hold them.
        journal: of the latter.

    Raises:
        OutputError: a file cannot be copied.
    """
    for name, repair in repairs.items():
        network = _network_name(name, prepared.inputs.settings)
        for file in file_names(name):
            copy_file(source / file, folder / file)
            journal.keep_artifact(folder / file, network)
        journal.keep_repair(network, repair)


def repair_session(prepared: PreparedRun, folder: Path, reporter: Reporter) -> RepairSession:
    """B and the clean validation images of a run, ready for any repair.

    Args:
        prepared: the run.
        folder: of the run; how far a repair is, is kept beside the journal there.
        reporter: receives progress; is asked whether to stop.

    Raises:
        Interrupted: the reporter requested a stop.
    """
    inputs = prepared.inputs
    return RepairSession(
        inputs.model.keras_model,
        inputs.data[CLEAN_VALID],
        seed=inputs.settings.seed,
        budget=DEFAULT_BUDGET if inputs.settings.budget is None else inputs.settings.budget,
        options=RepairOptions(mixed_precision=inputs.settings.mixed_precision),
        reporter=reporter,
        checkpoints=FolderCheckpoints(checkpoints_of(folder)),
        reverse=reverse_with(inputs.model, inputs.settings.seed),
    )


def reverse_with(model: OpenedModel | keras.Model, seed: int = 0) -> Reverse:
    """What finds triggers of a network for repairs: those of the first two suspects, small and strong."""

    def reverse(images: CleanImages, reporter: Reporter) -> list[Stamp]:
        some = images.spread(MOST_PICTURES)
        pictures = CleanPictures(some.pixels, some.labels, PixelRange(some.low, some.high))
        found = Examination(model, pictures, seed=seed).first_triggers(only_progress(reporter), suspects=2)
        return [Stamp(each.mask, each.pattern) for each in found]

    return reverse


class Repairer:
    """Carries out repairs of one run, one after the other: what is made for one serves the next.

    Args:
        prepared: the run.
        files: of the run.
        journal: of its folder.
        reporter: receives progress; is asked whether to stop.
        known: repairs that are finished and whose files the folder holds, by the name they were asked for with.
        session: B and the images; None to make one.
        surrogate: what stands in for poisoned images; None for nothing.

    Attributes:
        repairs: the finished ones, by the name they were asked for with.
    """

    def __init__(
        self,
        prepared: PreparedRun,
        files: RunFiles,
        journal: Journal,
        reporter: Reporter,
        *,
        known: Mapping[str, Repair] = MappingProxyType({}),
        session: RepairSession | None = None,
        surrogate: Surrogate | None = None,
    ) -> None:
        self._files, self._journal, self._reporter, self._surrogate = files, journal, reporter, surrogate
        self._settings = prepared.inputs.settings
        self._session = session or repair_session(prepared, files.folder, reporter)
        self._saver = _RepairSaver(prepared, files, reporter)
        self.repairs = dict(known)
        for name, repair in known.items():
            if repair.method == name:
                path = files.folder / file_names(name)[0]
                self._session.take_up(repair, partial(_load_repaired, self._session.badnet, path))

    def repair(self, name: str) -> Repair:
        """Carry out one repair, save, reopen and measure its networks, and keep it in the journal.

        Raises:
            BdtuiError: a reopened network predicts otherwise than the repaired one.
            OutputError: the folder cannot be written to.
            InputError: the method cannot work with this network or these images.
            Interrupted: the reporter requested a stop; the repair goes on from its last checkpoint.
        """
        compared = self._session.reference is not None
        outcome = self._session.repair(name)
        repair = self._saver.save(name, outcome)
        if self._surrogate is not None:
            repair = replace(repair, estimate=self._surrogate.of_model(outcome.network, self._reporter))
        self._keep(name, repair)
        if not compared:
            self._judge_again()
        return repair

    def _judge_again(self) -> None:
        """Say anew of the repairs so far what can be said of them, now that there is a network to compare them with."""
        if self._session.reference is None:
            return
        for name, repair in self.repairs.items():
            if repair.method == name != SCRATCH:
                judged = self._session.repair(name).repair
                again = replace(repair, sentences=judged.sentences, chosen_by=judged.chosen_by)
                if again != repair:
                    self._keep(name, again)

    def _keep(self, name: str, repair: Repair) -> None:
        self.repairs[name] = repair
        self._journal.keep_repair(_network_name(name, self._settings), repair)
        self._reporter.emit(finished_event(name, repair))

    def discard_checkpoints(self) -> None:
        """Remove how far the repairs were: all are finished."""
        shutil.rmtree(checkpoints_of(self._files.folder), ignore_errors=True)


def checkpoints_of(folder: Path) -> Path:
    """Where a run in a folder keeps how far its repairs are."""
    return folder / JOURNAL_FOLDER / _CHECKPOINTS


def finished_event(name: str, repair: Repair) -> RepairFinished:
    """A finished repair, for a screen; ``name`` is what it was asked for with."""
    return RepairFinished(
        repair.method,
        repair.sentences,
        repair.valid,
        repair.test,
        name,
        repair.goodnet_valid,
        repair.goodnet_test,
        repair.seconds,
        repair.change,
        repair.chosen_by.claims,
    )


def _load_repaired(badnet: keras.Model, path: Path) -> keras.Model:
    network = copy_model(badnet)
    network.set_weights(open_model(path).keras_model.get_weights())
    return network


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
    mixed = " mixed precision" if settings.mixed_precision else ""
    return f"repaired {name} seed {settings.seed} budget {budget:g}{mixed}"
