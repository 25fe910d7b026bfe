"""The networks of a threshold, B′ and G: saved, reopened, and compared with what the run measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from bdtui.engine.evaluation.evaluator import PruningSession
from bdtui.engine.event_values import Threshold
from bdtui.engine.events import Notice, Progress
from bdtui.engine.network.goodnet import join_networks
from bdtui.engine.network.pruned_channels import PrunedChannels
from bdtui.engine.reporter import Reporter
from bdtui.engine.reports.exports_section import compaction_sentence
from bdtui.engine.reports.file_names import drop_text
from bdtui.engine.reports.reopen_check import ReopenCheck, ThresholdCheck
from bdtui.engine.reports.saved_models import write_model
from bdtui.engine.runs.compact_networks import CompactNetworks, compact_networks
from bdtui.engine.runs.files import RunFiles
from bdtui.engine.runs.journal import network_name

_VERIFIED_IMAGES = 64
"""Of every image set, how many are put through the reopened models."""


class NetworkSaver:
    """Saves B′ and G of thresholds that were reached; what an earlier start of the run has saved is not made again.

    Args:
        evaluator: of the run.
        files: of the run.
        reporter: receives progress; is asked whether to stop.
        compact: leave the pruned channels out where the graph allows it.
    """

    def __init__(
        self, evaluator: PruningSession, files: RunFiles, reporter: Reporter, *, compact: bool = False
    ) -> None:
        self._evaluator = evaluator
        self._files = files
        self._reporter = reporter
        self._compact = compact

    def save(self, threshold: Threshold) -> Threshold:
        """Save the two networks of a threshold, and return it with what came of leaving out its channels.

        Raises:
            BdtuiError: a reopened network predicts otherwise than the run.
            OutputError: the folder cannot be written to.
            Interrupted: the reporter requested a stop; B′ may be saved.
        """
        small = None
        if self._compact:
            small, compaction = compact_networks(self._evaluator, threshold.channels, self._reporter)
            threshold = replace(threshold, compaction=compaction)
            self._reporter.emit(Notice(compaction_sentence(threshold)))
        self._save(threshold, small)
        return threshold

    def _save(self, threshold: Threshold, small: CompactNetworks | None) -> None:
        evaluator, files, channels = self._evaluator, self._files, threshold.channels
        network = network_name(evaluator.source.profiled.name, PrunedChannels.of(channels))
        network += " compact" if small else ""
        held = [files.holds(name, network) for name in (threshold.model, threshold.goodnet)]
        if all(held):
            files.adopt(threshold.model, network)
            files.adopt(threshold.goodnet, network)
            return
        stage = f"save X={drop_text(threshold.drop)}"
        self._reporter.emit(Progress(stage, 0, 2, "models"))
        check = self._check(channels)
        if held[0]:
            # What is close in B′ need not be equal in G.
            check.check_pruned(files.folder / threshold.model)
            files.adopt(threshold.model, network)
        else:
            pruned = small.pruned if small else evaluator.pruned_model(channels)
            files.write(threshold.model, lambda path: write_model(path, pruned, check.check_pruned), network)
        self._reporter.checkpoint()
        self._reporter.emit(Progress(stage, 1, 2, "models"))
        joined = small.goodnet if small else join_networks(evaluator.model.network, evaluator.source, channels)
        files.write(threshold.goodnet, lambda path: write_model(path, joined, check.check_goodnet), network)
        self._reporter.emit(Progress(stage, 2, 2, "models"))

    @cached_property
    def _images(self) -> dict[str, NDArray[np.float32]]:
        """The first images of every set."""
        return {role: self._evaluator.first_images(role, _VERIFIED_IMAGES) for role in self._evaluator.data}

    @cached_property
    def _reopen_check(self) -> ReopenCheck:
        return ReopenCheck(self._evaluator.model.keras_model, np.concatenate([*self._images.values()]))

    def _check(self, channels: Sequence[int]) -> ThresholdCheck:
        """What the first images of every set are to be under the saved models."""
        pruned, joined = [], []
        for role, images in self._images.items():
            pruned.append(self._evaluator.predict(role, channels)[: len(images)])
            joined.append(self._evaluator.predict_goodnet(role, channels)[: len(images)])
        return self._reopen_check.of(np.concatenate(pruned), np.concatenate(joined))
