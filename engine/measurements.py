"""What was measured of a layer: the rates of every network that somebody asked for, under a name that holds for good."""

from __future__ import annotations

from collections.abc import MutableMapping
from dataclasses import dataclass

from bdtui.engine.evaluation.rates import Rates

PRUNED, GOODNET = "pruned", "goodnet"


@dataclass(frozen=True)
class Measurement:
    """Which network was measured on which images.

    Attributes:
        network: ``pruned`` for B′, ``goodnet`` for the GoodNet of B and that B′.
        part: ``valid`` or ``test`` image sets.
        silenced: the channels that are silent in B′.
    """

    network: str
    part: str
    silenced: frozenset[int]


Measured = MutableMapping[Measurement, Rates]
"""Everything measured of one layer, in the order of measuring; may be kept elsewhere than in memory."""
