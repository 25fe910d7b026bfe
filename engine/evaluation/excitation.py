"""What reversed triggers do to the channels of a layer: clean images go through its front twice, without and with them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from bdtui.engine.reporter import SILENT, Reporter

if TYPE_CHECKING:
    from bdtui.engine.evaluation.evaluator import PruningSession

Array = NDArray[np.float32]


class Trigger(Protocol):
    """A change of images that sends them to one class."""

    @property
    def target(self) -> int:
        """The class."""

    def stamp(self, images: Array) -> Array:
        """Images (n, …) with the trigger on them, float32."""


@dataclass(frozen=True)
class Excitation:
    """What the channels of a layer do on the same clean images before and after triggers are laid over them.

    Attributes:
        clean: mean activation, float64, shape (channels,).
        stamped: likewise, the mean over the triggers.
    """

    clean: NDArray[np.float64]
    stamped: NDArray[np.float64]

    @property
    def relative(self) -> NDArray[np.float64]:
        """How much of its clean mean each channel loses under a trigger; negative where the trigger excites it.

        Channels that do next to nothing on clean images are held against a thousandth of the largest mean.
        """
        sizes = np.abs(self.clean)
        return np.asarray((self.clean - self.stamped) / (sizes + (1e-3 * sizes.max() or 1.0)))


def excite(
    session: PruningSession,
    triggers: Sequence[Trigger],
    images: Array,
    labels: NDArray[np.int64] | None = None,
    reporter: Reporter = SILENT,
) -> Excitation:
    """Measure what triggers do to the channels of a profiled layer.

    Args:
        session: that profiled the layer.
        triggers: of one class, at least one.
        images: clean ones as the network reads them, float32 (n, …).
        labels: their classes, with which those of the triggers' class are left out, unless there are no others.
        reporter: receives progress; is asked whether to stop.

    Raises:
        Interrupted: the reporter requested a stop.
    """
    others = images if labels is None else images[labels != triggers[0].target]
    others = others if len(others) else images
    clean = session.mean_activation(others, reporter=reporter)
    stamped = [session.mean_activation(others, each.stamp, reporter) for each in triggers]
    return Excitation(clean, np.mean(stamped, axis=0))
