"""findings.sarif: what an examination found, as code scanning reads it (SARIF 2.1.0)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from bdtui.engine.detect.detection import BACKDOORED, INCONCLUSIVE, Detection
from bdtui.engine.event_values import FINDING, NEXT, RECOMMENDATION
from bdtui.engine.reports.record import RunRecord
from bdtui.engine.reports.verdict import MEASURED, judge
from bdtui.engine.reports.verdict.detection import detection_finding, detection_reasons, next_by_detection
from bdtui.engine.reports.verdict.evidence import baseline

_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


@dataclass(frozen=True)
class _Rule:
    identity: str
    name: str
    short: str
    full: str
    level: str
    severity: str

    def as_json(self) -> dict[str, Any]:
        return {
            "id": self.identity,
            "name": self.name,
            "shortDescription": {"text": self.short},
            "fullDescription": {"text": self.full},
            "help": {"text": self.full},
            "defaultConfiguration": {"level": self.level},
            "properties": {"tags": ["security", "machine-learning", "backdoor"], "security-severity": self.severity},
        }


_MEASURED = _Rule(
    "backdoor-measured",
    "BackdoorMeasured",
    "Poisoned images lead the network to the attacker's class.",
    "The attack success rate on poisoned images is higher than chance allows. Do not deploy the network; repair it "
    "(bdtui --batch --repair auto).",
    "error",
    "9.0",
)
_SUSPECTED = _Rule(
    "backdoor-suspected",
    "BackdoorSuspected",
    "The network is probably backdoored.",
    "Scores of the classes, found without poisoned images, lie beyond those of networks without a backdoor. Do not deploy "
    "the network; repair it (bdtui --batch --repair auto), or measure it with poisoned images.",
    "error",
    "8.0",
)
_UNCLEAR = _Rule(
    "backdoor-inconclusive",
    "BackdoorInconclusive",
    "Whether the network is backdoored could not be told.",
    "Scores of the classes lie between those of networks with and without a backdoor. Give more clean images, or poisoned "
    "ones, which measure it.",
    "warning",
    "5.0",
)
_RULES = (_MEASURED, _SUSPECTED, _UNCLEAR)


def sarif_log(run: RunRecord, root: Path) -> dict[str, Any] | None:
    """The findings of a run that looked for a backdoor: no result where there is no sign of one; else None.

    Args:
        run: the run.
        root: the folder of the sources that code scanning shows; a model below it is named from there.
    """
    if run.detection is None:
        return None
    location = _location(run.model.path, root)
    return {
        "$schema": _SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {"name": "bdtui", "version": run.version, "rules": [rule.as_json() for rule in _RULES]}
                },
                "artifacts": [{"location": location, "hashes": {"sha-256": run.model.sha256}}],
                "results": [_result(run, *found, location) for found in _findings(run, run.detection)],
                "columnKind": "unicodeCodePoints",
            }
        ],
    }


def _findings(run: RunRecord, found: Detection) -> Iterator[tuple[_Rule, list[int | str], list[str]]]:
    """Of each finding its rule, the target classes, and sentences: what poisoned images show comes first."""
    verdict = judge(run)
    is_measured = verdict.backdoor == MEASURED
    if is_measured:
        targets = [] if verdict.target is None else [verdict.target]
        kinds = (FINDING, RECOMMENDATION, NEXT)
        told = [text for kind, text in zip(verdict.kinds, verdict.sentences, strict=True) if kind in kinds]
        yield _MEASURED, targets, told
    if found.verdict == BACKDOORED or (found.verdict == INCONCLUSIVE and not is_measured):
        targets = [found.target] if isinstance(found.target, (int, str)) else list(found.target or ())
        has_poisoned = baseline(run).attack is not None
        told = [] if has_poisoned else [detection_finding(run, found)]
        told += detection_reasons(run, is_measured=has_poisoned)
        told += [] if has_poisoned else [next_by_detection(run, found)]
        yield (_SUSPECTED if found.verdict == BACKDOORED else _UNCLEAR), targets, told


def _result(
    run: RunRecord, rule: _Rule, targets: list[int | str], sentences: list[str], location: dict[str, Any]
) -> dict[str, Any]:
    found = run.detection
    suspects = [
        {"class": each.target, "name": run.model.class_text(each.target), "score": each.score, "p": each.p}
        for each in (() if found is None else found.suspects[:10])
    ]
    return {
        "ruleId": rule.identity,
        "ruleIndex": _RULES.index(rule),
        "level": rule.level,
        "message": {"text": " ".join(sentences)},
        # A model has no lines; what shows findings wants one all the same.
        "locations": [{"physicalLocation": {"artifactLocation": {**location, "index": 0}, "region": {"startLine": 1}}}],
        "partialFingerprints": {"modelAndTargets/v1": f"{run.model.sha256}:{','.join(map(str, targets))}"},
        "properties": {"targets": targets, "suspects": suspects, "strength": None if found is None else found.strength},
    }


def _location(path: str, root: Path) -> dict[str, Any]:
    """Where the model is: from the root, or in full where it lies elsewhere."""
    whole = Path(os.path.abspath(path))  # noqa: PTH100 (resolve() would follow links)
    base = Path(os.path.abspath(root))  # noqa: PTH100
    if whole.is_relative_to(base):
        return {"uri": _quoted(whole.relative_to(base).as_posix()), "uriBaseId": "%SRCROOT%"}
    return {"uri": f"file://{_quoted(whole.as_posix())}"}


def _quoted(path: str) -> str:
    return quote(path.encode("utf-8", "surrogateescape"))
