"""Opens everything a run needs and decides what was left to be found out: layout, preprocessing, layer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from importlib.resources import files
from pathlib import Path
from typing import TypeVar

import numpy as np
import tensorflow as tf

from bdtui.engine.errors import DataError, ModelError, OptionError
from bdtui.engine.events import ClassesNamed, DataOpened, LayerChosen, Notice
from bdtui.engine.inputs.choose_preprocessing import asked_mode, choose_preprocessing
from bdtui.engine.inputs.class_names import shown_class
from bdtui.engine.inputs.datasets import LabelledImages, open_dataset
from bdtui.engine.inputs.image_set import ImageSet
from bdtui.engine.inputs.image_warnings import warn_of_images
from bdtui.engine.inputs.keras_errors import run_sentence
from bdtui.engine.inputs.model import OpenedModel
from bdtui.engine.inputs.opened_network import check_hash, describe_network, open_network
from bdtui.engine.inputs.preprocessing import PreprocessingMode
from bdtui.engine.inputs.sampling import find_stored_range
from bdtui.engine.inputs.stored_range import StoredRange
from bdtui.engine.inputs.trigger import read_target, read_trigger, stamp_images, stamp_of
from bdtui.engine.machine.library_words import plain_detail
from bdtui.engine.network.channels import ChannelSource, find_source, prunable_sources, silent_channels
from bdtui.engine.network.score_runner import ScoreRunner
from bdtui.engine.reporter import Reporter
from bdtui.engine.settings import (
    AUTO,
    CLEAN_TEST,
    CLEAN_VALID,
    MEAN_STD,
    POISONED_TEST,
    POISONED_VALID,
    ROLES,
    SAMPLE_MODEL,
    RunSettings,
    check_agreement,
    check_given,
    files_in_place_of_sample,
)

_Images = TypeVar("_Images", bound=ImageSet)


@dataclass(frozen=True)
class OpenedInputs:
    """A run's model and data, with every ``auto`` of its settings resolved.

    Attributes:
        settings: of the run, nothing left automatic but the device.
        model: the BadNet B.
        data: image sets by role, prepared for the model.
        source: the layer to prune.
        preprocessing: how the pixels of all image sets are prepared.
        sha256: of every file that an option names, as it was opened, by field name of `RunSettings`.
        class_names: what the classes are called, by class number; empty where nobody says.
        ranges: between which values the pixels of each set are stored.
    """

    settings: RunSettings
    model: OpenedModel
    data: dict[str, LabelledImages]
    source: ChannelSource
    preprocessing: PreprocessingMode
    sha256: dict[str, str]
    class_names: tuple[str, ...] = ()
    ranges: Mapping[str, StoredRange] = field(default_factory=dict)

    def prepared_alike(self, images: _Images) -> _Images:
        """Further images, prepared as those of the run are.

        Raises:
            DataError: an image cannot be read, or is not finite.
        """
        clean = self.data[CLEAN_VALID]
        # What is stored in the same way is read in the same way: few images, or dark ones, do not tell their range.
        alike = np.dtype(images.dtype) == np.dtype(clean.dtype)
        stored = find_stored_range(clean) if alike else find_stored_range(images)
        return images.prepared(self.preprocessing.of(stored))


@dataclass(frozen=True)
class _OpenedImages:
    """The image sets of a run and the ranges their pixels are stored in, by role, and the names of their classes."""

    data: dict[str, LabelledImages]
    ranges: dict[str, StoredRange]
    class_names: tuple[str, ...]


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
    """Open the model and all image sets, and decide layout, preprocessing and layer.

    Args:
        settings: what to open.
        reporter: receives what was found.
        expected_sha256: hashes that a recipe recorded, by field name; a file that differs is refused.

    Raises:
        InputError: something cannot be opened, does not fit, or is not what the recipe recorded.
    """
    check_given(settings)
    check_agreement(settings)
    asked = asked_mode(settings)
    found = sample_settings(settings) if settings.sample else settings
    expected = dict(expected_sha256 or {})
    network = open_network(found, expected)
    model, sha256 = network.model, dict(network.sha256)
    sources = prunable_sources(model.network)
    try:
        source = find_source(model.network, found.layer, sources)
    except ModelError as problem:
        raise ModelError(f"{model.path}: {problem}") from problem
    describe_network(network, reporter, sources)
    class_names = network.class_names
    opened = _open_images(found, model, class_names, expected, reporter)
    data, ranges, class_names = opened.data, opened.ranges, opened.class_names
    sha256 |= {role: images.sha256 for role, images in data.items() if getattr(found, role) is not None}
    if None in model.input_shape:
        size = "×".join(map(str, data[CLEAN_VALID].image_shape))
        reporter.emit(Notice(f"the network takes images of any size; these are {size}"))
    _check_runs(model, data[CLEAN_VALID])
    runner = ScoreRunner(model.keras_model, data[CLEAN_VALID].image_shape, reporter)
    mode, decided = choose_preprocessing(model.network, runner, data, ranges, asked, class_names, reporter)
    reporter.emit(decided)
    reporter.emit(describe_layer(source))
    warn_of_images(data, ranges, mode, class_names, reporter)
    layouts = {images.layout for images in data.values()}
    resolved = replace(
        settings,
        architecture=model.fitting if found.model is None and model.fitting else settings.architecture,
        layout=layouts.pop() if len(layouts) == 1 else settings.layout,
        preprocess=AUTO if mode.name == MEAN_STD else mode.name,
        scale=str(mode.scale or AUTO),
        layer=source.profiled.name,
    )
    prepared = {role: images.prepared(mode.of(ranges[role])) for role, images in data.items()}
    return OpenedInputs(resolved, model, prepared, source, mode, sha256, class_names, ranges)


def _open_images(
    found: RunSettings,
    model: OpenedModel,
    class_names: tuple[str, ...],
    expected: Mapping[str, str],
    reporter: Reporter,
) -> _OpenedImages:
    """The image sets that files hold, and those that a trigger makes of them, with the ranges of their pixels."""
    data: dict[str, LabelledImages] = {}
    for role in ROLES:
        path = getattr(found, role)
        if path is not None:
            reporter.checkpoint()
            # What one set alone does not tell is as in the clean images, which come first.
            clean = data.get(CLEAN_VALID)
            images = open_dataset(
                path,
                model.input_shape,
                model.classes,
                found.layout,
                keys=found.keys,
                class_names=class_names or (clean.class_names if clean else ()),
                first_label=clean.first_label if clean else None,
                skip_broken=found.skip_broken,
                role=role,
                reporter=reporter,
            )
            check_hash(images.path, images.sha256, expected.get(role), DataError)
            data[role] = images
            reporter.emit(_describe_images(role, images))
            for reading in images.readings:
                # The same words when the run is replayed from its recipe, which names files by their whole path.
                reporter.emit(Notice(reading.replace(str(path), str(path.resolve()), 1)))
    _check_sizes(data)
    class_names = class_names or data[CLEAN_VALID].class_names
    if class_names:
        reporter.emit(ClassesNamed(class_names))
    ranges = {role: find_stored_range(images) for role, images in data.items()}
    if found.trigger is not None:
        target = read_target(str(found.target), model.classes, class_names)
        trigger = read_trigger(found.trigger, data[CLEAN_VALID].image_shape, found.trigger_at)
        for role, poisoned in ((CLEAN_VALID, POISONED_VALID), (CLEAN_TEST, POISONED_TEST)):
            if role in data:
                data[poisoned] = stamp_images(data[role], ranges[role], trigger, target, model.classes)
                ranges[poisoned] = ranges[role]
                reporter.emit(_describe_images(poisoned, data[poisoned], class_names))
        data = {role: data[role] for role in ROLES if role in data}
    return _OpenedImages(data, ranges, class_names)


def describe_layer(source: ChannelSource) -> LayerChosen:
    """Which layer is profiled and pruned."""
    silent = int(silent_channels(source).sum())
    return LayerChosen(source.profiled.name, source.pruned, source.channels, silent, bool(source.readers))


def _describe_images(role: str, images: LabelledImages, names: tuple[str, ...] = ()) -> DataOpened:
    stamp = stamp_of(images)
    made_with = ""
    if stamp is not None:
        target = "the class after the true one" if stamp.target is None else f"class {shown_class(stamp.target, names)}"
        made_with = f"{stamp.trigger.path.name} at {stamp.trigger.row},{stamp.trigger.column} → {target}"
    return DataOpened(
        role,
        str(images.path),
        images.images,
        len(np.unique(images.labels)),
        images.layout,
        images.dtype,
        images.true_labels is not None,
        made_with,
    )


def _check_runs(model: OpenedModel, images: LabelledImages) -> None:
    """Send one black image through the network, to see whether it runs at all and with images of this size."""
    try:
        runner = ScoreRunner(model.keras_model, images.image_shape, compiled=False)
        runner.scores(np.zeros((1, *images.image_shape), np.float32))
    except (tf.errors.OpError, ValueError) as problem:
        if None not in model.input_shape:
            raise ModelError(f"{model.path}: {run_sentence(problem)}") from problem
        raise DataError(
            f"{images.path}: the model cannot take images of shape {images.image_shape} ({plain_detail(problem)}); "
            "expected images it was made for"
        ) from problem


def _check_sizes(data: Mapping[str, LabelledImages]) -> None:
    """All image sets must have images of one size, where the model leaves that open."""
    first = data[CLEAN_VALID]
    for images in data.values():
        if images.image_shape != first.image_shape:
            raise DataError(
                f"{images.path}: images are of shape {images.image_shape}; expected {first.image_shape} as in {first.path}"
            )
