"""What an examination concludes, as plain values: reports and screens read them without TensorFlow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from bdtui.engine.detect.evidence import Evidence, ReversedTrigger
from bdtui.engine.evaluation.target import ALL_TO_ALL

BACKDOORED, NO_SIGN, INCONCLUSIVE = "backdoored", "no sign", "inconclusive"

__all__ = ["ALL_TO_ALL", "BACKDOORED", "INCONCLUSIVE", "NO_SIGN", "Detection", "Suspect"]


@dataclass(frozen=True)
class Suspect:
    """A class that a backdoor may lead to.

    Attributes:
        target: the class.
        score: how suspicious it is: mean of the methods' robust deviations from the other classes.
        p: the chance that a class has such a score without a backdoor, all classes counted; None where nothing says.
        trigger: the small one that was reversed for it; None where none was looked for.
        strong_trigger: the strong one.
        surrogate_asr: in percent, of the small trigger on clean images: an estimate of what a trigger does, and no
            evidence of one; None where there is none.
        trigger_file: the picture of the small one in the folder of a run; None where none was written.
    """

    target: int
    score: float
    p: float | None
    trigger: ReversedTrigger | None = None
    strong_trigger: ReversedTrigger | None = None
    surrogate_asr: float | None = None
    trigger_file: str | None = None

    def as_json(self, trigger_file: str | None = None) -> dict[str, Any]:
        """The suspect in results.json."""
        return {
            "class": self.target,
            "score": self.score,
            "p": self.p,
            "trigger": trigger_file or self.trigger_file,
            "surrogate_asr": self.surrogate_asr,
        }


@dataclass(frozen=True)
class Detection:
    """Is it backdoored, and towards which class?

    Attributes:
        verdict: `BACKDOORED`, `NO_SIGN` or `INCONCLUSIVE`.
        target: the class or classes, or ``all-to-all``; None unless it is backdoored.
        reasons: sentences for a person: what was found, how often that is wrong, what it does not hold for.
        suspects: the most suspicious classes, the first one first.
        strength: the number that the calibrated lines are drawn on; None where nothing was measured.
        level: of the calibration that it was judged by, e.g. ``labelled``.
        seconds: all in all.
        parts: what each method found, by its name.
        calibrated: whether the network is of a kind that the lines were drawn on.
    """

    verdict: str
    target: int | tuple[int, ...] | str | None
    reasons: tuple[str, ...]
    suspects: tuple[Suspect, ...] = ()
    strength: float | None = None
    level: str = ""
    seconds: float = 0.0
    parts: Mapping[str, Evidence] = field(default_factory=dict)
    calibrated: bool = True

    def as_json(self, trigger_files: Mapping[int, str] | None = None) -> list[dict[str, Any]]:
        """``detections`` of results.json: the conclusion, named ``auto``, then what each method found.

        Args:
            trigger_files: names of the files that reversed triggers were written to, by class.
        """
        files = trigger_files or {}
        targets = [self.target] if isinstance(self.target, (int, str)) else list(self.target or ())
        first = {
            "method": "auto",
            "seconds": self.seconds,
            "verdict": self.verdict,
            "p": self.suspects[0].p if self.suspects else None,
            "suspects": [suspect.as_json(files.get(suspect.target)) for suspect in self.suspects],
            "targets": targets,
            "strength": self.strength,
            "level": self.level,
            "calibrated": self.calibrated,
            "sentences": list(self.reasons),
        }
        return [first, *(_part_json(name, part) for name, part in self.parts.items())]


def _part_json(name: str, part: Evidence) -> dict[str, Any]:
    """One method's entry: it gives no verdict of its own, since no line is drawn on it alone."""
    known = np.flatnonzero(np.isfinite(part.scores))
    best = known[np.argsort(-part.scores[known], kind="stable")][:3]
    suspects = [Suspect(int(each), float(part.scores[each]), None).as_json() for each in best]
    return {
        "method": name,
        "seconds": part.seconds,
        "verdict": None,
        "p": part.p,
        "statistic": part.statistic if np.isfinite(part.statistic) else None,
        "suspects": suspects,
    }
