"""findings.sarif has the shape that SARIF 2.1.0 demands, and says of a run what its verdict says."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from bdtui.engine.detect.detection import ALL_TO_ALL, INCONCLUSIVE, NO_SIGN
from bdtui.engine.reports.record import RunRecord
from bdtui.engine.reports.sarif import sarif_log
from tests.engine.reports.pages import clean_run, detection, full_run

SHAPE: dict[str, tuple[dict[str, type | tuple[type, ...]], dict[str, type | tuple[type, ...]]]] = {
    # Object of the standard: properties it must have, and those used here that it may have.
    "sarifLog": ({"version": str, "runs": list}, {"$schema": str}),
    "run": ({"tool": dict}, {"results": list, "artifacts": list, "columnKind": str}),
    "toolComponent": ({"name": str}, {"version": str, "rules": list}),
    "reportingDescriptor": (
        {"id": str},
        {
            "name": str,
            "shortDescription": dict,
            "fullDescription": dict,
            "help": dict,
            "defaultConfiguration": dict,
            "properties": dict,
        },
    ),
    "artifact": ({}, {"location": dict, "hashes": dict}),
    "artifactLocation": ({}, {"uri": str, "uriBaseId": str, "index": int}),
    "result": (
        {"message": dict},
        {
            "ruleId": str,
            "ruleIndex": int,
            "level": str,
            "locations": list,
            "partialFingerprints": dict,
            "properties": dict,
        },
    ),
    "location": ({}, {"physicalLocation": dict}),
    "physicalLocation": ({"artifactLocation": dict}, {"region": dict}),
    "region": ({}, {"startLine": int}),
}
"""After the schema of the standard, oasis-tcs/sarif-spec; additional properties are not allowed by it either."""


def check(kind: str, value: dict[str, Any]) -> dict[str, Any]:
    required, allowed = SHAPE[kind]
    assert set(required) <= set(value) <= set(required) | set(allowed), kind
    for name, part in value.items():
        assert isinstance(part, {**required, **allowed}[name]), (kind, name)
    return value


def checked(log: dict[str, Any]) -> dict[str, Any]:
    """The only run of a log that has the shape of the standard."""
    json.dumps(log, allow_nan=False)
    assert check("sarifLog", log)["version"] == "2.1.0"
    (run,) = log["runs"]
    check("run", run)
    assert run["columnKind"] in ("utf16CodeUnits", "unicodeCodePoints")
    rules = [check("reportingDescriptor", rule) for rule in check("toolComponent", run["tool"]["driver"])["rules"]]
    assert len({rule["id"] for rule in rules}) == len(rules)
    for rule in rules:
        assert all(rule[name]["text"] for name in ("shortDescription", "fullDescription", "help"))
        assert rule["defaultConfiguration"]["level"] in ("none", "note", "warning", "error")
        assert 0 <= float(rule["properties"]["security-severity"]) <= 10, "a string, as code scanning wants it"
    artifacts = [check("artifactLocation", check("artifact", artifact)["location"]) for artifact in run["artifacts"]]
    for result in run["results"]:
        check("result", result)
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
        assert result["level"] in ("none", "note", "warning", "error")
        assert result["message"]["text"].endswith(".")
        assert all(isinstance(value, str) for value in result["partialFingerprints"].values())
        for location in result["locations"]:
            place = check("physicalLocation", check("location", location)["physicalLocation"])
            assert check("region", place["region"])["startLine"] >= 1
            at = check("artifactLocation", place["artifactLocation"])
            assert artifacts[at["index"]]["uri"] == at["uri"]
    return dict(run)


def findings(run: RunRecord) -> list[tuple[str, str]]:
    log = sarif_log(run, Path("/data"))
    assert log is not None
    return [(result["ruleId"], result["level"]) for result in checked(log)["results"]]


def test_a_run_that_looked_for_nothing_has_no_findings_file() -> None:
    assert sarif_log(replace(full_run(), detection=None), Path("/")) is None


@pytest.mark.parametrize(
    ("run", "expected"),
    [
        (replace(clean_run(), detection=detection()), [("backdoor-suspected", "error")]),
        (
            replace(clean_run(), detection=replace(detection(), verdict=INCONCLUSIVE, target=None)),
            [("backdoor-inconclusive", "warning")],
        ),
        (replace(clean_run(), detection=replace(detection(), verdict=NO_SIGN, target=None)), []),
        (full_run(), [("backdoor-measured", "error"), ("backdoor-suspected", "error")]),
        (
            replace(full_run(), detection=replace(detection(), verdict=INCONCLUSIVE, target=None)),
            [("backdoor-measured", "error")],
        ),
        (replace(clean_run(), detection=replace(detection(), target=ALL_TO_ALL)), [("backdoor-suspected", "error")]),
        (replace(clean_run(), detection=replace(detection(), target=(1, 3))), [("backdoor-suspected", "error")]),
    ],
)
def test_findings_have_the_level_of_the_verdict(run: RunRecord, expected: list[tuple[str, str]]) -> None:
    assert findings(run) == expected


def result_of(run: RunRecord, root: str) -> dict[str, Any]:
    log = sarif_log(run, Path(root))
    assert log is not None
    return dict(checked(log)["results"][0])


def suspected(path: str) -> RunRecord:
    run = clean_run()
    return replace(run, model=replace(run.model, path=path), detection=detection())


def test_a_finding_says_what_it_rests_on() -> None:
    result = result_of(suspected("/data/net.h5"), "/data")
    assert result["message"]["text"].startswith(
        "Backdoor suspected, towards class 3; no poisoned image measured it. Strength 2.00"
    )
    assert result["properties"]["targets"] == [3]
    assert [suspect["class"] for suspect in result["properties"]["suspects"]] == [3, 0]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/repository/nets/a net#1?.h5", {"uri": "nets/a%20net%231%3F.h5", "uriBaseId": "%SRCROOT%", "index": 0}),
        ("/elsewhere/net.h5", {"uri": "file:///elsewhere/net.h5", "index": 0}),
        ("/repository/../etc/net.h5", {"uri": "file:///etc/net.h5", "index": 0}),
    ],
)
def test_the_model_is_named_from_the_root_of_the_sources(path: str, expected: dict[str, Any]) -> None:
    place = result_of(suspected(path), "/repository")["locations"][0]["physicalLocation"]["artifactLocation"]
    assert place == expected


def test_a_path_that_is_no_unicode_is_named_byte_by_byte() -> None:
    place = result_of(suspected("/data/net\udcff.h5"), "/data")["locations"][0]["physicalLocation"]["artifactLocation"]
    assert unquote(place["uri"], errors="surrogateescape") == "net\udcff.h5"


def test_a_finding_is_the_same_one_tomorrow() -> None:
    one, other = (result_of(suspected(path), "/")["partialFingerprints"] for path in ("/a/net.h5", "/b/net.h5"))
    assert one == other, "of the same network and class, wherever it lies"
