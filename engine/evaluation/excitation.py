"""What reversed triggers do to the channels of a layer: clean images go through its front twice, without and with them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from bdtui.engine.inputs.sampling import sample_images
from bdtui.engine.reporter import SILENT, Reporter
from bdtui.engine.settings import CLEAN_VALID

if TYPE_CHECKING:
    from bdtui.engine.evaluation.evaluator import PruningSession

Array = NDArray[np.float32]
_MOST = 1_000
"""Images of a set that are looked at."""


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


def excite(session: PruningSession, triggers: Sequence[Trigger], reporter: Reporter = SILENT) -> Excitation:
    """Measure what triggers do to the channels of a profiled layer on its clean validation images, and on no others.

    At most a thousand images are looked at, spread over the set; those of the triggers' class are left out, unless there are
    no others.

    Args:
        session: that profiled the layer; the rankings find there what is measured.
        triggers: of one class, at least one.
        reporter: receives progress; is asked whether to stop.

    Raises:
        DataError: an image cannot be read.
        Interrupted: the reporter requested a stop.
    """
    clean = session.data[CLEAN_VALID]
    runs = list(sample_images(clean, _MOST))
    images = np.concatenate([run for _, run in runs])
    labels = np.concatenate([clean.labels[start : start + len(run)] for start, run in runs])
    others = images[labels != triggers[0].target]
    others = others if len(others) else images
    before = session.mean_activation(others, reporter=reporter)
    after = [session.mean_activation(others, each.stamp, reporter) for each in triggers]
    session.excitation = Excitation(before, np.mean(after, axis=0))
    return session.excitation
