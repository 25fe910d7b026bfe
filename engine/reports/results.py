"""What a run measured, as plain values: the one thing that files, tables and gates are made from."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from math import isclose, isfinite
from pathlib import Path
from typing import Any

from bdtui.engine.errors import DataError
from bdtui.engine.evaluation.target import ALL_TO_ALL
from bdtui.engine.event_values import Threshold
from bdtui.engine.pruning.curve import Step
from bdtui.engine.rates import NO_RATES, Rates, Share
from bdtui.engine.settings import CLEAN_TEST, CLEAN_VALID, POISONED_TEST, POISONED_VALID, ROLES

SCHEMA = 1
_LARGEST = 2**26
"""Bytes of a results.json that are read."""
_NOTHING = NO_RATES.as_json()
_EXPECTED = "expected the results of a run (without it, --resume makes it again)"


@dataclass(frozen=True)
class RecordedModel:
    """The BadNet: ``input_shape`` is that of one image, without the batch axis."""

    path: str
    sha256: str
    classes: int
    input_shape: tuple[int | None, ...]

    def class_text(self, number: int) -> str:
        """A class as a person calls it."""
        return f"class {number}"


@dataclass(frozen=True)
class RecordedImages:
    """An image set and how many images it has."""

    path: str
    sha256: str
    images: int


@dataclass(frozen=True)
class RecordedLayer:
    """The profiled layer and the weighted layer that is pruned for it.

    Attributes:
        silent: how many channels had no weights in the model as it was opened; None where that is not known.
        inactive: how many fire on no clean validation image; None where that is not known.
    """

    profiled: str
    pruned: str
    channels: int
    silent: int | None = None
    inactive: int | None = None


@dataclass(frozen=True)
class RunRecord:
    """A finished run. Made from a results.json of version 0.1.0 it lacks what had no key there.

    Attributes:
        version: of bdtui.
        data: the image sets by role.
        layout: ``nchw`` or ``nhwc``.
        scale: what pixels were divided by.
        mean_activation: of every channel over the clean validation images.
        order: the channels in pruning order.
        curve: step 0 first.
        thresholds: in ascending order of the drop.
        seconds: by stage.
        notices: what a reader should know.
        target: the class that most poisoned images get from B, or `ALL_TO_ALL`; None where that is not known.
    """

    version: str
    model: RecordedModel
    data: Mapping[str, RecordedImages]
    layout: str
    scale: int
    layer: RecordedLayer
    ranking: str
    mean_activation: tuple[float, ...]
    order: tuple[int, ...]
    baseline_valid: Rates
    baseline_test: Rates
    curve: tuple[Step, ...]
    thresholds: tuple[Threshold, ...]
    seconds: Mapping[str, float] = field(default_factory=dict)
    notices: tuple[str, ...] = ()
    target: int | str | None = None

    @property
    def is_tested(self) -> bool:
        """Whether there are test images."""
        return self.baseline_test != NO_RATES

    def as_json(self) -> dict[str, Any]:
        """The content of results.json."""
        layer = self.layer
        return {
            "schema": SCHEMA,
            "version": self.version,
            "model": {**asdict(self.model), "input_shape": list(self.model.input_shape)},
            "data": {role: asdict(self.data[role]) if role in self.data else None for role in ROLES},
            "input": {"layout": self.layout, "scale": self.scale},
            "layer": asdict(layer),
            "ranking": self.ranking,
            "mean_activation": list(self.mean_activation),
            "order": list(self.order),
            "baseline": {"valid": self.baseline_valid.as_json(), "test": self.baseline_test.as_json()},
            "curve": [_step_json(step) for step in self.curve],
            "thresholds": [_threshold_json(threshold) for threshold in self.thresholds],
            "repairs": [],
            "detections": [],
            "seconds": dict(self.seconds),
            "notices": list(self.notices),
        }

    @classmethod
    def from_json(cls, content: Any) -> RunRecord:
        """The run in the content of a results.json.

        Raises:
            ValueError: it is not what `as_json` gives.
        """
        try:
            return _record(content)
        except (LookupError, TypeError, AttributeError, ArithmeticError) as problem:
            raise ValueError(f"not the results of a run: {problem!r}") from problem


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
        return RunRecord.from_json(content)
    except ValueError as problem:
        raise DataError(f"{path}: is no results.json as bdtui writes it; {_EXPECTED}") from problem


def _step_json(step: Step) -> dict[str, Any]:
    return {
        "step": step.step,
        "channel": step.channel,
        "fraction": step.fraction,
        "clean_accuracy": step.rates.clean_accuracy,
        "attack_success_rate": step.rates.attack_success_rate,
    }


def _threshold_json(threshold: Threshold) -> dict[str, Any]:
    reached = threshold.step is not None
    return {
        "drop": int(threshold.drop) if threshold.drop == int(threshold.drop) else threshold.drop,
        "reached": reached,
        "step": threshold.step,
        "pruned_channels": list(threshold.channels),
        "model": threshold.model if reached else None,
        "goodnet": threshold.goodnet if reached else None,
        "valid": threshold.rates.as_json(),
        "goodnet_valid": threshold.goodnet_valid.as_json(flags=True),
        "test": {"pruned": threshold.pruned_test.as_json(), "goodnet": threshold.goodnet_test.as_json(flags=True)},
    }


def _record(content: Mapping[str, Any]) -> RunRecord:
    model, layer = content["model"], content["layer"]
    channels = _integer(layer["channels"])
    if not content["curve"]:
        raise ValueError("no step")
    data = {role: _images(found) for role, found in content["data"].items() if role in ROLES and found is not None}
    counts = {role: found.images for role, found in data.items()}
    valid = counts.get(CLEAN_VALID, 0), counts.get(POISONED_VALID, 0)
    test = counts.get(CLEAN_TEST, 0), counts.get(POISONED_TEST, 0)
    return RunRecord(
        version=_text(content["version"]),
        model=RecordedModel(
            _text(model["path"]),
            _text(model["sha256"]),
            _integer(model["classes"]),
            tuple(None if size is None else _integer(size) for size in model["input_shape"]),
        ),
        data=data,
        layout=_text(content["input"]["layout"]),
        scale=_integer(content["input"]["scale"]),
        layer=RecordedLayer(
            _text(layer["profiled"]),
            _text(layer["pruned"]),
            channels,
            *(None if layer.get(key) is None else _integer(layer[key]) for key in ("silent", "inactive")),
        ),
        ranking=_text(content["ranking"]),
        mean_activation=tuple(map(_number, content["mean_activation"])),
        order=tuple(map(_integer, content["order"])),
        baseline_valid=_rates(content["baseline"]["valid"], *valid),
        baseline_test=_rates(content["baseline"]["test"], *test),
        curve=tuple(
            Step(
                _step(step["step"], channels),
                None if step["channel"] is None else _integer(step["channel"]),
                _number(step["fraction"]),
                _rates(step, *valid),
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
    )


def _target(value: Any) -> int | str | None:
    return value if value in (None, ALL_TO_ALL) else _integer(value)


def _images(content: Mapping[str, Any]) -> RecordedImages:
    images = _integer(content["images"])
    if images < 1:
        raise ValueError(f"{images} images")
    return RecordedImages(_text(content["path"]), _text(content["sha256"]), images)


def _rates(content: Mapping[str, Any], clean: int, poisoned: int) -> Rates:
    """Rates with their counts again: a percentage of so many images is one count."""
    return Rates(
        clean=_share(content["clean_accuracy"], clean),
        attack=_share(content["attack_success_rate"], poisoned),
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


def _flag(value: Any) -> bool:
    if type(value) is not bool:
        raise TypeError(f"{value!r} is neither true nor false")
    return value


def _integer(value: Any) -> int:
    if type(value) is not int:
        raise TypeError(f"{value!r} is no whole number")
    return value


def _number(value: Any) -> float:
    if type(value) not in (int, float) or not isfinite(value):
        raise TypeError(f"{value!r} is no number")
    return float(value)


def _step(value: Any, channels: int) -> int:
    if not 0 <= _integer(value) <= channels:
        raise ValueError(f"step {value} of {channels}")
    return int(value)
