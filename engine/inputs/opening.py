"""Opens everything a run needs and decides what was left to be found out: layout, scale, layer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path

import numpy as np
import tensorflow as tf

from bdtui.engine.errors import DataError, InputError, ModelError, OptionError
from bdtui.engine.events import DataOpened, LayerChosen, LayerFound, ModelOpened, Notice
from bdtui.engine.inputs.datasets import LabelledImages, open_dataset
from bdtui.engine.inputs.model import OpenedModel, open_model
from bdtui.engine.inputs.pixel_scale import decide_scale
from bdtui.engine.inputs.preprocessing import Preprocessing
from bdtui.engine.machine.files import file_sha256, require_file
from bdtui.engine.network.channels import ChannelSource, find_source, prunable_sources, silent_channels
from bdtui.engine.network.score_runner import ScoreRunner
from bdtui.engine.option import options_of
from bdtui.engine.reporter import Reporter
from bdtui.engine.settings import (
    CLEAN_VALID,
    ROLES,
    SAMPLE_MODEL,
    RunSettings,
    check_given,
    files_in_place_of_sample,
)

_RANGE_RATIO = 20
"""Image sets whose brightest pixels differ by more than this were hardly stored in one way."""


@dataclass(frozen=True)
class OpenedInputs:
    """A run's model and data, with every ``auto`` of its settings resolved.

    Attributes:
        settings: of the run, nothing left automatic but the device.
        model: the BadNet B.
        data: image sets by role, prepared for the model.
        source: the layer to prune.
        scale: pixels are divided by this.
        sha256: of every file that an option names, as it was opened, by field name of `RunSettings`.
    """

    settings: RunSettings
    model: OpenedModel
    data: dict[str, LabelledImages]
    source: ChannelSource
    scale: int
    sha256: dict[str, str]


def sample_settings(settings: RunSettings) -> RunSettings:
    """Settings with the bundled BadNet and data in place of files.

    Raises:
        OptionError: files were given as well, or the sample is not installed.
    """
    if given := files_in_place_of_sample(settings):
        raise OptionError(f"the sample was given together with {given[0].replace('_', '-')}; use one of the two")
    folder = Path(str(files("bdtui.sample_data")))
    model = folder / SAMPLE_MODEL
    if not model.exists():
        raise OptionError(f"{model}: the sample is not installed; make it with python -m bdtui.sample_data.make")
    return replace(
        settings,
        model=model,
        clean_valid=folder / "cl" / "valid.h5",
        clean_test=folder / "cl" / "test.h5",
        poisoned_valid=folder / "bd" / "bd_valid.h5",
        poisoned_test=folder / "bd" / "bd_test.h5",
    )


def open_inputs(
    settings: RunSettings, reporter: Reporter, expected_sha256: Mapping[str, str] | None = None
) -> OpenedInputs:
    """Open the model and all image sets, and decide layout, scale and layer.

    Args:
        settings: what to open.
        reporter: receives what was found.
        expected_sha256: hashes that a recipe recorded, by field name; a file that differs is refused.

    Raises:
        InputError: something cannot be opened, does not fit, or is not what the recipe recorded.
    """
    check_given(settings)
    found = sample_settings(settings) if settings.sample else settings
    expected = dict(expected_sha256 or {})
    model = open_model(found.model, weights=found.weights, architecture=found.architecture, output=found.output)
    sha256: dict[str, str] = {}
    for name, option in options_of(found).items():
        path = option.file(getattr(found, name))
        if path is not None and name not in ROLES:
            require_file(path, option.kind.error, option.kind.expected)
            # The weights were hashed when the model was opened.
            sha256[name] = model.sha256 if path == model.path else file_sha256(path)
            _check_hash(path, sha256[name], expected.get(name), option.kind.error)
    try:
        source = find_source(model.network, found.layer)
    except ModelError as problem:
        raise ModelError(f"{model.path}: {problem}") from problem
    reporter.emit(_describe(model))
    data = {}
    for role in ROLES:
        path = getattr(found, role)
        if path is not None:
            reporter.checkpoint()
            images = open_dataset(path, model.input_shape, model.classes, found.layout)
            sha256[role] = images.sha256
            _check_hash(images.path, images.sha256, expected.get(role), DataError)
            data[role] = images
            has_true = images.true_labels is not None
            classes = len(np.unique(images.labels))
            reporter.emit(DataOpened(role, str(path), images.images, classes, images.layout, images.dtype, has_true))
    _check_sizes(data)
    _check_runs(model, data[CLEAN_VALID])
    decided = decide_scale(
        ScoreRunner(model.keras_model, data[CLEAN_VALID].image_shape, reporter), data[CLEAN_VALID], found.scale
    )
    reporter.emit(decided)
    reporter.emit(describe_layer(source))
    _warn_of_oddities(data, reporter)
    layouts = {images.layout for images in data.values()}
    resolved = replace(
        settings,
        layout=layouts.pop() if len(layouts) == 1 else settings.layout,
        scale=str(decided.scale),
        layer=source.profiled.name,
    )
    prepared = {role: images.prepared(Preprocessing(decided.scale)) for role, images in data.items()}
    return OpenedInputs(resolved, model, prepared, source, decided.scale, sha256)


def describe_layer(source: ChannelSource) -> LayerChosen:
    """Which layer is profiled and pruned."""
    silent = int(silent_channels(source).sum())
    return LayerChosen(source.profiled.name, source.pruned.name, source.channels, silent)


def _describe(model: OpenedModel) -> ModelOpened:
    prunable = {entry.profiled.name: entry.channels for entry in prunable_sources(model.network)}
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


def _check_hash(path: Path, found: str, expected: str | None, error: type[InputError]) -> None:
    if expected is not None and found != expected:
        raise error(
            f"{path}: has changed since the recipe was written (sha256 {found[:12]}…, the recipe says {expected[:12]}…); "
            "expected the same file"
        )


def _check_runs(model: OpenedModel, images: LabelledImages) -> None:
    """Send one black image through the network, to see whether it runs at all and with images of this size."""
    try:
        runner = ScoreRunner(model.keras_model, images.image_shape, compiled=False)
        runner.scores(np.zeros((1, *images.image_shape), np.float32))
    except (tf.errors.OpError, ValueError) as problem:
        reason = " ".join(str(problem).split())[:160]
        if None not in model.input_shape:
            raise ModelError(
                f"{model.path}: TensorFlow cannot run the model ({reason}); expected a network that runs on this device"
            ) from problem
        raise DataError(
            f"{images.path}: the model cannot take images of shape {images.image_shape} ({reason}); "
            "expected images it was made for"
        ) from problem


def _warn_of_oddities(data: Mapping[str, LabelledImages], reporter: Reporter) -> None:
    """Emit a notice for what is allowed and yet may be a mistake."""
    brightest = {role: float(np.abs(next(images.batches(64))).max()) for role, images in data.items()}
    if len(np.unique(data[CLEAN_VALID].labels)) == 1 < data[CLEAN_VALID].images:
        reporter.emit(Notice(f"all images in {data[CLEAN_VALID].path} have one label: is it really the clean set?"))
    for role, images in data.items():
        targets = len(np.unique(images.labels))
        if role.startswith("poisoned") and targets > 1:
            reporter.emit(
                Notice(
                    f"{images.path} has {targets} different labels. Expected for all-to-all attacks. "
                    "Otherwise check that 'label' is the attacker's target: with true classes ASR is meaningless"
                )
            )
        ratio = (brightest[role] + 1e-9) / (brightest[CLEAN_VALID] + 1e-9)
        if not 1 / _RANGE_RATIO < ratio < _RANGE_RATIO:
            reporter.emit(
                Notice(
                    f"pixels of {images.path} reach {brightest[role]:g}, those of {data[CLEAN_VALID].path} "
                    f"{brightest[CLEAN_VALID]:g}: both are scaled alike, so one of them may be stored wrongly"
                )
            )
        if images.true_labels is not None and role.startswith("poisoned"):
            already = int(np.count_nonzero(images.true_labels == images.labels))
            if already:
                reporter.emit(
                    Notice(
                        f"{already} of {images.images} images in {images.path} already belong to the attacker's class; "
                        "ASR counts them"
                    )
                )


def _check_sizes(data: Mapping[str, LabelledImages]) -> None:
    """All image sets must have images of one size, where the model leaves that open."""
    first = data[CLEAN_VALID]
    for images in data.values():
        if images.image_shape != first.image_shape:
            raise DataError(
                f"{images.path}: images are of shape {images.image_shape}; expected {first.image_shape} as in {first.path}"
            )
