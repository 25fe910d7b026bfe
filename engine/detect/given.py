"""What a detector may look at; nothing of poisoned or test images is in it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bdtui.engine.detect.subject import Array, Subject
from bdtui.engine.reporter import SILENT, Reporter


@dataclass(frozen=True)
class WeightsGiven:
    """For a method without data.

    Attributes:
        subject: the network.
        reporter: receives progress; may stop the work within a step.
    """

    subject: Subject
    reporter: Reporter = SILENT


@dataclass(frozen=True)
class ImagesGiven:
    """For a method with clean images.

    Attributes:
        subject: the network.
        images: clean ones as the network reads them, float32 (n, …), n ≥ 1.
        reporter: receives progress; may stop the work within a step.
    """

    subject: Subject
    images: Array
    reporter: Reporter = SILENT


@dataclass(frozen=True)
class LabelledGiven:
    """For a method with clean images and their classes.

    Attributes:
        subject: the network.
        images: clean ones as the network reads them, float32 (n, …), n ≥ 1.
        labels: their true classes, int64 (n,).
        reporter: receives progress; may stop the work within a step.
    """

    subject: Subject
    images: Array
    labels: NDArray[np.int64]
    reporter: Reporter = SILENT
