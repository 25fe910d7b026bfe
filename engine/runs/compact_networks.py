"""B′ and G of a threshold without the pruned channels, where that is proven to change no class."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import keras
import numpy as np
from numpy.typing import NDArray

from bdtui.engine.evaluation.evaluator import PruningSession
from bdtui.engine.event_values import Compaction
from bdtui.engine.network.compaction import compact_model, narrow_layers
from bdtui.engine.network.goodnet import join_compact
from bdtui.engine.network.score_runner import ScoreRunner
from bdtui.engine.reporter import Reporter
from bdtui.engine.settings import CLEAN_VALID


@dataclass(frozen=True)
class CompactNetworks:
    """The two networks of a threshold.

    Attributes:
        pruned: B′.
        goodnet: G.
    """

    pruned: keras.Model
    goodnet: keras.Model


def compact_networks(
    evaluator: PruningSession, channels: Sequence[int], reporter: Reporter
) -> tuple[CompactNetworks | None, Compaction]:
    """Make the networks of a threshold without some channels, and compare both with the run on all validation images.

    Args:
        evaluator: of the run.
        channels: those that are pruned.
        reporter: is asked whether to stop.

    Returns:
        The networks, and how much smaller B′ is; or None, and why.

    Raises:
        Interrupted: the reporter requested a stop.
    """
    badnet, network, source = evaluator.model.keras_model, evaluator.model.network, evaluator.source
    shape = evaluator.data[CLEAN_VALID].image_shape
    narrow = narrow_layers(network, source, channels, shape)
    pruned = compact_model(badnet, source.profiled.name, channels, shape) if not isinstance(narrow, str) else narrow
    why_not = pruned if isinstance(pruned, str) else ""
    parameters = badnet.count_params()
    if isinstance(pruned, str) or isinstance(narrow, str):
        return None, Compaction(parameters, parameters, why_not)
    goodnet = join_compact(network, source, narrow)
    for role in (role for role in evaluator.data if role.endswith("valid")):
        expected = evaluator.predict(role, channels, reporter), evaluator.predict_goodnet(role, channels, reporter)
        for model, classes in zip((pruned, goodnet), expected, strict=True):
            different = np.count_nonzero(_classes(model, evaluator, role, reporter) != classes)
            if different:
                what = f"{different:,} of {len(classes):,} {role.replace('_', ' ')} images"
                return None, Compaction(parameters, parameters, f"without them {what} would get another class")
    return CompactNetworks(pruned, goodnet), Compaction(pruned.count_params(), parameters)


def _classes(model: keras.Model, evaluator: PruningSession, role: str, reporter: Reporter) -> NDArray[np.int64]:
    images = evaluator.data[role]
    runner = ScoreRunner(model, images.image_shape, reporter)

    def found() -> Iterator[NDArray[np.int64]]:
        for batch in images.batches(runner.batch_size):
            yield runner.scores(batch).argmax(axis=1)

    return np.concatenate(list(found()))
