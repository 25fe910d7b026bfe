"""Predictions and rates of any Keras model, without a cut."""

from __future__ import annotations

from collections.abc import Mapping

import keras
import numpy as np

from bdtui.engine.evaluation.counting import count_rates
from bdtui.engine.evaluation.predictions import Predictions
from bdtui.engine.events import Progress
from bdtui.engine.inputs.datasets import LabelledImages
from bdtui.engine.network.score_runner import ScoreRunner
from bdtui.engine.rates import Rates
from bdtui.engine.reporter import SILENT, Reporter


def whole_model_predictions(
    model: keras.Model, images: LabelledImages, reporter: Reporter = SILENT, stage: str = "images"
) -> Predictions:
    """Classes that a model gives to an image set, shape (N,): the index of the largest score, of equal ones the lower.

    Args:
        model: Functional or Sequential, one input and one vector of scores, such as B, B′, or G with its extra class.
        images: of a shape that the model takes.
        reporter: receives progress; may stop the work between batches.
        stage: name of the work in its progress.

    Raises:
        ModelError: the model has several inputs or outputs, or no graph.
        DataError: an image cannot be read or is not finite.
        OutOfMemory: memory does not suffice for a single image.
        Interrupted: the reporter requested a stop, or the GPU does not answer any more.
    """
    runner = ScoreRunner(model, images.image_shape, reporter)
    found: list[Predictions] = []
    for number, batch in enumerate(images.batches(runner.batch_size)):
        reporter.emit(Progress(stage, number * runner.batch_size, images.images, "images"))
        found.append(runner.scores(batch).argmax(axis=1))
    reporter.emit(Progress(stage, images.images, images.images, "images"))
    return np.concatenate(found)


def whole_model_rates(
    model: keras.Model,
    data: Mapping[str, LabelledImages],
    part: str,
    classes: int,
    reporter: Reporter = SILENT,
) -> Rates:
    """Rates of a model on the ``valid`` or the ``test`` image sets; see `whole_model_predictions`.

    Args:
        model: the model.
        data: image sets by role.
        part: ``valid`` or ``test``.
        classes: N, how many B has; a prediction of N is a GoodNet's flag.
        reporter: receives progress; may stop the work between batches.
    """
    predictions = {
        role: whole_model_predictions(model, images, reporter, role.replace("_", " "))
        for role, images in data.items()
        if role.endswith(part)
    }
    return count_rates(part, predictions, data, classes)
