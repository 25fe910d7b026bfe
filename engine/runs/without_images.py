"""A run without any image: the network is opened and examined, and the answer is written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import numpy as np

from bdtui.engine.detect.examination import Examination
from bdtui.engine.detect.methods import asked_methods, check_without_images
from bdtui.engine.detect.pixel_range import PixelRange
from bdtui.engine.errors import Interrupted, Kept, OutOfMemory, OutputError
from bdtui.engine.events import Event, Notice
from bdtui.engine.inputs.choose_preprocessing import asked_mode
from bdtui.engine.inputs.model import OpenedModel
from bdtui.engine.inputs.opened_network import OpenedNetwork, describe_network, open_network
from bdtui.engine.inputs.recipe import write_recipe_text
from bdtui.engine.inputs.stored_range import StoredRange
from bdtui.engine.machine.atomic_files import write_text
from bdtui.engine.machine.device import device_in_use, prepare_backend
from bdtui.engine.machine.device_failures import explain_device_failures
from bdtui.engine.network.channels import prunable_sources
from bdtui.engine.rates import NO_RATES
from bdtui.engine.reporter import Reporter
from bdtui.engine.reports.file_names import RECIPE
from bdtui.engine.reports.record import NO_LAYER, RunRecord
from bdtui.engine.runs.detecting import examine
from bdtui.engine.runs.files import RunFiles
from bdtui.engine.runs.finish import close_run, recorded_model
from bdtui.engine.runs.folder import discard_partials
from bdtui.engine.runs.journal import Journal
from bdtui.engine.runs.manifest import computing_versions
from bdtui.engine.runs.stopwatch import Stopwatch
from bdtui.engine.settings import RAW, RunSettings, check_agreement, check_network_given, gates_of


def examine_network(
    settings: RunSettings,
    folder: Path,
    journal: Journal,
    reporter: Reporter,
    expected_sha256: Mapping[str, str] | None = None,
) -> RunRecord:
    """Examine a network without images, and write what is found; see `bdtui.engine.runs.run.execute_run`.

    Raises:
        InputError: the network cannot be opened, or a method needs images.
        OutputError: the folder cannot be written to.
        Interrupted: the reporter requested a stop; `kept` says what is left.
    """
    names = asked_methods(settings.detect)
    check_without_images(names)
    begun, watch, notices = journal.holds_work, Stopwatch(), list[str]()

    def keep(event: Event) -> None:
        if isinstance(event, Notice):
            notices.append(event.text)

    reporter = reporter.also(keep)
    files = RunFiles(folder, journal, reporter)
    try:
        with explain_device_failures():
            prepare_backend(settings.device, settings.seed)
            opened = open_alone(settings, reporter, expected_sha256)
            versions = {**computing_versions(), "device": device_in_use()}
            if journal.identify(settings, opened.sha256, versions):
                reporter.emit(Notice("what was found came from another device or other versions; examining anew"))
            watch.lap("load")
            discard_partials(folder)
            files.write(RECIPE, lambda path: write_text(path, write_recipe_text(settings, opened.sha256)))
            examination = Examination(opened.model, pixels=_stated_range(settings, opened.model), seed=settings.seed)
            found = examine(examination, names, journal, reporter)
            watch.lap("detect")
            record = replace(_empty_record(opened, settings), notices=tuple(notices), detection=found)
            return close_run(record, opened.sha256, settings.seed, files, watch, reporter)
    except (Interrupted, OutputError, OutOfMemory) as problem:
        if begun or journal.holds_work:
            problem.kept = Kept(folder, files=tuple(files.sha256))
        elif isinstance(problem, Interrupted):
            problem.kept = Kept()
        raise


def open_alone(
    settings: RunSettings, reporter: Reporter, expected_sha256: Mapping[str, str] | None = None
) -> OpenedNetwork:
    """Open the network of a run without images.

    Raises:
        InputError: it cannot be opened, or is not what a recipe recorded.
    """
    check_network_given(settings)
    check_agreement(settings)
    opened = open_network(settings, dict(expected_sha256 or {}))
    describe_network(opened, reporter, prunable_sources(opened.model.network))
    return opened


def _stated_range(settings: RunSettings, model: OpenedModel) -> PixelRange | None:
    """What the network reads of black and of white, where the options say how pixels are prepared; else None."""
    mode, channels = asked_mode(settings), model.input_shape[-1]
    if mode is None or mode.name == RAW or channels is None or not mode.fits(channels):
        return None
    prepare = mode.of(StoredRange(0, 255, is_whole=True)).apply
    ends = [prepare(np.full((1, channels), end, np.float32))[0] for end in (0, 255)]
    return PixelRange(np.minimum(*ends), np.maximum(*ends))


def _empty_record(opened: OpenedNetwork, settings: RunSettings) -> RunRecord:
    return RunRecord(
        version=version("bdtui"),
        model=recorded_model(opened.model, opened.class_names),
        data={},
        layout="",
        scale=None,
        layer=NO_LAYER,
        ranking="",
        mean_activation=(),
        order=(),
        baseline_valid=NO_RATES,
        baseline_test=NO_RATES,
        curve=(),
        thresholds=(),
        gates=gates_of(settings),
    )
