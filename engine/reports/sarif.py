"""findings.sarif: what an examination found, as code scanning reads it (SARIF 2.1.0)."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any
from urllib.parse import quote

from bdtui.engine.detect.detection import BACKDOORED, INCONCLUSIVE, Detection
from bdtui.engine.reports.record import RunRecord
from bdtui.engine.reports.verdict.detection import detection_finding, next_by_detection

_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_SUSPECTED, _UNCLEAR = "backdoor-suspected", "backdoor-inconclusive"
_RULES = (
    (
        _SUSPECTED,
        "BackdoorSuspected",
        "The network is probably backdoored.",
        "Scores of the classes, found from the network and clean images alone, lie beyond the lines that networks without a "
        "backdoor keep. Do not deploy the network; repair it (bdtui --batch --repair auto), or measure it with poisoned images.",
        "error",
        "8.0",
    ),
    (
        _UNCLEAR,
        "BackdoorInconclusive",
        "Whether the network is backdoored could not be told.",
        "Scores of the classes lie between those of networks with and without a backdoor. Give more clean images, or poisoned "
        "ones, which measure it.",
        "warning",
        "5.0",
    ),
)


def sarif_log(run: RunRecord, root: Path) -> dict[str, Any] | None:
    """The findings of an examination; no result where there is no sign of a backdoor, None where nobody examined.

    Args:
        run: the run.
        root: the folder of the sources that code scanning shows; a model below it is named from there.
    """
    found = run.detection
    if found is None:
        return None
    rule = {BACKDOORED: 0, INCONCLUSIVE: 1}.get(found.verdict)
    location = _location(run.model.path, root)
    return {
        "$schema": _SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "bdtui",
                        "version": run.version,
                        "rules": [_rule(*texts) for texts in _RULES],
                    }
                },
                "artifacts": [{"location": location, "hashes": {"sha-256": run.model.sha256}}],
                "results": [] if rule is None else [_result(run, found, rule, location)],
                "columnKind": "unicodeCodePoints",
            }
        ],
    }


def _rule(identity: str, name: str, short: str, full: str, level: str, severity: str) -> dict[str, Any]:
    return {
        "id": identity,
        "name": name,
        "shortDescription": {"text": short},
        "fullDescription": {"text": full},
        "help": {"text": full},
        "defaultConfiguration": {"level": level},
        "properties": {"tags": ["security", "machine-learning", "backdoor"], "security-severity": severity},
    }


def _result(run: RunRecord, found: Detection, rule: int, location: dict[str, Any]) -> dict[str, Any]:
    identity, level = _RULES[rule][0], _RULES[rule][4]
    sentences = [f"{detection_finding(run, found)}", *found.reasons[1:], next_by_detection(run, found)]
    suspects = [
        {"class": each.target, "name": run.model.class_text(each.target), "score": each.score, "p": each.p}
        for each in found.suspects[:10]
    ]
    targets = [found.target] if isinstance(found.target, (int, str)) else list(found.target or ())
    return {
        "ruleId": identity,
        "ruleIndex": rule,
        "level": level,
        "message": {"text": " ".join(sentences)},
        # A model has no lines; what shows findings wants one all the same.
        "locations": [{"physicalLocation": {"artifactLocation": {**location, "index": 0}, "region": {"startLine": 1}}}],
        "partialFingerprints": {"modelAndTarget/v1": f"{run.model.sha256}:{','.join(map(str, targets)) or identity}"},
        "properties": {"targets": targets, "suspects": suspects, "strength": found.strength},
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
