"""The answer a person came for: is there a backdoor, towards what, did it survive, and what can be used instead."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from bdtui.engine.event_values import (
    COMPARISON,
    DETECTION,
    FINDING,
    GOODNET_FATES,
    NEXT,
    RECOMMENDATION,
    REPAIRS,
    SURVIVAL,
    WARNING,
    Verdict,
)
from bdtui.engine.inputs.doubts import is_doubt
from bdtui.engine.reports.record import RunRecord
from bdtui.engine.reports.verdict.backdoor import finding, kind_of_backdoor
from bdtui.engine.reports.verdict.compared import comparison
from bdtui.engine.reports.verdict.detection import (
    detection_finding,
    detection_reasons,
    suspected_target,
    suspicion,
)
from bdtui.engine.reports.verdict.evidence import INCONCLUSIVE, MEASURED, NO_SIGN, NOT_EXAMINED
from bdtui.engine.reports.verdict.fates import goodnet_fates
from bdtui.engine.reports.verdict.next_step import next_step
from bdtui.engine.reports.verdict.recommendation import recommendation, recommended_network
from bdtui.engine.reports.verdict.repaired import repairs
from bdtui.engine.reports.verdict.survival import survival, survives_pruning
from bdtui.engine.reports.verdict.warning import warnings


def judge(run: RunRecord) -> Verdict:
    """Judge a run.

    Poisoned images that are given may tell which network to use, those for validation alone; test images only measure.
    """
    backdoor = kind_of_backdoor(run)
    detection = run.detection if backdoor == NOT_EXAMINED else None
    survives = survives_pruning(run) if backdoor == MEASURED else None
    doubts = [f"But {notice}." for notice in run.notices if is_doubt(notice)]
    is_clear = backdoor not in (MEASURED, NOT_EXAMINED) or (detection is not None and detection.verdict == NO_SIGN)
    recommended = None if is_clear or doubts else recommended_network(run)
    settle = ["Next: settle what is in doubt, and run again; the rates here mean little."]
    parts: list[tuple[str, Iterable[str]]] = [
        (FINDING, [finding(run, backdoor) if detection is None else detection_finding(run, detection)]),
        (DETECTION, detection_reasons(run, is_measured=backdoor != NOT_EXAMINED)),
        (WARNING, doubts),
        (SURVIVAL, survival(run, survives, backdoor)),
        (RECOMMENDATION, () if doubts else recommendation(run, recommended, backdoor)),
        (GOODNET_FATES, () if backdoor == NO_SIGN else goodnet_fates(run, recommended)),
        (REPAIRS, repairs(run)),
        (COMPARISON, comparison(run)),
        (WARNING, warnings(run)),
        (NEXT, settle if doubts else next_step(run, backdoor, recommended)),
    ]
    told = [(kind, sentence) for kind, sentences in parts for sentence in sentences]
    target = run.target if backdoor == MEASURED else None
    if detection is not None:
        backdoor, target = suspicion(detection), suspected_target(detection)
    file = None if recommended is None else recommended.file
    return Verdict(
        INCONCLUSIVE if doubts and backdoor != NOT_EXAMINED else backdoor,
        target,
        survives,
        file,
        sentences=tuple(sentence for _, sentence in told),
        kinds=tuple(kind for kind, _ in told),
    )


def results_json(run: RunRecord) -> dict[str, Any]:
    """The content of results.json: the record of a run, and its verdict."""
    verdict = asdict(judge(run))
    lists = {name: list(verdict[name]) for name in ("sentences", "kinds")}
    return {**run.as_json(), "verdict": {**verdict, **lists}}
