"""Judges images with the network that is open: which of them carry a trigger?"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from bdtui.engine.events import ImagesScreened, ScreenedImage
from bdtui.engine.reporter import Reporter
from bdtui.engine.reports.file_names import SCREENED
from bdtui.engine.reports.screened_csv import write_screened
from bdtui.engine.runs.preparation import PreparedRun
from bdtui.engine.runs.screening import OpenedScreening, judge_images, open_judged
from bdtui.engine.screen.found import Screening
from bdtui.engine.screen.methods import DEFAULT


def screen_with(prepared: PreparedRun, path: Path, reporter: Reporter) -> Screening:
    """Judge images by the default method, and emit what was found.

    Args:
        prepared: the run that is open; its clean validation images are what the others are held against.
        path: of the images.
        reporter: receives progress and `ImagesScreened`; is asked whether to stop.

    Raises:
        InputError: the images cannot be opened, or do not fit.
        Interrupted: the reporter requested a stop.
    """
    inputs = prepared.inputs
    judged = open_judged(inputs, inputs.settings, path, reporter)
    found = judge_images(OpenedScreening(inputs, judged, None), DEFAULT, inputs.settings.seed, reporter)
    order = np.argsort(-found.scores, kind="stable")
    images = tuple(
        ScreenedImage(found.names[n], float(found.scores[n]), int(found.classes[n]), bool(found.flagged[n]))
        for n in order.tolist()
    )
    reporter.emit(ImagesScreened(str(path), found.method, found.sentences, images))
    return found


def keep_screened(found: Screening, folder: Path) -> Path:
    """Write screened.csv into a folder, under a name that is free.

    Raises:
        OutputError: it cannot be written.
    """
    stem, _, suffix = SCREENED.partition(".")
    names = (SCREENED if not number else f"{stem}-{number + 1}.{suffix}" for number in range(10_000))
    path = next(folder / name for name in names if not (folder / name).exists())
    write_screened(path, found)
    return path
