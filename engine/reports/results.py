"""Reads the record of a run from its results.json, whoever wrote it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from math import isclose, isfinite
from pathlib import Path
from typing import Any

from bdtui.engine.errors import DataError
from bdtui.engine.evaluation.target import ALL_TO_ALL
from bdtui.engine.event_values import ComparedOrder, ComparedThreshold, Threshold
from bdtui.engine.pruning.curve import Step
from bdtui.engine.rates import NO_RATES, Rates, Share
from bdtui.engine.reports.record import (
    SCHEMA,
    RecordedImages,
    RecordedLayer,
    RecordedModel,
    RecordedTrigger,
    RunRecord,
)
from bdtui.engine.settings import (
    CLEAN_TEST,
    CLEAN_VALID,
    FAIL_IF,
    MEAN_STD,
    NEXT,
    POISONED_TEST,
    POISONED_VALID,
    PREPROCESSINGS,
    RAW,
    ROLES,
    UNIT,
    Gates,
)

_LARGEST = 2**26
"""Bytes of a results.json that are read."""
_NOTHING = NO_RATES.as_json()
_EXPECTED = "expected the results of a run (without it, --resume makes it again)"


def read_results(path: Path) -> dict[str, Any]:
    """Read a results.json as JSON, whoever wrote it.

    Raises:
        DataError: it cannot be read, or is of no schema that is known.
    """
    try:
        if path.stat().st_size > _LARGEST:
            raise DataError(f"{path}: is {path.stat().st_size:,} bytes long; {_EXPECTED}")
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as problem:
        raise DataError(f"{path}: cannot be read as JSON; {_EXPECTED}") from problem
    if not isinstance(content, dict) or content.get("schema") != SCHEMA:
        raise DataError(f"{path}: has no schema {SCHEMA}; {_EXPECTED}")
    return content


def read_record(path: Path) -> RunRecord:
    """Read the record of a run from its results.json.

    Raises:
        DataError: it cannot be read, or is no results.json.
    """
    return record_of(path, read_results(path))


def record_of(path: Path, content: Mapping[str, Any]) -> RunRecord:
    """The record in what `read_results` has read.

    Raises:
        DataError: it is no results.json.
    """
    try:
        return record_from_json(content)
    except ValueError as problem:
        raise DataError(f"{path}: is no results.json as bdtui writes it; {_EXPECTED}") from problem


def record_from_json(content: Any) -> RunRecord:
    """The run in the content of a results.json.

    Raises:
        ValueError: it is not what `RunRecord.as_json` gives.
    """
    try:
        return _record(content)
    except (LookupError, TypeError, AttributeError, ArithmeticError) as problem:
        raise ValueError(f"not the results of a run: {problem!r}") from problem


def compared_from_json(content: Any, clean: int, poisoned: int) -> ComparedOrder:
    """A compared order with its counts again.

    Args:
        content: as `ComparedOrder.as_json` gives it.
        clean: number of clean validation images.
        poisoned: number of poisoned ones.

    Raises:
        ValueError: it is something else.
    """
    try:
        channels = _integer(content["channels"])
        if channels < 1 or not content["thresholds"]:
            raise ValueError("no channel or no threshold")
        return ComparedOrder(
            layer=_text(content["layer"]),
            pruned=_text(content["pruned"]),
            channels=channels,
            ranking=_text(content["ranking"]),
            thresholds=tuple(
                ComparedThreshold(
                    _number(threshold["drop"]),
                    None if threshold["step"] is None else _step(threshold["step"], channels),
                    _rates(threshold, clean, poisoned),
                )
                for threshold in content["thresholds"]
            ),
            accuracy_area=None if content["accuracy_area"] is None else _number(content["accuracy_area"]),
            asr_area=None if content["asr_area"] is None else _number(content["asr_area"]),
        )
    except (LookupError, TypeError, AttributeError, ArithmeticError) as problem:
        raise ValueError(f"not a compared order: {problem!r}") from problem


def _record(content: Mapping[str, Any]) -> RunRecord:
    model, layer = content["model"], content["layer"]
    channels = _integer(layer["channels"])
    if not content["curve"]:
        raise ValueError("no step")
    data = {role: _images(found) for role, found in content["data"].items() if role in ROLES and found is not None}
    counts = {role: found.images for role, found in data.items()}
    valid = counts.get(CLEAN_VALID, 0), counts.get(POISONED_VALID, 0)
    test = counts.get(CLEAN_TEST, 0), counts.get(POISONED_TEST, 0)
    baseline_valid = content["baseline"]["valid"]
    # A step has no count of its own: it is measured on the images that the baseline is measured on.
    attacked = {name: baseline_valid[name] for name in ("attack_images",) if name in baseline_valid}
    scale = None if content["input"]["scale"] is None else _integer(content["input"]["scale"])
    return RunRecord(
        version=_text(content["version"]),
        model=RecordedModel(
            _text(model["path"]),
            _text(model["sha256"]),
            _integer(model["classes"]),
            tuple(None if size is None else _integer(size) for size in model["input_shape"]),
            tuple(map(_text, model.get("class_names", ()))),
        ),
        data=data,
        layout=_text(content["input"]["layout"]),
        scale=scale,
        preprocess=_preprocessing(content["input"].get("preprocess", UNIT if scale == 255 else RAW)),
        mean=tuple(map(_number, content["input"].get("mean", ()))),
        deviation=tuple(map(_number, content["input"].get("std", ()))),
        layer=RecordedLayer(
            _text(layer["profiled"]),
            _text(layer["pruned"]),
            channels,
            silent=_number_or_none(layer.get("silent")),
            inactive=_number_or_none(layer.get("inactive")),
            where_read=_flag(layer.get("where_read", False)),
        ),
        ranking=_text(content["ranking"]),
        mean_activation=tuple(map(_number, content["mean_activation"])),
        order=tuple(map(_integer, content["order"])),
        baseline_valid=_rates(baseline_valid, *valid),
        baseline_test=_rates(content["baseline"]["test"], *test),
        curve=tuple(
            Step(
                _step(step["step"], channels),
                None if step["channel"] is None else _integer(step["channel"]),
                _number(step["fraction"]),
                _rates({**step, **attacked}, *valid),
            )
            for step in content["curve"]
        ),
        thresholds=tuple(
            Threshold(
                drop=_number(threshold["drop"]),
                step=_step(threshold["step"], channels) if _flag(threshold["reached"]) else None,
                channels=tuple(map(_integer, threshold["pruned_channels"])),
                rates=_rates(threshold["valid"], *valid),
                goodnet_valid=_rates(threshold.get("goodnet_valid", _NOTHING), *valid),
                pruned_test=_rates(threshold["test"]["pruned"], *test),
                goodnet_test=_rates(threshold["test"]["goodnet"], *test),
                model=_text(threshold["model"] or ""),
                goodnet=_text(threshold["goodnet"] or ""),
            )
            for threshold in content["thresholds"]
        ),
        seconds={_text(stage): _number(seconds) for stage, seconds in content["seconds"].items()},
        notices=tuple(map(_text, content.get("notices", ()))),
        target=_target(content.get("verdict", {}).get("target")),
        gates=_gates(content.get("gates", {})),
        comparison=_comparison(content.get("comparison", ()), *valid),
    )


def _comparison(content: Any, clean: int, poisoned: int) -> tuple[ComparedOrder, ...]:
    orders = tuple(compared_from_json(row, clean, poisoned) for row in content)
    if len({tuple(threshold.drop for threshold in order.thresholds) for order in orders}) > 1:
        raise ValueError("orders at different thresholds")
    return orders


def _gates(content: Mapping[str, Any]) -> Gates:
    fail_if = tuple(map(_text, content.get("fail_if", ())))
    if not set(fail_if) <= set(FAIL_IF):
        raise ValueError(f"gates {fail_if}")
    return Gates(_percent(content.get("max_asr")), _percent(content.get("min_accuracy")), fail_if)


def _percent(value: Any) -> float | None:
    if value is None:
        return None
    if not 0 <= _number(value) <= 100:
        raise ValueError(f"{value} %")
    return float(value)


def _target(value: Any) -> int | str | None:
    return value if value in (None, ALL_TO_ALL) else _integer(value)


def _images(content: Mapping[str, Any]) -> RecordedImages:
    images = _integer(content["images"])
    if images < 1:
        raise ValueError(f"{images} images")
    trigger = content.get("trigger")
    made_with = None
    if trigger is not None:
        row, column = map(_integer, trigger["at"])
        target = trigger["target"] if trigger["target"] == NEXT else _class(trigger["target"])
        made_with = RecordedTrigger(_text(trigger["path"]), _text(trigger["sha256"]), row, column, target)
    return RecordedImages(_text(content["path"]), _text(content["sha256"]), images, made_with)


def _class(value: Any) -> int:
    if _integer(value) < 0:
        raise ValueError(f"class {value}")
    return int(value)


def _rates(content: Mapping[str, Any], clean: int, poisoned: int) -> Rates:
    """Rates with their counts again: a percentage of so many images is one count.

    Results that do not say of how many images the attack success is, are of an earlier version that took all.
    """
    attacked = _integer(content.get("attack_images", poisoned))
    if attacked > poisoned:
        raise ValueError(f"{attacked} of {poisoned} images")
    return Rates(
        clean=_share(content["clean_accuracy"], clean),
        attack=_share(content["attack_success_rate"], attacked),
        recovered=_share(content.get("recovered_accuracy"), poisoned),
        clean_flagged=_share(content.get("clean_flagged"), clean),
        poisoned_flagged=_share(content.get("poisoned_flagged"), poisoned),
    )


def _share(percent: Any, images: int) -> Share | None:
    if percent is None:
        return None
    hits = round(_number(percent) * images / 100)
    if not 0 <= hits <= images or not images or not isclose(Share(hits, images).percent, percent, abs_tol=1e-9):
        raise ValueError(f"{percent} % of {images} images")
    return Share(hits, images)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no text")
    return value


def _preprocessing(value: Any) -> str:
    if value not in (*PREPROCESSINGS[1:], MEAN_STD):
        raise ValueError(f"{value!r} is no way to prepare pixels")
    return str(value)


def _flag(value: Any) -> bool:
    if type(value) is not bool:
        raise TypeError(f"{value!r} is neither true nor false")
    return value


def _integer(value: Any) -> int:
    if type(value) is not int:
        raise TypeError(f"{value!r} is no whole number")
    return value


def _number_or_none(value: Any) -> int | None:
    return None if value is None else _integer(value)


def _number(value: Any) -> float:
    if type(value) not in (int, float) or not isfinite(value):
        raise TypeError(f"{value!r} is no number")
    return float(value)


def _step(value: Any, channels: int) -> int:
    if not 0 <= _integer(value) <= channels:
        raise ValueError(f"step {value} of {channels}")
    return int(value)
