"""The gates of ``--max-asr`` and ``--min-accuracy``: what a run has to reach for a script to go on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from bdtui.engine.reports.candidates import candidates
from bdtui.engine.reports.record import RunRecord


@dataclass(frozen=True)
class Judged:
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
        networks = list(_judged(run))
        if not networks:
            return GateOutcome(False, f"gate failed: no threshold was reached, so no network has {demand}")
        met = [network for network in networks if self._is_met(network)]
        # Of those that meet all, or of all: the one with the least ASR, of equals the most accurate.
        best = min(met or networks, key=lambda one: (100.0 if one.asr is None else one.asr, -one.accuracy))
        rates = f"{best.accuracy:.2f} % accuracy" + ("" if best.asr is None else f" and {best.asr:.2f} % ASR")
        if met:
            return GateOutcome(True, f"gate met: {best.name} has {rates}")
        return GateOutcome(False, f"gate failed: no network has {demand}; lowest ASR: {best.name} with {rates}")

    def _is_met(self, network: Judged) -> bool:
        quiet = self.max_asr is None or (network.asr is not None and network.asr <= self.max_asr)
        return quiet and (self.min_accuracy is None or network.accuracy >= self.min_accuracy)


def _judged(run: RunRecord) -> Iterator[Judged]:
    for one in candidates(run):
        # Of a GoodNet the test images alone speak.
        clean = one.test.clean or (None if one.is_goodnet else one.valid.clean)
        attack = one.test.attack or (None if one.is_goodnet else one.valid.attack)
        if clean is not None:
            yield Judged(one.name, clean.percent, None if attack is None else attack.percent)
