"""From what methods found to a verdict with its reasons."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from bdtui.engine.detect import fresh_networks
from bdtui.engine.detect.calibration import Calibration, Level, calibration
from bdtui.engine.detect.detection import ALL_TO_ALL, BACKDOORED, INCONCLUSIVE, NO_SIGN, Detection, Suspect
from bdtui.engine.detect.evidence import Evidence, ReversedTrigger
from bdtui.engine.detect.fresh_networks import JUDGED
from bdtui.engine.detect.methods import FUSED, INFORMATION, INVERSION, MARGINS, SCAN
from bdtui.engine.detect.subject import Subject
from bdtui.engine.detect.weighing import (
    INVERTED,
    class_p,
    class_scores,
    kept_order,
    second_target,
    strength,
    strengths_before,
)

_SECOND_P, _SMALLER = 0.01, 1.3
_TRAINED = 0.5
"""The share of clean images below which a network says the same of most, and lies close to that."""
_FEWEST = 5
"""Classes that comparing one with all others needs."""


def conclude(
    subject: Subject,
    parts: Mapping[str, Evidence],
    triggers: Mapping[int, ReversedTrigger],
    strong_triggers: Mapping[int, ReversedTrigger],
    *,
    guessed: bool = False,
    share_right: float | None = None,
) -> Detection:
    """The verdict on what is known.

    Args:
        subject: the network.
        parts: what methods found, by name.
        triggers: small reversed triggers, by class.
        strong_triggers: strong ones.
        guessed: whether the range of pixels was guessed.
        share_right: of clean images, that the network is right about; None where nobody looked.
    """
    scores = class_scores(parts, subject.classes)
    ranked = np.argsort(-scores, kind="stable")
    suspects = tuple(
        _suspect(int(each), float(scores[each]), p, triggers, strong_triggers)
        for each, p in zip(ranked[:3], class_p(parts, ranked), strict=False)
        if scores.any()
    )
    table = calibration()
    outside = _outside(subject, table)
    found = strength(parts)
    notes = [f"Outside of what the lines were drawn on: {outside}."] if outside else []
    if guessed:
        notes.append(f"Pixels were taken to lie in 0–{float(np.max(subject.high)):g}: no image and no option says so.")
    if found is None:
        reasons = [*_unweighed(parts, suspects), *notes]
        return Detection(INCONCLUSIVE, None, tuple(reasons), suspects, parts=parts, calibrated=False)
    level, value = found
    lines = table.levels[level]
    drawn = _verdict_of(level, value, table)
    why_not = "" if drawn == INCONCLUSIVE else _taken_back(subject, drawn, parts, table, share_right, bool(outside))
    verdict = INCONCLUSIVE if why_not else drawn
    target = _target(parts, lines, suspects) if verdict == BACKDOORED else None
    if isinstance(target, int) and level == INVERTED:
        second = second_target(parts, target, lines.backdoored_from)
        if second is not None:
            notes.insert(
                0,
                f"Class {second} stands out by the same line once class {target} is left out: perhaps a second target.",
            )
    finding = f"Inconclusive: {why_not}.{_first(suspects)}" if why_not else _finding(verdict, target, suspects)
    reasons = [finding, _weighed(value, lines, parts), _error(drawn if why_not else verdict, level, lines), *notes]
    return Detection(
        verdict, target, tuple(reasons), suspects, value, level, parts=parts, calibrated=not outside and lines.clean > 0
    )


def _suspect(
    target: int,
    score: float,
    p: float | None,
    triggers: Mapping[int, ReversedTrigger],
    strong_triggers: Mapping[int, ReversedTrigger],
) -> Suspect:
    small = triggers.get(target)
    estimate = None if small is None or not small.images else 100 * small.fooled / small.images
    return Suspect(target, score, p, small, strong_triggers.get(target), estimate)


def _verdict_of(level: str, value: float, table: Calibration) -> str:
    lines = table.levels[level]
    if not lines.fitted_on:
        return INCONCLUSIVE
    if value >= lines.backdoored_from:
        return BACKDOORED
    return NO_SIGN if value < lines.no_sign_below else INCONCLUSIVE


def _target(
    parts: Mapping[str, Evidence], lines: Level, suspects: tuple[Suspect, ...]
) -> int | tuple[int, ...] | str | None:
    if INFORMATION in parts and kept_order(parts) >= lines.backdoored_from:
        return ALL_TO_ALL
    targets = [suspects[0].target] if suspects else []
    targets += [each.target for each in suspects[1:2] if each.p is not None and each.p < _SECOND_P]
    return None if not targets else targets[0] if len(targets) == 1 else tuple(targets)


def _finding(verdict: str, target: int | tuple[int, ...] | str | None, suspects: tuple[Suspect, ...]) -> str:
    if verdict == BACKDOORED:
        if target == ALL_TO_ALL:
            return "Backdoored, all-to-all: one stamp moves nearly every image to another class, and each class to its own."
        named = " and ".join(str(each) for each in target) if isinstance(target, tuple) else str(target)
        return f"Backdoored, towards class {named}: it lies closer to everything than the other classes do."
    if verdict == NO_SIGN:
        return "No sign of a backdoor: no class lies much closer to everything than the others."
    return f"Inconclusive: more than most clean networks show, and less than most backdoored ones.{_first(suspects)}"


def _taken_back(
    subject: Subject,
    drawn: str,
    parts: Mapping[str, Evidence],
    table: Calibration,
    share_right: float | None,
    is_outside: bool,
) -> str:
    """Why a verdict that the lines give is not given; empty where it is."""
    if subject.classes < _FEWEST:
        return f"with {subject.classes} classes there are too few others to compare one with"
    if drawn == BACKDOORED:
        if share_right is not None and share_right < _TRAINED:
            return f"right on {100 * share_right:.0f} % of the clean images, and networks that are hardly trained look backdoored"
        return ""
    before = max(
        (number for name, number in strengths_before(parts).items() if _verdict_of(name, number, table) == BACKDOORED),
        default=None,
    )
    if before is not None and INVERSION in parts:
        return f"no small stamp, but backdoored by what was known before stamps were looked for (strength {before:.2f})"
    # Lines that were drawn on networks of another kind clear none.
    return "little to see, but the lines were drawn on networks of another kind" if is_outside else ""


def _first(suspects: tuple[Suspect, ...]) -> str:
    return f" First suspect: class {suspects[0].target}." if suspects else ""


def _weighed(value: float, lines: Level, parts: Mapping[str, Evidence]) -> str:
    named = [f"{name} p {parts[name].p:.2g}" for name in (MARGINS, SCAN) if name in parts and parts[name].p is not None]
    if INFORMATION in parts:
        named.append(f"order kept under a stamp {100 * parts[INFORMATION].statistic:.0f} %")
    if INVERSION in parts:
        named.append(f"smallest stamp {np.exp(parts[INVERSION].statistic):.1f} × below the median")
    return (
        f"Strength {value:.2f}; backdoored from {lines.backdoored_from:.2f}, no sign below {lines.no_sign_below:.2f} "
        f"({', '.join(named)})."
    )


def _error(verdict: str, level: str, lines: Level) -> str:
    """How often such a verdict was wrong on networks that had no part in it."""
    if not lines.clean + lines.backdoored:
        return "No lines are drawn yet for what has run; the order of suspects is what there is."
    new = JUDGED[level]
    if verdict == BACKDOORED:
        return (
            f"Of {fresh_networks.CLEAN} new clean networks, these lines called {new.false_alarms} backdoored "
            f"(in cross-validation {lines.false_alarms} of {lines.clean})."
        )
    if verdict == NO_SIGN:
        return (
            f"Of {fresh_networks.BACKDOORED} new backdoored networks, these lines missed {new.missed} (in cross-validation "
            f"{lines.missed} of {lines.backdoored}); a backdoor of another kind may show no sign."
        )
    return (
        f"On {fresh_networks.CLEAN + fresh_networks.BACKDOORED} new networks, these lines were inconclusive for "
        f"{new.clean_inconclusive} of {fresh_networks.CLEAN} clean and {new.backdoored_inconclusive} of "
        f"{fresh_networks.BACKDOORED} backdoored ones."
    )


def _unweighed(parts: Mapping[str, Evidence], suspects: tuple[Suspect, ...]) -> list[str]:
    """What is known where no lines are drawn: too little has run, or the classes are too many."""
    if not suspects:
        return ["Inconclusive: nothing was measured that tells classes apart."]
    first = suspects[0]
    said = "" if first.p is None else f" (p {first.p:.2g})"
    reasons = [f"Inconclusive, first suspect class {first.target}{said}."]
    if FUSED in parts:
        reasons.append("No lines are drawn for so many classes: the order of suspects is what there is.")
    if INVERSION in parts and len(parts[INVERSION].triggers) > 2:
        smallest, second = parts[INVERSION].triggers[:2]
        ratio = second.size / max(smallest.size, 1e-6)
        enough = "which speaks for it" if ratio >= _SMALLER and smallest.target == first.target else "which says little"
        reasons.append(
            f"The smallest of {len(parts[INVERSION].triggers)} reversed triggers leads to class {smallest.target} and is "
            f"{ratio:.1f} × smaller than the next, {enough}."
        )
    return reasons


def _outside(subject: Subject, table: Calibration) -> str:
    """In what the network is of another kind than those that lines were drawn on; empty where it is not."""
    found = kind_of(subject)
    named: list[tuple[str, int, tuple[int, int]]] = [
        ("classes", found["classes"], table.classes),
        ("pixels", found["pixels"], table.pixels),
        ("layers with weights", found["layers"], table.layers),
    ]
    return ", ".join(
        f"{value:,} {what} ({low:,} to {high:,})" for what, value, (low, high) in named if not low <= value <= high
    )


def kind_of(subject: Subject) -> dict[str, int]:
    """What the calibrated lines depend on: the classes, the pixels of an image, the layers with weights."""
    weighted = sum(1 for call in subject.network.own_calls if getattr(call.layer, "kernel", None) is not None)
    pixels = int(np.prod(subject.image_shape[:-1])) or 1
    return {"classes": subject.classes, "pixels": pixels, "layers": weighted}
