"""What was opened: the network, its layers, and the images."""

from __future__ import annotations

from dataclasses import dataclass

from bdtui.engine.events.event import Event


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
