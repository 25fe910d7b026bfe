"""The gates of ``--max-asr`` and ``--min-accuracy``: what a run has to reach for a script to go on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bdtui.engine.report import MeasuredThreshold


@dataclass(frozen=True)
class Gates:
    """What one network of a run, pruned or GoodNet, has to meet, in percent; None for no demand."""

    max_asr: float | None = None
    min_accuracy: float | None = None

    def failure(self, tested: Sequence[MeasuredThreshold]) -> str | None:
        """Why no network of the run meets the gates, or None when one does.

        Test rates count where they are known, else validation rates.
        """
        if self.max_asr is None and self.min_accuracy is None:
            return None
        candidates = []
        for entry in tested:
            name = f"X={entry.threshold.drop:g}"
            for kind, test, valid in (
                ("B′", entry.pruned_test, entry.threshold.rates),
                ("GoodNet", entry.goodnet_test, entry.goodnet_valid),
            ):
                clean = test.clean or (valid.clean if valid else None)
                attack = test.attack or (valid.attack if valid else None)
                if clean is None or (attack is None and self.max_asr is not None):
                    continue
                asr = attack.percent if attack else None
                if self._met(clean.percent, asr):
                    return None
                candidates.append((asr or 0.0, -clean.percent, f"{kind} at {name}"))
        demand = " and ".join(
            text
            for text, limit in (
                (f"at most {self.max_asr:g} % ASR" if self.max_asr is not None else "", self.max_asr),
                (
                    f"at least {self.min_accuracy:g} % accuracy" if self.min_accuracy is not None else "",
                    self.min_accuracy,
                ),
            )
            if limit is not None
        )
        if not candidates:
            return f"gate not met: no threshold was reached, so no network has {demand}"
        asr, accuracy, name = min(candidates)
        return f"gate not met: no network has {demand}; nearest is {name} with {-accuracy:.2f} % accuracy" + (
            f" and {asr:.2f} % ASR" if self.max_asr is not None else ""
        )

    def _met(self, accuracy: float, asr: float | None) -> bool:
        return (self.max_asr is None or (asr is not None and asr <= self.max_asr)) and (
            self.min_accuracy is None or accuracy >= self.min_accuracy
        )
