"""Networks that are being repaired."""

from __future__ import annotations

from dataclasses import dataclass

from bdtui.engine.events.event import Event
from bdtui.engine.rates import NO_RATES, Rates


@dataclass(frozen=True)
class RepairMeasured(Event):
    """How a network that is being repaired does on clean images that it is not trained on.

    Attributes:
        method: name of the repair.
        step: of its training, from 1.
        steps: how many there are.
        held_out_accuracy: in percent; None where no images are held out.
        transfer: share of changed held-out images that it gives the same wrong class as B, in percent, by the kind of change that
            tells B from the reference best, without a reference by that with the largest share; None where that was
            not measured.
    """

    method: str
    step: int
    steps: int
    held_out_accuracy: float | None
    transfer: float | None


@dataclass(frozen=True)
class RepairAttacked(Event):
    """How often the attack succeeds with a network that is being repaired: a measurement that the repair does not see.

    Attributes:
        method: name of the repair.
        step: of its training, from 1.
        steps: how many there are.
        attack_success_rate: on some of the poisoned validation images, in percent.
    """

    method: str
    step: int
    steps: int
    attack_success_rate: float


@dataclass(frozen=True)
class RepairFinished(Event):
    """A repaired network and its GoodNet are saved.

    Attributes:
        method: name of the repair; for ``auto`` that of the method it chose, after a colon.
        sentences: what can be said of it without poisoned images.
        valid: its rates on the validation images.
        test: its rates on the test images.
        asked: the name that it was asked for with.
        goodnet_valid: rates of G of B and it on the validation images.
        goodnet_test: the same on the test images.
        seconds: it took.
        change: length of the change of all weights, in terms of the length of B's.
        claims: whether a backdoor, if there was one, seems to be gone by what is known without poisoned images.
    """

    method: str
    sentences: tuple[str, ...]
    valid: Rates
    test: Rates
    asked: str = ""
    goodnet_valid: Rates = NO_RATES
    goodnet_test: Rates = NO_RATES
    seconds: float = 0.0
    change: float = 0.0
    claims: bool = False


@dataclass(frozen=True)
class RepairOffered:
    """A repair that can be chosen.

    Attributes:
        name: of the method, or ``auto``.
        description: what it does.
        needs: what it works on.
        seconds: about how long it takes on this network and machine.
    """

    name: str
    description: str
    needs: str
    seconds: float


@dataclass(frozen=True)
class RepairsOffered(Event):
    """The repairs that can be chosen; ``finished`` are those that are done already."""

    offered: tuple[RepairOffered, ...]
    finished: tuple[str, ...]
