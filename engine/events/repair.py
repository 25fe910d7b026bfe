"""Networks that are being repaired."""

from __future__ import annotations

from dataclasses import dataclass

from bdtui.engine.events.event import Event
from bdtui.engine.rates import Rates


@dataclass(frozen=True)
class RepairMeasured(Event):
    """How a network that is being repaired does on clean images that it is not trained on.

    Attributes:
        method: name of the repair.
        step: of its training, from 1.
        steps: how many there are.
        held_out_accuracy: in percent; None where no images are held out.
        transfer: share of changed held-out images that it gives the same wrong class as B, in percent; None where that
            was not measured.
    """

    method: str
    step: int
    steps: int
    held_out_accuracy: float | None
    transfer: float | None


@dataclass(frozen=True)
class RepairFinished(Event):
    """A repaired network and its GoodNet are saved.

    Attributes:
        method: name of the repair; for ``auto`` that of the method it chose, after a colon.
        sentences: what can be said of it without poisoned images.
        valid: its rates on the validation images.
        test: its rates on the test images.
    """

    method: str
    sentences: tuple[str, ...]
    valid: Rates
    test: Rates
