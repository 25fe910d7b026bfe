"""What a screening method is: a name, what it needs, and one function that gives a score for images."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Score = Callable[[NDArray[np.float32]], NDArray[np.float64]]
"""Of images (n, …) as the network reads them, n ≥ 1: how suspicious each is, (n,); the larger the more."""

CLEAN, GOODNET = "clean images", "a GoodNet (--goodnet FILE)"
"""What a method is given: `CleanGiven` or `GoodnetGiven`."""


@dataclass(frozen=True)
class ScreeningMethod:
    """A way to tell images with a trigger from others.

    Attributes:
        name: as ``--screen-by`` takes it.
        description: what it does, one line for a person.
        needs: one of `CLEAN` and `GOODNET`.
        passes: how often each image goes through a network.
        load: gives the function; imports it only then.
        source: the paper.
    """

    name: str
    description: str
    needs: str
    passes: int
    load: Callable[[], Callable[[Any], Score]] = field(repr=False)
    source: str = ""
