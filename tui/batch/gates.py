"""The gates of ``--max-asr`` and ``--min-accuracy``: what a run has to reach for a script to go on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from bdtui.engine.rates import NO_RATES, Rates
from bdtui.engine.reports.record import RunRecord


@dataclass(frozen=True)
class Candidate:
    """A network of a run, with its rates in percent; ``asr`` is None where it was not measured."""

    name: str
    accuracy: float
    asr: float | None


@dataclass(frozen=True)
class GateOutcome:
    """Whether the gates are met, and by what or why not."""

    met: bool
    sentence: str


@dataclass(frozen=True)
class Gates:
    """What one network of a run, pruned or GoodNet, has to meet, in percent; None for no demand."""

    max_asr: float | None = None
    min_accuracy: float | None = None

    def judge(self, run: RunRecord) -> GateOutcome | None:
        """Judge a run; None where nothing is demanded.

        Test rates count where they are known, else the validation rates of B′.
        """
        if self.max_asr is None and self.min_accuracy is None:
            return None
        demands = []
        if self.max_asr is not None:
            demands.append(f"at most {self.max_asr:g} % ASR")
        if self.min_accuracy is not None:
            demands.append(f"at least {self.min_accuracy:g} % accuracy")
        demand = " and ".join(demands)
        candidates = list(_candidates(run))
        if not candidates:
            return GateOutcome(False, f"gate failed: no threshold was reached, so no network has {demand}")
        met = [candidate for candidate in candidates if self._is_met(candidate)]
        # Of those that meet all, or of all: the one with the least ASR, of equals the most accurate.
        best = min(met or candidates, key=lambda one: (100.0 if one.asr is None else one.asr, -one.accuracy))
        rates = f"{best.accuracy:.2f} % accuracy" + ("" if best.asr is None else f" and {best.asr:.2f} % ASR")
        if met:
            return GateOutcome(True, f"gate met: {best.name} has {rates}")
        return GateOutcome(False, f"gate failed: no network has {demand}; lowest ASR: {best.name} with {rates}")

    def _is_met(self, candidate: Candidate) -> bool:
        quiet = self.max_asr is None or (candidate.asr is not None and candidate.asr <= self.max_asr)
        return quiet and (self.min_accuracy is None or candidate.accuracy >= self.min_accuracy)


def _candidates(run: RunRecord) -> Iterator[Candidate]:
    for threshold in run.thresholds:
        name = f"at X={threshold.drop:g}"
        yield from _candidate(f"B′ {name}", threshold.pruned_test, threshold.rates)
        yield from _candidate(f"GoodNet {name}", threshold.goodnet_test, NO_RATES)


def _candidate(name: str, test: Rates, valid: Rates) -> Iterator[Candidate]:
    clean, attack = test.clean or valid.clean, test.attack or valid.attack
    if clean is not None:
        yield Candidate(name, clean.percent, None if attack is None else attack.percent)
