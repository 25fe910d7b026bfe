"""Judges images with a network and some clean ones: ``--screen``. Not a run: it leaves one file, and no journal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bdtui.engine.errors import Interrupted, Kept, ModelError, OutputError
from bdtui.engine.events import ArtifactWritten, Notice
from bdtui.engine.inputs.image_set import NamedImages
from bdtui.engine.inputs.model import open_model
from bdtui.engine.inputs.opening import OpenedInputs, open_inputs
from bdtui.engine.inputs.sampling import find_pixel_ends, sample_images
from bdtui.engine.inputs.unlabelled_images import open_unlabelled
from bdtui.engine.machine.device import prepare_backend
from bdtui.engine.machine.device_failures import explain_device_failures
from bdtui.engine.reporter import Reporter
from bdtui.engine.reports.file_names import SCREENED
from bdtui.engine.reports.screened_csv import write_screened
from bdtui.engine.runs.folder import output_folder
from bdtui.engine.screen.found import Screening
from bdtui.engine.screen.methods import asked_method
from bdtui.engine.screen.screening import screen
from bdtui.engine.screen.subject import Subject
from bdtui.engine.settings import CLEAN_VALID, RunSettings

MOST_CLEAN = 1_000
"""Clean images that are looked at."""
_AT_ONCE = 64


@dataclass(frozen=True)
class OpenedScreening:
    """What images are judged with, and the images.

    Attributes:
        inputs: the network and the clean images.
        judged: prepared as the network reads them.
        goodnet: that is asked; None where another method judges.
    """

    inputs: OpenedInputs
    judged: NamedImages
    goodnet: Subject | None


def screen_images(
    settings: RunSettings,
    folder: Path,
    *,
    reporter: Reporter,
    expected_sha256: Mapping[str, str] | None = None,
) -> Screening:
    """Judge the images that ``--screen`` names, and write screened.csv once all are judged.

    Raises:
        InputError: something cannot be opened, or does not fit.
        OutputError: the folder holds a run or another screened.csv, or cannot be written to.
        Interrupted: the reporter requested a stop; nothing is written.
    """
    method = asked_method(settings.screen_by, goodnet=settings.goodnet is not None)
    with output_folder(folder):
        path = folder / SCREENED
        if path.exists():
            raise OutputError(f"{path}: is there already; choose another folder")
        try:
            with explain_device_failures():
                opened = open_screening(settings, reporter, expected_sha256)
                found = judge_images(opened, method.name, settings.seed, reporter)
        except Interrupted as problem:
            problem.kept = Kept()
            raise
        write_screened(path, found)
        reporter.emit(ArtifactWritten(str(path)))
    return found


def judge_images(opened: OpenedScreening, method: str, seed: int, reporter: Reporter) -> Screening:
    """Judge images by a method.

    Args:
        opened: the network, the clean images, and those to judge.
        method: name of one of `bdtui.engine.screen.methods.METHODS`.
        seed: of everything random.
        reporter: receives progress; is asked whether to stop.

    Raises:
        InputError: an image cannot be read, or the method cannot work with the network.
        Interrupted: the reporter requested a stop.
    """
    clean = opened.inputs.data[CLEAN_VALID]
    low, high = find_pixel_ends(clean)
    return screen(
        Subject(opened.inputs.model.keras_model, clean.image_shape, low, high, seed),
        opened.judged.batches(_AT_ONCE),
        opened.judged.names,
        np.concatenate([some for _, some in sample_images(clean, MOST_CLEAN)]),
        method=method,
        goodnet=opened.goodnet,
        reporter=reporter,
    )


def open_judged(inputs: OpenedInputs, settings: RunSettings, path: Path, reporter: Reporter) -> NamedImages:
    """Open images to judge, prepared as the network reads them.

    Args:
        inputs: the network and the clean images.
        settings: say how images are stored.
        path: a picture, a folder of them, HDF5 or ``.npz``.
        reporter: receives notices.

    Raises:
        InputError: they cannot be opened, or do not fit.
    """
    clean = inputs.data[CLEAN_VALID]
    judged = open_unlabelled(
        path,
        # Where the network takes images of any size, these have to be of one with the clean ones.
        clean.image_shape,
        settings.layout,
        keys=settings.keys,
        skip_broken=settings.skip_broken,
        reporter=reporter,
    )
    for reading in judged.readings:
        reporter.emit(Notice(reading))
    return inputs.prepared_alike(judged)


def open_screening(
    settings: RunSettings, reporter: Reporter, expected_sha256: Mapping[str, str] | None = None
) -> OpenedScreening:
    """Open the network, the clean images, those to judge, and the GoodNet.

    Raises:
        InputError: something cannot be opened, or does not fit.
        Interrupted: the reporter requested a stop.
    """
    prepare_backend(settings.device, settings.seed)
    inputs = open_inputs(settings, reporter, expected_sha256)
    clean = inputs.data[CLEAN_VALID]
    prepared = open_judged(inputs, settings, Path(str(settings.screen)), reporter)
    goodnet = None
    if settings.goodnet is not None:
        opened = open_model(settings.goodnet)
        if opened.classes != inputs.model.classes + 1 or len(opened.input_shape) != len(clean.image_shape):
            raise ModelError(
                f"{settings.goodnet}: has {opened.classes} outputs for a network of {inputs.model.classes} classes; expected "
                f"a GoodNet of it with {inputs.model.classes + 1} (goodnet_*.keras of a run)"
            )
        low, high = find_pixel_ends(clean)
        goodnet = Subject(opened.keras_model, clean.image_shape, low, high, settings.seed)
    return OpenedScreening(inputs, prepared, goodnet)
