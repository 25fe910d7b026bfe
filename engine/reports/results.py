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
from bdtui.engine.inputs.class_names import shown_class
from bdtui.engine.pruning.curve import Step
from bdtui.engine.rates import NO_RATES, Rates, Share
from bdtui.engine.settings import (
    CLEAN_TEST,
    CLEAN_VALID,
    MEAN_STD,
    NEXT,
    POISONED_TEST,
    POISONED_VALID,
    PREPROCESSINGS,
    RAW,
    ROLES,
    UNIT,
)

SCHEMA = 1
_LARGEST = 2**26
"""Bytes of a results.json that are read."""
_NOTHING = NO_RATES.as_json()
_EXPECTED = "expected the results of a run (without it, --resume makes it again)"


@dataclass(frozen=True)
class RecordedModel:
    """The BadNet.

    Attributes:
        input_shape: of one image, without the batch axis.
        class_names: by class number; empty where nobody says.
    """

    path: str
    sha256: str
    classes: int
    input_shape: tuple[int | None, ...]
    class_names: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """The model as results.json has it; names of classes only where there are some."""
        named = {"class_names": list(self.class_names)} if self.class_names else {}
        return {
            "path": self.path,
            "sha256": self.sha256,
            "classes": self.classes,
            "input_shape": list(self.input_shape),
            **named,
        }

    def class_text(self, number: int) -> str:
        """A class as a person calls it."""
        return f"class {shown_class(number, self.class_names)}"


@dataclass(frozen=True)
class RecordedTrigger:
    """What poisoned images were made with.

    Attributes:
        row: of its upper left pixel, from 0.
        column: of the same.
        target: the class that the images are labelled as; ``next`` for the class after the true one.
    """

    path: str
    sha256: str
    row: int
    column: int
    target: int | str


@dataclass(frozen=True)
class RecordedImages:
    """An image set.

    Attributes:
        path: of the file; of poisoned images that were made with a trigger, that of the clean ones.
        sha256: of that file.
        images: how many there are.
        trigger: what they were made with; None where the file holds them.
    """

    path: str
    sha256: str
    images: int
    trigger: RecordedTrigger | None = None

    def as_json(self) -> dict[str, Any]:
        """The set as results.json has it; a trigger only where there was one."""
        plain: dict[str, Any] = {"path": self.path, "sha256": self.sha256, "images": self.images}
        if self.trigger is None:
            return plain
        trigger = self.trigger
        place = [trigger.row, trigger.column]
        made = {"path": trigger.path, "sha256": trigger.sha256, "at": place, "target": trigger.target}
        return {**plain, "trigger": made}


@dataclass(frozen=True)
class RecordedLayer:
    """The profiled layer and the weighted layer that is pruned for it.

    Attributes:
        silent: how many channels had no weights in the model as it was opened; None where that is not known.
        inactive: how many fire on no clean validation image; None where that is not known.
        where_read: the channels are silenced where they are read: ``pruned`` names the layers that read them.
    """

    profiled: str
    pruned: str
    channels: int
    silent: int | None = None
    inactive: int | None = None
    where_read: bool = False

    @property
    def owner(self) -> str:
        """Whose channels go, for a heading."""
        return self.profiled if self.where_read else self.pruned

    def as_json(self) -> dict[str, Any]:
        """The layer in results.json."""
        layer = asdict(self)
        if not self.where_read:
            del layer["where_read"]
        return layer


@dataclass(frozen=True)
class RunRecord:
    """A finished run. Made from a results.json of version 0.1.0 it lacks what had no key there.

    Attributes:
        version: of bdtui.
        data: the image sets by role.
        layout: ``nchw`` or ``nhwc``.
        scale: what pixels were divided by; None where they were prepared in another way.
        mean_activation: of every channel over the clean validation images.
        order: the channels in pruning order.
        curve: step 0 first.
        thresholds: in ascending order of the drop.
        seconds: by stage.
        notices: what a reader should know.
        preprocess: how pixels were prepared, one of `bdtui.engine.settings.PREPROCESSINGS` or ``mean-std``.
        mean: what was subtracted, for ``mean-std``.
        deviation: what they were divided by, for ``mean-std``.
        target: the class that most poisoned images get from B, or `ALL_TO_ALL`; None where that is not known.
    """

    version: str
    model: RecordedModel
    data: Mapping[str, RecordedImages]
    layout: str
    scale: int | None
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
    preprocess: str = RAW
    mean: tuple[float, ...] = ()
    deviation: tuple[float, ...] = ()
    target: int | str | None = None

    @property
    def is_tested(self) -> bool:
        """Whether there are test images."""
        return self.baseline_test != NO_RATES

    def as_json(self) -> dict[str, Any]:
        """The content of results.json."""
        return {
            "schema": SCHEMA,
            "version": self.version,
            "model": self.model.as_json(),
            "data": {role: self.data[role].as_json() if role in self.data else None for role in ROLES},
            "input": {
                "layout": self.layout,
                "scale": self.scale,
                "preprocess": self.preprocess,
                **self._numbers_json(),
            },
            "layer": self.layer.as_json(),
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

    def _numbers_json(self) -> dict[str, list[float]]:
        return {"mean": list(self.mean), "std": list(self.deviation)} if self.preprocess == MEAN_STD else {}

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
    )


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
