"""What the engine emits while it works.

Every event is a frozen record of plain values, so that it can cross a thread, be written as JSON, and be
shown by either front without asking the engine anything.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

from bdtui.engine.event_values import ChannelFigures, ComparedOrder, MeasuredPoint, Picture, Threshold, Verdict
from bdtui.engine.rates import Rates
from bdtui.engine.settings import RunSettings


@dataclass(frozen=True)
class Event:
    """Root of all events."""

    def as_json(self) -> dict[str, Any]:
        """The event as a JSON object; ``event`` holds its name, e.g. ``step_finished``."""
        name = re.sub(r"(?<!^)(?=[A-Z])", "_", type(self).__name__).lower()
        return {"event": name, **_fields_json(self)}


def _fields_json(value: Any) -> dict[str, Any]:
    return {field.name: _as_json(getattr(value, field.name)) for field in fields(value)}


def _as_json(value: Any) -> Any:
    if isinstance(value, Rates | ComparedOrder):
        return value.as_json()
    if isinstance(value, tuple):
        return [_as_json(each) for each in value]
    return _fields_json(value) if is_dataclass(value) else value


@dataclass(frozen=True)
class Progress(Event):
    """How far a long piece of work is.

    Attributes:
        stage: what is done, e.g. ``profile``.
        done: how many units are done.
        total: of how many; None when unknown.
        unit: what is counted, e.g. ``images``.
    """

    stage: str
    done: int
    total: int | None
    unit: str


@dataclass(frozen=True)
class Notice(Event):
    """Something a person should know and need not act on."""

    text: str


@dataclass(frozen=True)
class LayerFound(Event):
    """A layer of the opened model; ``channels`` is None where it cannot be pruned."""

    name: str
    kind: str
    output_shape: tuple[int | None, ...]
    parameters: int
    channels: int | None


@dataclass(frozen=True)
class ModelOpened(Event):
    """A model was opened."""

    path: str
    sha256: str
    classes: int
    input_shape: tuple[int | None, ...]
    layers: tuple[LayerFound, ...]


@dataclass(frozen=True)
class DataOpened(Event):
    """An image set was opened.

    Attributes:
        role: its option's name with underscores, e.g. ``clean_valid``.
        path: of the file.
        images: how many there are.
        classes: how many different labels they have.
        layout: ``nchw`` or ``nhwc``.
        dtype: of the stored pixels.
        true_labels: whether the true classes of poisoned images are known.
        made_with: how poisoned images are made of those in the file; empty where the file holds them.
    """

    role: str
    path: str
    images: int
    classes: int
    layout: str
    dtype: str
    true_labels: bool
    made_with: str = ""


@dataclass(frozen=True)
class ClassesNamed(Event):
    """What the classes of the opened model are called, by class number."""

    names: tuple[str, ...]


@dataclass(frozen=True)
class ScaleDecided(Event):
    """How pixels are prepared, and the clean accuracies that speak for it when it was found.

    Attributes:
        scale: what pixels are divided by, where that says it all.
        accuracy_by_scale: in percent, of those ways that have a scale; None where the way was asked for.
        text: for a person.
        preprocess: name of the way.
        accuracy_by_preprocess: in percent, of all ways that were tried, by name.
    """

    scale: int | None
    accuracy_by_scale: dict[int, float] | None
    text: str
    preprocess: str
    accuracy_by_preprocess: dict[str, float] | None


@dataclass(frozen=True)
class LayerChosen(Event):
    """The layer that is profiled and the weighted layer that is pruned for it.

    Attributes:
        silent: how many channels have no weights already.
        where_read: the channels are silenced where they are read: ``pruned`` names the layers that read them.
    """

    profiled: str
    pruned: str
    channels: int
    silent: int
    where_read: bool = False


@dataclass(frozen=True)
class BaselineMeasured(Event):
    """Rates of the unpruned BadNet."""

    valid: Rates
    test: Rates


@dataclass(frozen=True)
class StepFinished(Event):
    """A step of the curve; rates in percent, ``fraction`` between 0 and 1, channel None for step 0."""

    step: int
    channel: int | None
    fraction: float
    clean_accuracy: float | None
    attack_success_rate: float | None


@dataclass(frozen=True)
class ThresholdReached(Event):
    """The first step whose clean accuracy lies at least ``drop`` percentage points below the baseline."""

    drop: float
    step: int
    clean_accuracy: float | None
    attack_success_rate: float | None


@dataclass(frozen=True)
class ThresholdMissed(Event):
    """No step of the curve fell by ``drop`` percentage points."""

    drop: float
    largest_drop: float


@dataclass(frozen=True)
class OrderCompared(Event):
    """One layer was pruned to its end in the order of one ranking, to be held beside others.

    Attributes:
        order: what that came to.
        place: among those so far, from the best; 0 is the best.
        done: how many there are so far, this one included.
        total: of how many.
    """

    order: ComparedOrder
    place: int
    done: int
    total: int


@dataclass(frozen=True)
class ComparisonBegun(Event):
    """Layers and rankings are held side by side from here on, none so far.

    Attributes:
        drops: of the thresholds, ascending, in percentage points.
        poisoned: whether there are poisoned validation images.
        total: how many orders there are to compare.
    """

    drops: tuple[float, ...]
    poisoned: bool
    total: int


@dataclass(frozen=True)
class ComparisonEnded(Event):
    """No further order will be compared; ``sentence`` says which is the best so far, or that the work was stopped."""

    sentence: str


@dataclass(frozen=True)
class RepairMeasured(Event):
    """How a network that is being repaired does on clean images that it is not trained on.

    Attributes:
        method: name of the repair.
        step: of its training, from 1.
        steps: how many there are.
        held_out_accuracy: in percent; None where no images are held out.
        transfer: share of changed held-out images that it gives the same wrong class as B, in percent; None where that
            was not measured.
    """

    method: str
    step: int
    steps: int
    held_out_accuracy: float | None
    transfer: float | None


@dataclass(frozen=True)
class RepairFinished(Event):
    """A repaired network and its GoodNet are saved.

    Attributes:
        method: name of the repair; for ``auto`` that of the method it chose, after a colon.
        sentences: what can be said of it without poisoned images.
        valid: its rates on the validation images.
        test: its rates on the test images.
    """

    method: str
    sentences: tuple[str, ...]
    valid: Rates
    test: Rates


@dataclass(frozen=True)
class VerdictReached(Event):
    """What the run, or what is known of it so far, says about the network."""

    verdict: Verdict


@dataclass(frozen=True)
class ArtifactWritten(Event):
    """A file of the run lies under its final name."""

    path: str


@dataclass(frozen=True)
class RunFinished(Event):
    """All is written."""

    out: str
    seconds: float


@dataclass(frozen=True)
class EngineReady(Event):
    """TensorFlow is loaded; ``device`` is what is computed on, e.g. ``CPU`` or ``GPU 0``."""

    tensorflow: str
    keras: str
    device: str


LOADING = "loading TensorFlow"
"""The first work of the engine's thread."""


