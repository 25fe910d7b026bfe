"""Reads the record of a run from its results.json, whoever wrote it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bdtui.engine.detect.recorded import detection_from_json
from bdtui.engine.errors import DataError
from bdtui.engine.evaluation.target import ALL_TO_ALL
from bdtui.engine.event_values import Compaction, ComparedOrder, ComparedThreshold, Threshold
from bdtui.engine.exports.exported import ExportedNetwork
from bdtui.engine.pruning.curve import Step
from bdtui.engine.rates import NO_RATES
from bdtui.engine.reports.json_values import flag, integer, integer_or_none, number, read_estimate, read_rates, text
from bdtui.engine.reports.record import (
    NO_LAYER,
    SCHEMA,
    RecordedImages,
    RecordedLayer,
    RecordedModel,
    RecordedTrigger,
    RunRecord,
)
from bdtui.engine.reports.recorded_examples import examples_from_json
from bdtui.engine.reports.recorded_repairs import repair_from_json
from bdtui.engine.reports.verdict import SUSPECTED
from bdtui.engine.settings import (
    CLEAN_TEST,
    CLEAN_VALID,
    FAIL_IF,
    FORMATS,
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
        channels = integer(content["channels"])
        if channels < 1 or not content["thresholds"]:
            raise ValueError("no channel or no threshold")
        return ComparedOrder(
            layer=text(content["layer"]),
            pruned=text(content["pruned"]),
            channels=channels,
            ranking=text(content["ranking"]),
            thresholds=tuple(
                ComparedThreshold(
                    number(threshold["drop"]),
                    None if threshold["step"] is None else _step(threshold["step"], channels),
                    read_rates(threshold, clean, poisoned),
                    read_estimate(threshold),
                )
                for threshold in content["thresholds"]
            ),
            accuracy_area=None if content["accuracy_area"] is None else number(content["accuracy_area"]),
            asr_area=None if content["asr_area"] is None else number(content["asr_area"]),
        )
    except (LookupError, TypeError, AttributeError, ArithmeticError) as problem:
        raise ValueError(f"not a compared order: {problem!r}") from problem


def _record(content: Mapping[str, Any]) -> RunRecord:
    model = content["model"]
    data = {role: _images(found) for role, found in content["data"].items() if role in ROLES and found is not None}
    # Without images nothing was pruned: no layer, no step, no way to prepare pixels.
    layer = _layer(content["layer"]) if data else NO_LAYER
    channels = layer.channels
    if bool(content["curve"]) != bool(data):
        raise ValueError("no step")
    counts = {role: found.images for role, found in data.items()}
    valid = counts.get(CLEAN_VALID, 0), counts.get(POISONED_VALID, 0)
    test = counts.get(CLEAN_TEST, 0), counts.get(POISONED_TEST, 0)
    baseline_valid = content["baseline"]["valid"]
    # A step has no count of its own: it is measured on the images that the baseline is measured on.
    attacked = {name: baseline_valid[name] for name in ("attack_images",) if name in baseline_valid}
    scale = None if content["input"]["scale"] is None else integer(content["input"]["scale"])
    return RunRecord(
        version=text(content["version"]),
        model=RecordedModel(
            text(model["path"]),
            text(model["sha256"]),
            integer(model["classes"]),
            tuple(None if size is None else integer(size) for size in model["input_shape"]),
            tuple(map(text, model.get("class_names", ()))),
            text(model.get("input_dtype", "")),
        ),
        data=data,
        layout=text(content["input"]["layout"]) if data else "",
        scale=scale,
        preprocess=_preprocessing(content["input"].get("preprocess", UNIT if scale == 255 else RAW)) if data else RAW,
        mean=tuple(map(number, content["input"].get("mean", ()))),
        deviation=tuple(map(number, content["input"].get("std", ()))),
        layer=layer,
        ranking=text(content["ranking"]) if data else "",
        mean_activation=tuple(map(number, content["mean_activation"])),
        order=tuple(map(integer, content["order"])),
        baseline_valid=read_rates(baseline_valid, *valid),
        baseline_test=read_rates(content["baseline"]["test"], *test),
        curve=tuple(
            Step(
                _step(step["step"], channels),
                None if step["channel"] is None else integer(step["channel"]),
                number(step["fraction"]),
                read_rates({**step, **attacked}, *valid),
                read_estimate(step),
            )
            for step in content["curve"]
        ),
        thresholds=tuple(
            Threshold(
                drop=number(threshold["drop"]),
                step=_step(threshold["step"], channels) if flag(threshold["reached"]) else None,
                channels=tuple(map(integer, threshold["pruned_channels"])),
                rates=read_rates(threshold["valid"], *valid),
                goodnet_valid=read_rates(threshold.get("goodnet_valid", _NOTHING), *valid),
                pruned_test=read_rates(threshold["test"]["pruned"], *test),
                goodnet_test=read_rates(threshold["test"]["goodnet"], *test),
                model=text(threshold["model"] or ""),
                goodnet=text(threshold["goodnet"] or ""),
                compaction=_compaction(threshold["compact"]) if "compact" in threshold else None,
            )
            for threshold in content["thresholds"]
        ),
        seconds={text(stage): number(seconds) for stage, seconds in content["seconds"].items()},
        notices=tuple(map(text, content.get("notices", ()))),
        target=_target(content.get("verdict", {})),
        gates=_gates(content.get("gates", {})),
        comparison=_comparison(content.get("comparison", ()), *valid),
        repairs=tuple(repair_from_json(repair, valid, test) for repair in content.get("repairs", ())),
        detection=detection_from_json(found) if (found := content.get("detections", ())) else None,
        examples=examples_from_json(content.get("examples", ())),
        exports=tuple(map(_export, content.get("exports", ()))),
    )


def _compaction(content: Mapping[str, Any]) -> Compaction:
    parameters, before = integer(content["parameters"]), integer(content["badnet_parameters"])
    if not 0 <= parameters <= before or not before:
        raise ValueError(f"{parameters} of {before} parameters")
    return Compaction(parameters, before, text(content["why_not"] or ""))


def _export(content: Mapping[str, Any]) -> ExportedNetwork:
    difference = content["largest_difference"]
    if content["format"] not in FORMATS:
        raise ValueError(f"format {content['format']!r}")
    return ExportedNetwork(
        text(content["network"]),
        text(content["format"]),
        None if content["file"] is None else text(content["file"]),
        integer(content["images"]),
        None if difference is None else number(difference),
        text(content["problem"] or ""),
    )


def _layer(content: Mapping[str, Any]) -> RecordedLayer:
    return RecordedLayer(
        text(content["profiled"]),
        text(content["pruned"]),
        integer(content["channels"]),
        silent=integer_or_none(content.get("silent")),
        inactive=integer_or_none(content.get("inactive")),
        where_read=flag(content.get("where_read", False)),
    )


def _comparison(content: Any, clean: int, poisoned: int) -> tuple[ComparedOrder, ...]:
    orders = tuple(compared_from_json(row, clean, poisoned) for row in content)
    if len({tuple(threshold.drop for threshold in order.thresholds) for order in orders}) > 1:
        raise ValueError("orders at different thresholds")
    return orders


def _gates(content: Mapping[str, Any]) -> Gates:
    fail_if = tuple(map(text, content.get("fail_if", ())))
    if not set(fail_if) <= set(FAIL_IF):
        raise ValueError(f"gates {fail_if}")
    return Gates(_percent(content.get("max_asr")), _percent(content.get("min_accuracy")), fail_if)


def _percent(value: Any) -> float | None:
    if value is None:
        return None
    if not 0 <= number(value) <= 100:
        raise ValueError(f"{value} %")
    return float(value)


def _target(verdict: Mapping[str, Any]) -> int | str | None:
    """The class that poisoned images lead to; a class that is only suspected stands with the detection."""
    value = None if verdict.get("backdoor") == SUSPECTED else verdict.get("target")
    return value if value in (None, ALL_TO_ALL) else integer(value)


def _images(content: Mapping[str, Any]) -> RecordedImages:
    images = integer(content["images"])
    if images < 1:
        raise ValueError(f"{images} images")
    trigger = content.get("trigger")
    made_with = None
    if trigger is not None:
        row, column = map(integer, trigger["at"])
        target = trigger["target"] if trigger["target"] == NEXT else _class(trigger["target"])
        made_with = RecordedTrigger(text(trigger["path"]), text(trigger["sha256"]), row, column, target)
    return RecordedImages(
        text(content["path"]), text(content["sha256"]), images, made_with, _ends(content.get("range"))
    )


def _ends(value: Any) -> tuple[float, float] | None:
    if value is None:
        return None
    low, high = map(number, value)
    if low > high:
        raise ValueError(f"between {low} and {high}")
    return low, high


def _class(value: Any) -> int:
    if integer(value) < 0:
        raise ValueError(f"class {value}")
    return int(value)


def _preprocessing(value: Any) -> str:
    if value not in (*PREPROCESSINGS[1:], MEAN_STD):
        raise ValueError(f"{value!r} is no way to prepare pixels")
    return str(value)


def _step(value: Any, channels: int) -> int:
    if not 0 <= integer(value) <= channels:
        raise ValueError(f"step {value} of {channels}")
    return int(value)
