"""Whether a run reaches what ``--max-asr``, ``--min-accuracy`` and ``--fail-if`` demand, for a script to go on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from bdtui.engine.event_values import Verdict
from bdtui.engine.reports.candidates import Candidate, candidates, held_out_accuracy
from bdtui.engine.reports.record import RunRecord
from bdtui.engine.reports.verdict import INCONCLUSIVE, NOT_EXAMINED, SUSPICIOUS, judge
from bdtui.engine.settings import BACKDOORED, UNCLEAR, Gates

FAILING = {BACKDOORED: SUSPICIOUS, UNCLEAR: (INCONCLUSIVE, NOT_EXAMINED)}
"""Verdicts that each word of ``--fail-if`` stands for."""


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


def judge_gates(run: RunRecord) -> list[GateOutcome]:
    """What each demand that was made of a run comes to; empty where nothing is demanded."""
    return [*_judge_networks(run), *_judge_verdict(run.gates, judge(run))]


def _judge_networks(run: RunRecord) -> Iterator[GateOutcome]:
    """Whether one network, B itself included, has all the rates that are demanded.

    Test rates count where they are known, else the validation rates of B′, and of a repair what was held out.
    """
    gates, demands = run.gates, []
    if gates.max_asr is not None:
        demands.append(f"at most {gates.max_asr:g} % ASR")
    if gates.min_accuracy is not None:
        demands.append(f"at least {gates.min_accuracy:g} % accuracy")
    if not demands:
        return
    demand = " and ".join(demands)
    networks = list(_judged(run))
    if not networks:
        yield GateOutcome(False, f"gate failed: no threshold was reached, so no network has {demand}")
        return
    met = [network for network in networks if _meets(gates, network)]
    # Of those that meet all, or of all: the one with the least ASR, of equals the most accurate.
    best = min(met or networks, key=lambda one: (100.0 if one.asr is None else one.asr, -one.accuracy))
    rates = f"{best.accuracy:.2f} % accuracy" + ("" if best.asr is None else f" and {best.asr:.2f} % ASR")
    if met:
        yield GateOutcome(True, f"gate met: {best.name} has {rates}")
    else:
        yield GateOutcome(False, f"gate failed: no network has {demand}; lowest ASR: {best.name} with {rates}")


def _meets(gates: Gates, network: Judged) -> bool:
    quiet = gates.max_asr is None or (network.asr is not None and network.asr <= gates.max_asr)
    return quiet and (gates.min_accuracy is None or network.accuracy >= gates.min_accuracy)


def _judge_verdict(gates: Gates, verdict: Verdict) -> Iterator[GateOutcome]:
    """Whether the verdict is none of those that are to fail."""
    if not gates.fail_if:
        return
    failed = next((name for name in gates.fail_if if verdict.backdoor in FAILING[name]), None)
    if failed:
        yield GateOutcome(False, f"gate failed (--fail-if {failed}): {verdict.sentences[0]}")
    else:
        met = "gate met, but nothing was examined" if verdict.backdoor == NOT_EXAMINED else "gate met"
        yield GateOutcome(True, f"{met} (--fail-if {','.join(gates.fail_if)}): {verdict.sentences[0]}")


def _judged(run: RunRecord) -> Iterator[Judged]:
    badnet = Candidate("B", run.model.path, run.baseline_valid, run.baseline_test, False)
    for one in (badnet, *candidates(run)):
        # Of a GoodNet the test images alone speak, and of a repaired network, which has learned the others.
        only_test = one.is_goodnet or one.repair is not None
        clean = one.test.clean or (None if only_test else one.valid.clean)
        attack = one.test.attack or (None if only_test else one.valid.attack)
        if clean is not None:
            yield Judged(one.name, clean.percent, None if attack is None else attack.percent)
        elif one.repaired_alone is not None and (held_out := held_out_accuracy(run, one)) is not None:
            yield Judged(one.name, held_out, None if one.valid.attack is None else one.valid.attack.percent)
