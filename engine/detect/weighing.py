"""How strongly the methods that have run speak for a backdoor, as one number, and for which class.

Each level of knowledge has its own number and its own lines: without data, with clean images, with labels, and after
trigger inversion.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from bdtui.engine.detect.class_statistics import exponential_p, gamma_p, robust_z
from bdtui.engine.detect.evidence import Evidence
from bdtui.engine.detect.methods import FUSED, IMAGE_SCAN, INFORMATION, INVERSION, MARGINS, SCAN

FREE, IMAGES, LABELLED, INVERTED = "free", "images", "labelled", "inverted"
_P_UNIT, _INFORMATION_UNIT, _GAP_UNIT = 4.0, 0.25, float(np.log(2))
"""What counts as 1: −log₁₀ p summed, the share of information kept, ln(median ÷ smallest stamp)."""


def strength(parts: Mapping[str, Evidence]) -> tuple[str, float] | None:
    """The level that was reached, and its number; None where too little has run."""
    if MARGINS not in parts or not {SCAN, IMAGE_SCAN} & parts.keys():
        return None
    if not np.isfinite(parts[MARGINS].scores).all() or not np.ptp(parts[MARGINS].scores):
        # The network gives no numbers, or the same for everything: that nothing is seen does not speak for it.
        return None
    scans = [parts[name].statistic for name in (SCAN, IMAGE_SCAN) if name in parts]
    towards_one = (parts[MARGINS].statistic + float(np.mean(scans))) / _P_UNIT
    level = IMAGES if IMAGE_SCAN in parts else FREE
    if INVERSION in parts and len(parts[INVERSION].triggers) > 2:
        # Much surer than all the others together: nothing that they say is added.
        level, towards_one = INVERTED, parts[INVERSION].statistic / _GAP_UNIT
    elif INFORMATION in parts and level == IMAGES:
        level = LABELLED
    return level, max(towards_one, kept_order(parts))


def kept_order(parts: Mapping[str, Evidence]) -> float:
    """How strongly mutual information speaks for an attack all-to-all, in the same unit; 0 where it was not asked."""
    return parts[INFORMATION].statistic / _INFORMATION_UNIT if INFORMATION in parts else 0.0


def strengths_before(parts: Mapping[str, Evidence]) -> dict[str, float]:
    """What was known before triggers were reversed, without and with images, by level."""
    known = [{SCAN, MARGINS}, {SCAN, MARGINS, IMAGE_SCAN}]
    found = [strength({name: part for name, part in parts.items() if name in some}) for some in known]
    return dict(each for each in found if each is not None)


def second_target(parts: Mapping[str, Evidence], first: int, line: float) -> int | None:
    """The class whose stamp is small by the same line, once the first target is left out; None where there is none."""
    others = [trigger for trigger in parts[INVERSION].triggers if trigger.target != first] if INVERSION in parts else []
    if len(others) < 3:
        return None
    sizes = np.log([max(trigger.size, 1e-3) for trigger in others])
    smallest = int(np.argmin(sizes))
    gap = float(np.median(sizes) - sizes[smallest])
    return others[smallest].target if gap / _GAP_UNIT >= line else None


def class_scores(parts: Mapping[str, Evidence], classes: int) -> NDArray[np.float64]:
    """How suspicious each class is: the mean of the methods' clipped robust deviations, float64 (N,).

    Trigger inversion counts as much as all others together.
    """
    found: dict[str, NDArray[np.float64]] = {}
    for name in (MARGINS, SCAN, IMAGE_SCAN, FUSED, INVERSION):
        if name in parts and len(parts[name].scores) == classes:
            scores = parts[name].scores
            known = np.isfinite(scores)
            if known.sum() >= 3:
                found[name] = np.zeros(classes)
                found[name][known] = np.clip(robust_z(scores[known]), -3, 8)
    others = [z for name, z in found.items() if name != INVERSION]
    halves = [np.mean(others, axis=0)] if others else []
    halves += [found[INVERSION]] if INVERSION in found else []
    return np.asarray(np.mean(halves, axis=0)) if halves else np.zeros(classes)


def class_p(parts: Mapping[str, Evidence], ranked: NDArray[np.intp]) -> list[float | None]:
    """For the classes in their order the chance of such a score without a backdoor, those before taken out."""
    classes = len(ranked)
    if FUSED in parts and classes > 128:
        tail = exponential_p(parts[FUSED].scores)
        return [float(tail[each]) for each in ranked[:3]]
    named = [parts[name].scores for name in (MARGINS, SCAN, IMAGE_SCAN) if name in parts]
    named = [scores for scores in named if len(scores) == classes]
    found: list[float | None] = []
    for place, each in enumerate(ranked[:3]):
        left = ranked[place:]
        p = [gamma_p(scores[left]) if scores[each] >= scores[left].max() else 1.0 for scores in named]
        found.append(min(1.0, len(p) * min(p)) if p else None)
    return found
