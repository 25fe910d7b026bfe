"""What was measured of one layer: each network once, remembered in one place."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, MutableMapping, Sequence
from dataclasses import dataclass

from bdtui.engine.network.pruned_channels import PrunedChannels, along
from bdtui.engine.rates import Rates
from bdtui.engine.reporter import SILENT, Reporter

PRUNED, GOODNET = "pruned", "goodnet"


@dataclass(frozen=True)
class Measurement:
    """Which network was measured on which images.

    Attributes:
        network: ``pruned`` for B′, ``goodnet`` for the GoodNet of B and that B′.
        part: ``valid`` or ``test`` image sets.
        pruned: the channels that are pruned in B′.
    """

    network: str
    part: str
    pruned: PrunedChannels


Measured = MutableMapping[Measurement, Rates]
"""Everything measured of one layer, in the order of measuring; may be kept elsewhere than in memory."""


class Evaluator(ABC):
    """Measures networks with channels of one layer pruned.

    Attributes:
        channels: how many the layer has.
        measured: what is known; nothing in it is measured again, so that undoing and jumping back cost nothing.
    """

    channels: int

    def __init__(self) -> None:
        self.measured: Measured = {}

    @abstractmethod
    def measure(self, measurement: Measurement, reporter: Reporter) -> Rates:
        """Measure a network, whether it is known or not; empty rates where there are no such images.

        Raises:
            Interrupted: the reporter requested a stop.
        """

    def measure_steps(self, order: Sequence[int], first: int, reporter: Reporter = SILENT) -> None:
        """Measure the step ``first`` of an order on the ``valid`` image sets, and further ones where that is quicker."""
        self.rates("valid", along(order)[first], reporter)

    def rates(self, part: str, pruned: Collection[int] = (), reporter: Reporter = SILENT) -> Rates:
        """Rates of B′ on the ``valid`` or the ``test`` image sets."""
        return self._known_or_measured(Measurement(PRUNED, part, PrunedChannels.of(pruned)), reporter)

    def goodnet_rates(self, part: str, pruned: Collection[int], reporter: Reporter = SILENT) -> Rates:
        """Rates of the GoodNet of B and B′ on the ``valid`` or the ``test`` image sets."""
        return self._known_or_measured(Measurement(GOODNET, part, PrunedChannels.of(pruned)), reporter)

    def known_rates(self, part: str, pruned: Collection[int], network: str = PRUNED) -> Rates | None:
        """The rates if they were measured before."""
        return self.measured.get(Measurement(network, part, PrunedChannels.of(pruned)))

    def keep_measured_in(self, book: Measured) -> None:
        """Keep what was and will be measured in ``book``; what it holds already is not measured again."""
        for measurement, rates in self.measured.items():
            book.setdefault(measurement, rates)
        self.measured = book

    def _known_or_measured(self, measurement: Measurement, reporter: Reporter) -> Rates:
        known = self.measured.get(measurement)
        if known is None:
            known = self.measured[measurement] = self.measure(measurement, reporter)
        return known
