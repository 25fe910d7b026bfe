"""Reads ``detections`` of a results.json again, which may have been written by anybody."""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite
from typing import Any

import numpy as np

from bdtui.engine.detect.detection import ALL_TO_ALL, BACKDOORED, INCONCLUSIVE, NO_SIGN, Detection, Suspect
from bdtui.engine.detect.evidence import Evidence

_MOST_CLASSES = 1_000_000


def detection_from_json(content: Any) -> Detection:
    """The conclusion in what `Detection.as_json` gave; of each method its three first classes.

    Raises:
        ValueError: it is not what `Detection.as_json` gives.
    """
    try:
        return _detection(content)
    except (LookupError, TypeError, AttributeError, ArithmeticError) as problem:
        raise ValueError(f"not what an examination found: {problem!r}") from problem


def _detection(content: Any) -> Detection:
    first, *others = content
    if first["method"] != "auto" or first["verdict"] not in (BACKDOORED, NO_SIGN, INCONCLUSIVE):
        raise ValueError("no conclusion")
    targets = [each if each == ALL_TO_ALL else _class(each) for each in first["targets"]]
    if (targets and first["verdict"] != BACKDOORED) or (ALL_TO_ALL in targets and len(targets) > 1):
        raise ValueError(f"{first['verdict']} with targets {targets}")
    several = tuple(each for each in targets if isinstance(each, int))
    return Detection(
        verdict=first["verdict"],
        target=None if not targets else targets[0] if len(targets) == 1 else several,
        reasons=tuple(_text(sentence) for sentence in first["sentences"]),
        suspects=tuple(_suspect(each) for each in first["suspects"]),
        strength=_number_or_none(first["strength"]),
        level=_text(first["level"]),
        seconds=_number(first["seconds"]),
        parts={_text(each["method"]): _part(each) for each in others},
        calibrated=_flag(first["calibrated"]),
    )


def _suspect(content: Mapping[str, Any]) -> Suspect:
    file, share = content["trigger"], _number_or_none(content["surrogate_asr"])
    if share is not None and not 0 <= share <= 100:
        raise ValueError(f"{share} %")
    return Suspect(
        _class(content["class"]),
        _number(content["score"]),
        _chance(content["p"]),
        surrogate_asr=share,
        trigger_file=None if file is None else _file(file),
    )


def _part(content: Mapping[str, Any]) -> Evidence:
    found = {each.target: each.score for each in map(_suspect, content["suspects"])}
    scores = np.full(max(found, default=-1) + 1, np.nan)
    for target, score in found.items():
        scores[target] = score
    statistic = _number_or_none(content["statistic"])
    return Evidence(
        scores, np.nan if statistic is None else statistic, _chance(content["p"]), _number(content["seconds"])
    )


def _file(value: Any) -> str:
    """A name in the folder of the run: nothing that leads elsewhere."""
    if not _text(value) or set(value) & set("/\\\0") or value in (".", ".."):
        raise ValueError(f"{value!r} is no file name")
    return str(value)


def _class(value: Any) -> int:
    if type(value) is not int or not 0 <= value < _MOST_CLASSES:
        raise ValueError(f"class {value!r}")
    return value


def _chance(value: Any) -> float | None:
    found = _number_or_none(value)
    if found is not None and not 0 <= found <= 1:
        raise ValueError(f"p {found}")
    return found


def _number_or_none(value: Any) -> float | None:
    return None if value is None else _number(value)


def _number(value: Any) -> float:
    if type(value) not in (int, float) or not isfinite(value):
        raise TypeError(f"{value!r} is no number")
    return float(value)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no text")
    return value


def _flag(value: Any) -> bool:
    if type(value) is not bool:
        raise TypeError(f"{value!r} is neither true nor false")
    return value
