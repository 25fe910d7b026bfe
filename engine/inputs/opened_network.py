"""The network of a run, opened by itself: an examination without images needs nothing else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bdtui.engine.errors import InputError
from bdtui.engine.events import LayerFound, ModelOpened, Notice
from bdtui.engine.inputs.class_names import read_class_names
from bdtui.engine.inputs.model import OpenedModel, open_model
from bdtui.engine.inputs.saved_model import model_sha256
from bdtui.engine.network.channels import ChannelSource
from bdtui.engine.option import options_of
from bdtui.engine.reporter import Reporter
from bdtui.engine.settings import POOL, ROLES, SCREEN, RunSettings


@dataclass(frozen=True)
class OpenedNetwork:
    """A network, and the files that options name beside image sets.

    Attributes:
        model: the BadNet B.
        sha256: of every file that an option names but of image sets, by field name of `RunSettings`.
        class_names: what ``--class-names`` calls the classes; empty where nobody says.
    """

    model: OpenedModel
    sha256: dict[str, str]
    class_names: tuple[str, ...]


def open_network(settings: RunSettings, expected: Mapping[str, str]) -> OpenedNetwork:
    """Open the network that the settings name.

    Args:
        settings: what to open.
        expected: hashes that a recipe recorded, by field name; a file that differs is refused.

    Raises:
        InputError: something cannot be opened, or is not what the recipe recorded.
    """
    model = open_model(
        settings.model, weights=settings.weights, architecture=settings.architecture, output=settings.output
    )
    sha256 = _hash_files(settings, model, expected)
    named = () if settings.class_names is None else read_class_names(settings.class_names, model.classes)
    return OpenedNetwork(model, sha256, named)


def describe_network(opened: OpenedNetwork, reporter: Reporter, sources: Sequence[ChannelSource]) -> None:
    """Emit what was opened, and what a person should know of it.

    Args:
        opened: the network.
        reporter: receives it.
        sources: its layers that can be pruned.
    """
    reporter.emit(_describe(opened.model, sources))
    for sentence in _about_model(opened.model):
        reporter.emit(Notice(sentence))


def _hash_files(found: RunSettings, model: OpenedModel, expected: Mapping[str, str]) -> dict[str, str]:
    """The hashes of all files that options name but of image sets, by field name.

    Raises:
        InputError: a file is missing, or not what the recipe recorded.
    """
    sha256: dict[str, str] = {}
    for name, option in options_of(found).items():
        path = option.file(getattr(found, name))
        if path is not None and name not in (*ROLES, SCREEN, POOL):
            option.kind.require(path)
            # The weights were hashed when the model was opened.
            sha256[name] = model.sha256 if path == model.path else model_sha256(path)
            check_hash(path, sha256[name], expected.get(name), option.kind.error)
    return sha256


def _about_model(model: OpenedModel) -> Iterator[str]:
    """What was understood of a model that a person should know, a sentence each."""
    if model.fitting is not None:
        yield f"{model.path} holds weights alone; they fit {model.fitting}, which is taken for the model"
    if model.network.added and model.classes == 2:
        yield "the network ends in one unit: class 1 where it is above ½ (a logit: above 0), else class 0"


def _describe(model: OpenedModel, sources: Sequence[ChannelSource]) -> ModelOpened:
    prunable = {source.profiled.name: source.channels for source in sources}
    return ModelOpened(
        path=str(model.path),
        sha256=model.sha256,
        classes=model.classes,
        input_shape=model.input_shape,
        layers=tuple(
            LayerFound(
                call.name,
                type(call.layer).__name__,
                call.output_shapes[0],
                sum(int(np.prod(weight.shape)) for weight in getattr(call.layer, "weights", ())),
                prunable.get(call.name),
            )
            for call in model.network.own_calls
        ),
    )


def check_hash(path: Path, found: str, expected: str | None, error: type[InputError]) -> None:
    """Raise `error` where a file is not the one that a recipe recorded."""
    if expected is not None and found != expected:
        raise error(
            f"{path}: has changed since the recipe was written (sha256 {found[:12]}…, the recipe says {expected[:12]}…); "
            "expected the same file"
        )
