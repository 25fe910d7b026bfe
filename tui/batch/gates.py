"""The gates of ``--max-asr`` and ``--min-accuracy``: what a run has to reach for a script to go on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Candidate:
    """A network of a run, with its rates in percent; ``asr`` is None where it was not measured."""

    name: str
    accuracy: float
    asr: float | None


@dataclass(frozen=True)
class Verdict:
    """Whether the gates are met, and by what or why not."""

    met: bool
    sentence: str


@dataclass(frozen=True)
class Gates:
    """What one network of a run, pruned or GoodNet, has to meet, in percent; None for no demand."""

    max_asr: float | None = None
    min_accuracy: float | None = None

    def judge(self, results: Mapping[str, Any]) -> Verdict | None:
        """Judge the content of a results.json; None where nothing is demanded.

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
        candidates = list(_candidates(results))
        if not candidates:
            return Verdict(False, f"gate failed: no threshold was reached, so no network has {demand}")
        met = [candidate for candidate in candidates if self._is_met(candidate)]
        # Of those that meet all, or of all: the one with the least ASR, of equals the most accurate.
        best = min(met or candidates, key=lambda one: (100.0 if one.asr is None else one.asr, -one.accuracy))
        rates = f"{best.accuracy:.2f} % accuracy" + ("" if best.asr is None else f" and {best.asr:.2f} % ASR")
        if met:
            return Verdict(True, f"gate met: {best.name} has {rates}")
        return Verdict(False, f"gate failed: no network has {demand}; lowest ASR: {best.name} with {rates}")

    def _is_met(self, candidate: Candidate) -> bool:
        quiet = self.max_asr is None or (candidate.asr is not None and candidate.asr <= self.max_asr)
        return quiet and (self.min_accuracy is None or candidate.accuracy >= self.min_accuracy)


def _candidates(results: Mapping[str, Any]) -> Iterator[Candidate]:
    for threshold in results["thresholds"]:
        rates = {"B′": threshold["test"]["pruned"], "GoodNet": threshold["test"]["goodnet"]}
        for name, test in rates.items():
            known = threshold["valid"] if name == "B′" else {}
            accuracy, asr = (
                known.get(rate) if test[rate] is None else test[rate]
                for rate in ("clean_accuracy", "attack_success_rate")
            )
            if accuracy is not None:
                yield Candidate(f"{name} at X={threshold['drop']:g}", accuracy, asr)
