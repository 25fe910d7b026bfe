"""Draws the lines that verdicts are given by, and judges them on networks that they were not drawn on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from bdtui.engine.detect.calibration import Level
from bdtui.engine.detect.evidence import Evidence
from bdtui.engine.detect.methods import IMAGE_SCAN, INFORMATION, INVERSION, MARGINS, SCAN
from bdtui.engine.detect.weighing import FREE, IMAGES, INVERTED, LABELLED, class_scores, strength

METHODS_OF: Mapping[str, tuple[str, ...]] = {
    FREE: (SCAN, MARGINS),
    IMAGES: (SCAN, MARGINS, IMAGE_SCAN),
    LABELLED: (SCAN, MARGINS, IMAGE_SCAN, INFORMATION),
    INVERTED: (SCAN, MARGINS, IMAGE_SCAN, INFORMATION, INVERSION),
}
"""What has run at each level."""
_RARE, _UNUSUAL, _WEAK = 0.98, 0.9, 0.1
_FOLDS = 6
_WORKS = 90.0
"""Percent of pictures that a trigger has to fool for lines to be drawn on its network."""


@dataclass(frozen=True)
class Judged:
    """A network with what was found about it.

    Attributes:
        name: of it.
        attack: of `ATTACKS`, or ``none``.
        success: of the attack, in percent; None for a clean network.
        target: as `ZooNet.target`.
        classes: how many it has.
        parts: what methods found, by name.
    """

    name: str
    attack: str
    success: float | None
    target: int | tuple[int, ...] | str | None
    classes: int
    parts: Mapping[str, Evidence]

    @property
    def is_weak(self) -> bool:
        """Whether its attack hardly works: it is counted by itself."""
        return self.success is not None and self.success < _WORKS

    def parts_at(self, level: str) -> dict[str, Evidence]:
        """What is known at a level."""
        return {name: self.parts[name] for name in METHODS_OF[level]}

    def strength_at(self, level: str) -> float:
        """How strongly that speaks for a backdoor."""
        found = strength(self.parts_at(level))
        if found is None or found[0] != level:
            raise ValueError(f"{self.name}: {found} at level {level}")
        return found[1]

    def first_suspect_at(self, level: str) -> int:
        """The most suspicious class."""
        return int(np.argmax(class_scores(self.parts_at(level), self.classes)))


def draw_lines(nets: Sequence[Judged], level: str) -> tuple[float, float]:
    """From where a network is called backdoored, and below where it shows no sign.

    The strengths of clean networks are taken for gamma distributed; 2 % of them lie above `rare`, 10 % above `unusual`.
    Where nine in ten backdoored ones lie above `rare`, there is a gap: no sign below `rare`, backdoored from the middle
    of the gap on (in logarithms). Where they do not: no sign below `unusual`, backdoored from `rare` on. Without labels
    attacks all-to-all cannot be seen, and have no part in it. Nor have attacks that hardly work.
    """
    clean = np.array([net.strength_at(level) for net in nets if net.success is None])
    seen = [net for net in nets if net.success is not None and not net.is_weak]
    if level in (FREE, IMAGES):
        seen = [net for net in seen if net.attack != "all-to-all"]
    weak = float(np.quantile([net.strength_at(level) for net in seen], _WEAK))
    rare, unusual = gamma_quantile(clean, _RARE), gamma_quantile(clean, _UNUSUAL)
    return (float(np.sqrt(rare * weak)), rare) if weak > rare else (rare, unusual)


def gamma_quantile(values: Sequence[float] | np.ndarray, share: float) -> float:
    """Below it lies so large a share of a gamma distribution with the mean and deviation of some values."""
    mean, variance = float(np.mean(values)), max(float(np.var(values, ddof=1)), 1e-12)
    shape, scale = mean**2 / variance, variance / mean
    low, high = 0.0, shape + 40 * np.sqrt(shape) + 40
    for _ in range(80):
        middle = (low + high) / 2
        if float(tf.math.igamma(np.float64(shape), np.float64(middle))) < share:
            low = middle
        else:
            high = middle
    return float(low * scale)


def held_out_level(nets: Sequence[Judged], level: str) -> Level:
    """Lines drawn on all networks, with the errors of lines that were drawn on five sixths and judged on the rest."""
    fitted = [net for net in nets if not net.is_weak]
    counts = np.zeros(5, int)
    for fold in range(_FOLDS):
        # A clean network and its backdoored twin are neighbours, and go into one fold.
        rest = [net for place, net in enumerate(fitted) if place // 2 % _FOLDS != fold]
        held = [net for place, net in enumerate(fitted) if place // 2 % _FOLDS == fold]
        lines = draw_lines(rest, level)
        counts += count_errors(held, [verdict_of(net, level, lines) for net in held])
    return Level(*draw_lines(fitted, level), len(fitted), *(int(count) for count in counts))


def verdict_of(net: Judged, level: str, lines: tuple[float, float]) -> str:
    """What lines say."""
    value = net.strength_at(level)
    return "backdoored" if value >= lines[0] else "no sign" if value < lines[1] else "inconclusive"


def count_errors(nets: Sequence[Judged], verdicts: Sequence[str]) -> tuple[int, int, int, int, int]:
    """Clean ones, false alarms, backdoored ones, misses, and how many of all are inconclusive."""
    said = [(net.success is None, verdict) for net, verdict in zip(nets, verdicts, strict=True)]
    return (
        sum(clean for clean, _ in said),
        said.count((True, "backdoored")),
        sum(not clean for clean, _ in said),
        said.count((False, "no sign")),
        sum(each == "inconclusive" for _, each in said),
    )


def auroc(nets: Sequence[Judged], level: str) -> float:
    """The chance that a backdoored network has a larger strength than a clean one; of equal ones, half."""
    clean = np.array([net.strength_at(level) for net in nets if net.success is None])
    backdoored = np.array([net.strength_at(level) for net in nets if net.success is not None])
    above = backdoored[:, None] - clean[None]
    return float(((above > 0) + 0.5 * (above == 0)).mean())