@dataclass(frozen=True)
class WorkStarted(Event):
    """The engine's thread took up a request; ``what`` names the work, e.g. ``opening``."""

    what: str


@dataclass(frozen=True)
class WorkEnded(Event):
    """The engine's thread waits for requests again, or works in the background."""


@dataclass(frozen=True)
class WorkFailed(Event):
    """A request could not be fulfilled; everything stays as it was before.

    Attributes:
        what: the work that failed.
        sentence: for the person.
        details: for the log; a traceback for an internal error, else empty.
    """

    what: str
    sentence: str
    details: str


@dataclass(frozen=True)
class WorkStopped(Event):
    """Work ended early because somebody stopped it; ``sentence`` is for the person."""

    sentence: str


@dataclass(frozen=True)
class NothingOpen(Event):
    """A model and images could not be opened, and nothing was open before: events about them do not hold."""


@dataclass(frozen=True)
class SessionKept(Event):
    """What the person does is kept in a journal from here on; ``folder`` goes to ``--resume --out``."""

    folder: str


@dataclass(frozen=True)
class SessionOpened(Event):
    """Model and images are open and the layer is profiled; ``settings`` has what was found filled in."""

    settings: RunSettings


@dataclass(frozen=True)
class PicturesTaken(Event):
    """A page of an image set; empty where its images are no pictures, or none is asked for.

    Attributes:
        role: of the set.
        pictures: with the predictions of the network as it is pruned now, if they are known.
        first: number of the first of them among those that are asked for, from 0.
        asked_for: how many images are; None for all of the set.
        label: their true class; None for all.
        wrong: only those that the network gets wrong.
        step: how many channels are pruned in the network that predicts.
    """

    role: str
    pictures: tuple[Picture, ...]
    first: int = 0
    asked_for: int | None = None
    label: int | None = None
    wrong: bool = False
    step: int = 0


@dataclass(frozen=True)
class ChannelsProfiled(Event):
    """The channels of the chosen layer, by index, and the ranking that orders them.

    Attributes:
        ranking: its name.
        channels: with their scores.
        score: what the scores are, e.g. ``mean activation``.
        score_title: the same in at most eight characters.
    """

    ranking: str
    channels: tuple[ChannelFigures, ...]
    score: str
    score_title: str


@dataclass(frozen=True)
class PositionWished(Event):
    """The step the last request leads to; a `PositionReached` follows when it has been measured."""

    step: int


@dataclass(frozen=True)
class PositionReached(Event):
    """Where the person stands, measured. Holds everything a screen shows of it.

    Attributes:
        order: every channel once, in pruning order.
        step: how many of them, from the front, are silent.
        present: the rates here.
        path: the measured steps of this order, ascending, step 0 first.
        measured: everything measured for this layer so far, this order and others, in the order of measuring.
        thresholds: in ascending order of the drop.
        undoable: how many moves can be taken back.
        redoable: how many can be done again.
    """

    order: tuple[int, ...]
    step: int
    present: MeasuredPoint
    path: tuple[MeasuredPoint, ...]
    measured: tuple[MeasuredPoint, ...]
    thresholds: tuple[Threshold, ...]
    undoable: int
    redoable: int


@dataclass(frozen=True)
class ExportPlanned(Event):
    """Where the next export goes, and the names of the files every run has."""

    out: str
    files: tuple[str, ...]


@dataclass(frozen=True)
class DetectorFinished(Event):
    """A detection method has looked at the network.

    Attributes:
        method: its name.
        seconds: it took.
        scores: one a class, the larger the more suspicious; None where a class was not looked at, empty where the
            method says nothing of classes.
        statistic: the number that it is judged by.
        p: the chance of such a largest score without a backdoor; None where the method does not reckon one.
    """

    method: str
    seconds: float
    scores: tuple[float | None, ...]
    statistic: float
    p: float | None
