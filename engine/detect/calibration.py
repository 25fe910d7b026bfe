"""The lines that verdicts are drawn by, and how often they were wrong on networks they were not drawn on.

`calibration.json` is made by `make calibrate-detect`; nobody edits it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files


@dataclass(frozen=True)
class Level:
    """What is known when some methods have run.

    Attributes:
        backdoored_from: the strength from which a network is called backdoored.
        no_sign_below: the strength below which there is no sign.
        fitted_on: networks, clean and backdoored, that the lines were drawn on.
        clean: clean networks that they were judged on: each on lines drawn without it.
        false_alarms: how many of those were called backdoored.
        backdoored: backdoored ones.
        missed: how many of those showed no sign.
        inconclusive: how many of both got no verdict.
    """

    backdoored_from: float
    no_sign_below: float
    fitted_on: int
    clean: int
    false_alarms: int
    backdoored: int
    missed: int
    inconclusive: int


@dataclass(frozen=True)
class Calibration:
    """All levels, by name, and the kind of networks that they were found on.

    Attributes:
        levels: ``free``, ``images``, ``labelled``, ``inverted``.
        classes: the fewest and the most.
        pixels: of one image, the fewest and the most.
        layers: with weights, the fewest and the most.
    """

    levels: Mapping[str, Level]
    classes: tuple[int, int]
    pixels: tuple[int, int]
    layers: tuple[int, int]


@cache
def calibration() -> Calibration:
    """The committed table."""
    found = json.loads((files("bdtui.engine.detect") / "calibration.json").read_text())
    levels = {name: Level(**level) for name, level in found["levels"].items()}
    ranges = {name: (int(found[name][0]), int(found[name][1])) for name in ("classes", "pixels", "layers")}
    return Calibration(levels, **ranges)
