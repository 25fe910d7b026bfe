"""What a run measured, as plain values: the one thing that files, tables and gates are made from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from bdtui.engine.detect.detection import Detection
from bdtui.engine.event_values import ComparedOrder, Estimate, Threshold, estimate_json
from bdtui.engine.exports.exported import ExportedNetwork
from bdtui.engine.inputs.class_names import shown_class
from bdtui.engine.pruning.curve import Step
from bdtui.engine.rates import NO_RATES, Rates
from bdtui.engine.repair.result import Repair
from bdtui.engine.settings import MEAN_STD, NO_GATES, RAW, ROLES, Gates

SCHEMA = 1


@dataclass(frozen=True)
class RecordedModel:
    """The BadNet.

    Attributes:
        input_shape: of one image, without the batch axis.
        class_names: by class number; empty where nobody says.
        input_dtype: of what it reads, e.g. ``float32``; empty where an earlier version did not record it.
    """

    path: str
    sha256: str
    classes: int
    input_shape: tuple[int | None, ...]
    class_names: tuple[str, ...] = ()
    input_dtype: str = ""

    def as_json(self) -> dict[str, Any]:
        """The model as results.json has it; names of classes only where there are some."""
        named: dict[str, Any] = {"class_names": list(self.class_names)} if self.class_names else {}
        named |= {"input_dtype": self.input_dtype} if self.input_dtype else {}
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
        ends: between which values pixels are stored, e.g. 0 and 255; None where an earlier version did not record it.
    """

    path: str
    sha256: str
    images: int
    trigger: RecordedTrigger | None = None
    ends: tuple[float, float] | None = None

    def as_json(self) -> dict[str, Any]:
        """The set as results.json has it; a trigger only where there was one."""
        plain: dict[str, Any] = {"path": self.path, "sha256": self.sha256, "images": self.images}
        plain |= {"range": list(self.ends)} if self.ends else {}
        if self.trigger is None:
            return plain
        trigger = self.trigger
        place = [trigger.row, trigger.column]
        made = {"path": trigger.path, "sha256": trigger.sha256, "at": place, "target": trigger.target}
        return {**plain, "trigger": made}


@dataclass(frozen=True)
class Example:
    """One image of a set, as a report shows it.

    Attributes:
        number: of the image in its set, from 0.
        label: the class in the file; for a poisoned image the attacker's.
        true_label: the class it belongs to, where the file says.
        predicted: the class that B gives to it.
    """

    number: int
    label: int
    true_label: int | None
    predicted: int


@dataclass(frozen=True)
class ExampleSheet:
    """Some images of a set, side by side in one picture in the folder of the run.

    Attributes:
        role: of the image set.
        file: name of the picture.
        examples: from left to right, each as wide as the others.
    """

    role: str
    file: str
    examples: tuple[Example, ...]

    def as_json(self) -> dict[str, Any]:
        """As results.json has it."""
        return {"role": self.role, "file": self.file, "images": [asdict(example) for example in self.examples]}


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


NO_LAYER = RecordedLayer("", "", 0)
"""That of a run without images, which prunes nothing."""


@dataclass(frozen=True)
class RunRecord:
    """A finished run. Made from a results.json of version 0.1.0 it lacks what had no key there.

    Attributes:
        version: of bdtui.
        data: the image sets by role.
        layout: ``nchw`` or ``nhwc``; empty without images.
        scale: what pixels were divided by; None where they were prepared in another way.
        mean_activation: of every channel over the clean validation images.
        order: the channels in pruning order.
        curve: step 0 first; empty without images.
        thresholds: in ascending order of the drop.
        seconds: by stage.
        notices: what a reader should know.
        preprocess: how pixels were prepared, one of `bdtui.engine.settings.PREPROCESSINGS` or ``mean-std``.
        mean: what was subtracted, for ``mean-std``.
        deviation: what they were divided by, for ``mean-std``.
        target: the class that most poisoned images get from B, or `ALL_TO_ALL`; None where that is not known.
        gates: what a network has to meet to be recommended, where a person says so.
        repairs: networks that were repaired, in the order in which that was asked for.
        detection: whether it is backdoored, as far as that is told without poisoned images; None where nobody asked.
        comparison: layers and rankings that were held side by side, the best first; empty where that was not asked for.
        examples: some images to look at; empty where images are no pictures.
        exports: the networks in further formats, kept or not.
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
    gates: Gates = NO_GATES
    repairs: tuple[Repair, ...] = ()
    comparison: tuple[ComparedOrder, ...] = ()
    detection: Detection | None = None
    examples: tuple[ExampleSheet, ...] = ()
    exports: tuple[ExportedNetwork, ...] = ()

    @property
    def has_images(self) -> bool:
        """Whether any image was given: without, nothing was pruned and nothing measured."""
        return bool(self.data)

    @property
    def has_estimates(self) -> bool:
        """Whether reversed triggers stand in for poisoned images."""
        return any(step.estimate is not None for step in self.curve)

    def estimate_at(self, step: int | None) -> Estimate | None:
        """The estimate at a step of the curve; None where there is none."""
        return next((one.estimate for one in self.curve if one.step == step), None)

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
                "layout": self.layout or None,
                "scale": self.scale,
                "preprocess": self.preprocess if self.has_images else None,
                **self._numbers_json(),
            },
            "layer": self.layer.as_json() if self.has_images else None,
            "ranking": self.ranking if self.has_images else None,
            "mean_activation": list(self.mean_activation),
            "order": list(self.order),
            "baseline": {"valid": self.baseline_valid.as_json(), "test": self.baseline_test.as_json()},
            "curve": [_step_json(step) for step in self.curve],
            "thresholds": [_threshold_json(threshold) for threshold in self.thresholds],
            "repairs": [repair.as_json() for repair in self.repairs],
            "detections": [] if self.detection is None else self.detection.as_json(),
            "comparison": [order.as_json() for order in self.comparison],
            **({"examples": [sheet.as_json() for sheet in self.examples]} if self.examples else {}),
            "seconds": dict(self.seconds),
            "notices": list(self.notices),
            **({"exports": [each.as_json() for each in self.exports]} if self.exports else {}),
            **({"gates": gates} if (gates := self.gates.as_json()) else {}),
        }

    def _numbers_json(self) -> dict[str, list[float]]:
        return {"mean": list(self.mean), "std": list(self.deviation)} if self.preprocess == MEAN_STD else {}


def _step_json(step: Step) -> dict[str, Any]:
    return {
        "step": step.step,
        "channel": step.channel,
        "fraction": step.fraction,
        "clean_accuracy": step.rates.clean_accuracy,
        "attack_success_rate": step.rates.attack_success_rate,
        **estimate_json(step.estimate),
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
        **({"compact": threshold.compaction.as_json()} if threshold.compaction else {}),
    }
