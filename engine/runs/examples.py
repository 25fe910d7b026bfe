"""Some images of a run to look at, with and without the trigger: a picture a set, and what B makes of each."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bdtui.engine.inputs.sampling import spread_rows
from bdtui.engine.inputs.thumbnails import take_pictures
from bdtui.engine.reporter import Reporter
from bdtui.engine.reports.file_names import examples_name
from bdtui.engine.reports.record import Example, ExampleSheet
from bdtui.engine.reports.trigger_png import write_trigger
from bdtui.engine.runs.files import RunFiles
from bdtui.engine.runs.preparation import PreparedRun
from bdtui.engine.settings import CLEAN_TEST, CLEAN_VALID, POISONED_TEST, POISONED_VALID

_MOST = 6
"""Images of a set."""


def write_examples(prepared: PreparedRun, files: RunFiles, reporter: Reporter) -> tuple[ExampleSheet, ...]:
    """Write a picture of some clean and one of some poisoned images, spread over their sets.

    Validation images are shown; test images where the only poisoned ones are for testing. Two sets of as many images
    show those of the same numbers: where one was made from the other, the same image without and with the trigger.

    Returns:
        What is on the pictures; nothing where images are no pictures.

    Raises:
        DataError: an image cannot be read.
        OutputError: the folder cannot be written to.
        Interrupted: the reporter requested a stop.
    """
    data = prepared.inputs.data
    poisoned = POISONED_VALID if POISONED_VALID in data else POISONED_TEST
    clean = CLEAN_TEST if poisoned == POISONED_TEST and {CLEAN_TEST, POISONED_TEST} <= set(data) else CLEAN_VALID
    wanted = (clean, poisoned)
    sheets = (_sheet(role, prepared, files, reporter) for role in wanted if role in data)
    return tuple(sheet for sheet in sheets if sheet is not None)


def _sheet(role: str, prepared: PreparedRun, files: RunFiles, reporter: Reporter) -> ExampleSheet | None:
    images = prepared.inputs.data[role]
    if len(images.image_shape) != 3:
        return None
    numbers = spread_rows(images.images, _MOST)
    predicted = prepared.evaluator.scores(role, numbers, (), reporter).argmax(axis=1)
    pictures = take_pictures(images, numbers)
    side_by_side = np.concatenate([_pixels(one.rgb, one.height, one.width) for one in pictures], axis=1)
    name = examples_name(role)
    files.write(name, lambda path: write_trigger(path, side_by_side))
    return ExampleSheet(
        role,
        name,
        tuple(
            Example(one.number, one.label, one.true_label, int(found))
            for one, found in zip(pictures, predicted, strict=True)
        ),
    )


def _pixels(rgb: bytes, height: int, width: int) -> NDArray[np.uint8]:
    return np.frombuffer(rgb, np.uint8).reshape(height, width, 3)
