"""Reversed triggers in place of the poisoned images that nobody has: between them an attack may succeed.

What they measure is an `Estimate`, a type of its own: no rate, no evidence of a backdoor, and nothing that a
recommendation sees.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
from numpy.typing import NDArray

from bdtui.engine.detect.detection import ALL_TO_ALL, NO_SIGN, Detection
from bdtui.engine.detect.pixel_range import CleanPictures
from bdtui.engine.evaluation.evaluator import PruningSession
from bdtui.engine.evaluation.whole_model import whole_model_predictions
from bdtui.engine.event_values import Estimate
from bdtui.engine.inputs.datasets import LabelledImages
from bdtui.engine.inputs.model import OpenedModel
from bdtui.engine.inputs.stored_images import ReadImages, StoredImages
from bdtui.engine.network.channels import ChannelSource
from bdtui.engine.reporter import SILENT, Reporter
from bdtui.engine.settings import CLEAN_VALID


@dataclass(frozen=True, eq=False)
class _StampedArray(StoredImages):
    """Images in memory, as the network reads them."""

    images: NDArray[np.float32]

    @contextmanager
    def reader(self) -> Iterator[ReadImages]:
        """See `StoredImages.reader`."""
        yield lambda start, stop: self.images[start:stop].copy()


@dataclass(frozen=True)
class Surrogate:
    """Clean images with the small and with the strong trigger of one class on them.

    Attributes:
        target: the class.
        images: how many clean images there are, those of the class itself left out.
        stamped: an image set for each trigger, labelled as the class.
    """

    target: int
    images: int
    stamped: tuple[LabelledImages, ...]

    def of_layer(self, model: OpenedModel, source: ChannelSource, reporter: Reporter = SILENT) -> SurrogateLayer:
        """Profile a layer on the stamped images, for estimates with channels of it pruned.

        Raises:
            Interrupted: the reporter requested a stop.
        """
        return SurrogateLayer(
            tuple(PruningSession(model, source, {CLEAN_VALID: one}, reporter=reporter) for one in self.stamped)
        )

    def of_model(self, model: keras.Model, reporter: Reporter = SILENT) -> Estimate:
        """The estimate for any network.

        Raises:
            Interrupted: the reporter requested a stop.
        """
        shares = [
            100 * float(np.mean(whole_model_predictions(model, one, reporter, "estimate") == self.target))
            for one in self.stamped
        ]
        return Estimate(min(shares), max(shares))


class SurrogateLayer:
    """Estimates for networks with some channels of one layer pruned.

    Args:
        sessions: one for each trigger; what is clean accuracy elsewhere is how often the trigger works here.
    """

    def __init__(self, sessions: Sequence[PruningSession]) -> None:
        self._sessions = sessions

    def along(self, order: Sequence[int], step: int, reporter: Reporter = SILENT) -> Estimate:
        """The estimate at a step of a pruning order; neighbouring steps are measured together."""
        for session in self._sessions:
            session.measure_steps(order, step, reporter)
        return self.at(order[:step], reporter)

    def at(self, pruned: Collection[int], reporter: Reporter = SILENT) -> Estimate:
        """The estimate with some channels pruned.

        Raises:
            Interrupted: the reporter requested a stop.
        """
        rates = [session.rates("valid", pruned, reporter).clean_accuracy or 0.0 for session in self._sessions]
        return Estimate(min(rates), max(rates))


def surrogate_of(found: Detection, clean: CleanPictures, images: LabelledImages) -> Surrogate | None:
    """What stands in for poisoned images, where a suspect has triggers; None where nothing can.

    Args:
        found: by an examination. Of an all-to-all backdoor, or without any sign of one, no single trigger says anything.
        clean: the images that the triggers are laid over.
        images: the set that they are from.
    """
    suspect = found.suspects[0] if found.suspects else None
    if suspect is None or found.verdict == NO_SIGN or found.target == ALL_TO_ALL:
        return None
    triggers = [trigger for trigger in (suspect.trigger, suspect.strong_trigger) if trigger is not None]
    others = clean.images if clean.labels is None else clean.images[clean.labels != suspect.target]
    if not triggers or not len(others):
        return None
    stamped = tuple(_stamped(images, trigger.stamp(others), suspect.target) for trigger in triggers)
    return Surrogate(suspect.target, len(others), stamped)


def _stamped(images: LabelledImages, pixels: NDArray[np.float32], target: int) -> LabelledImages:
    return LabelledImages(
        path=Path(images.path),
        sha256=images.sha256,
        images=len(pixels),
        layout="nhwc",
        dtype="float32",
        image_shape=pixels.shape[1:],
        labels=np.full(len(pixels), target, np.int64),
        true_labels=None,
        stored=_StampedArray(pixels),
    )
