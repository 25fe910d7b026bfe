"""What a detection method is: a name, what it needs and costs, and one function with typed input."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from bdtui.engine.detect.evidence import Evidence

NOTHING, IMAGES, LABELS = "nothing but the network", "clean images", "clean images with labels"
"""What a method is given besides the network: `WeightsGiven`, `ImagesGiven` or `LabelledGiven`."""


@dataclass(frozen=True)
class DetectionMethod:
    """A way to look for a backdoor.

    Attributes:
        name: as ``--detect`` takes it.
        description: what it does, one line for a person.
        needs: what it needs besides the network, one of `NOTHING`, `IMAGES` and `LABELS`.
        cost: seconds on one core for a small network of ten classes.
        load: gives the function; imports it only then.
        source: the paper.
    """

    name: str
    description: str
    needs: str
    cost: float
    load: Callable[[], Callable[[Any], Evidence]] = field(repr=False)
    source: str = ""
