"""The networks of a threshold, B′ and G: saved, reopened, and compared with what the run measured."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bdtui.engine.evaluation.evaluator import PruningSession
from bdtui.engine.event_values import Threshold
from bdtui.engine.events import Progress
from bdtui.engine.network.goodnet import join_networks
from bdtui.engine.network.pruned_channels import PrunedChannels
from bdtui.engine.reporter import Reporter
from bdtui.engine.reports.file_names import drop_text
from bdtui.engine.reports.reopen_check import SavedModelCheck
from bdtui.engine.reports.saved_models import write_model
from bdtui.engine.runs.files import RunFiles
from bdtui.engine.runs.journal import network_name

_VERIFIED_IMAGES = 64
"""Of every image set, how many are put through the reopened models."""


def save_networks(evaluator: PruningSession, threshold: Threshold, files: RunFiles, reporter: Reporter) -> None:
    """Save B′ and G of a threshold that was reached; what an earlier start of the run has saved is not made again.

    Raises:
        BdtuiError: a reopened network predicts otherwise than the run.
        OutputError: the folder cannot be written to.
        Interrupted: the reporter requested a stop; B′ may be saved.
    """
    channels = threshold.channels
    network = network_name(evaluator.source.profiled.name, PrunedChannels.of(channels))
    has_pruned = files.adopt(threshold.model, network)
    if has_pruned and files.adopt(threshold.goodnet, network):
        return
    stage = f"save X={drop_text(threshold.drop)}"
    reporter.emit(Progress(stage, 0, 2, "models"))
    check = _expected_of(evaluator, channels)
    if has_pruned:
        # What is close in B′ need not be equal in G.
        check.check_pruned(files.folder / threshold.model)
    else:
        pruned = evaluator.pruned_model(channels)
        files.write(threshold.model, lambda path: write_model(path, pruned, check.check_pruned), network)
    reporter.checkpoint()
    reporter.emit(Progress(stage, 1, 2, "models"))
    joined = join_networks(evaluator.model.network, evaluator.source, channels)
    files.write(threshold.goodnet, lambda path: write_model(path, joined, check.check_goodnet), network)
    reporter.emit(Progress(stage, 2, 2, "models"))


def _expected_of(evaluator: PruningSession, channels: Sequence[int]) -> SavedModelCheck:
    """What the first images of every set are to be under the saved models."""
    images, pruned, joined = [], [], []
    for role in evaluator.data:
        some = evaluator.first_images(role, _VERIFIED_IMAGES)
        images.append(some)
        pruned.append(evaluator.predict(role, channels)[: len(some)])
        joined.append(evaluator.predict_goodnet(role, channels)[: len(some)])
    return SavedModelCheck(
        evaluator.model.keras_model, np.concatenate(images), np.concatenate(pruned), np.concatenate(joined)
    )
