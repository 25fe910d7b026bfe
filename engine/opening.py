"""Opens everything a run needs and decides what was left to be found out: layout, scale, layer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib.resources import files
from itertools import islice
from pathlib import Path

import numpy as np
import tensorflow as tf

from bdtui.engine.backend import prepare_backend
from bdtui.engine.channels import ChannelSource, find_source, prunable_sources, silent_channels
from bdtui.engine.datasets import LabelledImages, open_dataset
from bdtui.engine.errors import DataError, OptionError
from bdtui.engine.events import (
    DataOpened,
    LayerChosen,
    LayerFound,
    ModelOpened,
    Notice,
    Progress,
    Reporter,
    ScaleDecided,
)
from bdtui.engine.graph import run_calls
from bdtui.engine.models import OpenedModel, open_model
from bdtui.engine.pruning import check_thresholds, default_batch_size
from bdtui.engine.rankings import check_ranking
from bdtui.engine.settings import CLEAN_VALID, ROLES, RunSettings

SCALES = (1, 255)
_PROBE_IMAGES = 1024
_CLOSE_POINTS = 5


@dataclass(frozen=True)
class OpenedInputs:
    """A run's model and data, with every ``auto`` of its settings resolved.

    Attributes:
        settings: of the run, nothing left automatic but the device.
        model: the BadNet B.
        data: image sets by role.
        source: the layer to prune.
        scale: pixels are divided by this.
    """

    settings: RunSettings
    model: OpenedModel
    data: dict[str, LabelledImages]
    source: ChannelSource
    scale: int


def sample_settings(settings: RunSettings) -> RunSettings:
    """Settings with the bundled BadNet and data in place of files.

    Raises:
        OptionError: files were given as well, or the sample is not installed.
    """
    given = [name for name in ("model", "weights", "architecture", *ROLES) if getattr(settings, name) is not None]
    if given:
        raise OptionError(
            f"the sample was asked for together with {given[0].replace('_', '-')}; expected one of the two"
        )
    folder = Path(str(files("bdtui.sample_data")))
    model = folder / "bd_net.h5"
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
        reporter: hears what was found.
        expected_sha256: hashes that a recipe recorded, by field name; a file that differs is refused.

    Raises:
        InputError: something cannot be opened, does not fit, or is not what the recipe recorded.
    """
    found = sample_settings(settings) if settings.sample else settings
    expected = dict(expected_sha256 or {})
    if found.clean_valid is None:
        raise OptionError("no clean validation images were given; expected --clean-valid FILE")
    model = open_model(found.model, weights=found.weights, architecture=found.architecture)
    _check_hash(model.path, model.sha256, expected.get("weights" if found.weights else "model"))
    source = find_source(model.network, found.layer)
    prunable = {entry.profiled.name: entry.channels for entry in prunable_sources(model.network)}
    reporter.emit(
        ModelOpened(
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
                for call in model.network.calls
            ),
        )
    )
    data = {}
    for role in ROLES:
        path = getattr(found, role)
        if path is not None:
            reporter.checkpoint()
            images = open_dataset(path, model.input_shape, model.classes, found.layout)
            _check_hash(images.path, images.sha256, expected.get(role))
            data[role] = images
            has_true = images.true_labels is not None
            reporter.emit(DataOpened(role, str(path), images.images, images.layout, images.dtype, has_true))
    _check_sizes(data)
    decided = _decide_scale(model, data[CLEAN_VALID], found.scale, reporter)
    reporter.emit(decided)
    reporter.emit(
        LayerChosen(source.profiled.name, source.pruned.name, source.channels, int(silent_channels(source).sum()))
    )
    for role, images in data.items():
        if images.true_labels is not None and role.startswith("poisoned"):
            already = int(np.count_nonzero(images.true_labels == images.labels))
            if already:
                reporter.emit(
                    Notice(
                        f"{already} of {images.images} images in {images.path} belong to the attacker's class anyway"
                    )
                )
    layouts = {images.layout for images in data.values()}
    resolved = replace(
        settings,
        layout=layouts.pop() if len(layouts) == 1 else settings.layout,
        scale=str(decided.scale),
        layer=source.profiled.name,
    )
    return OpenedInputs(resolved, model, data, source, decided.scale)


def input_hashes(inputs: OpenedInputs) -> dict[str, str]:
    """The sha256 of the file with the weights and of every image set, by field name of `RunSettings`."""
    hashes = {"weights" if inputs.settings.weights else "model": inputs.model.sha256}
    return {**hashes, **{role: images.sha256 for role, images in inputs.data.items()}}


def _check_hash(path: Path, found: str, expected: str | None) -> None:
    if expected is not None and found != expected:
        raise DataError(
            f"{path}: has changed since the recipe was written (sha256 {found[:12]}…, the recipe says {expected[:12]}…); "
            "expected the same file"
        )


def _check_sizes(data: Mapping[str, LabelledImages]) -> None:
    """All image sets must have images of one size, where the model leaves that open."""
    first = data[CLEAN_VALID]
    for images in data.values():
        if images.image_shape != first.image_shape:
            raise DataError(
                f"{images.path}: images are of shape {images.image_shape}; expected {first.image_shape} as in {first.path}"
            )


def _decide_scale(model: OpenedModel, images: LabelledImages, wanted: str, reporter: Reporter) -> ScaleDecided:
    """Divide pixels as asked, or by what gives the better clean accuracy on a few batches."""
    if wanted != "auto":
        if wanted not in {str(scale) for scale in SCALES}:
            raise OptionError(f"scale {wanted!r} makes no sense; expected auto, 1 or 255")
        return ScaleDecided(int(wanted), None, f"Pixels are divided by {wanted}, as asked for.")
    batch_size = default_batch_size(model.network, images.image_shape)

    def predict(batch: tf.Tensor) -> tf.Tensor:
        values = {model.network.input: batch}
        run_calls(model.network.calls, values)
        return tf.argmax(values[model.network.output], axis=-1)

    classes = tf.function(predict, reduce_retracing=True)
    hits = dict.fromkeys(SCALES, 0)
    seen = 0
    for batch in islice(images.batches(batch_size), max(1, _PROBE_IMAGES // batch_size)):
        reporter.checkpoint()
        labels = images.labels[seen : seen + len(batch)]
        seen += len(batch)
        for scale in SCALES:
            hits[scale] += int(np.count_nonzero(np.asarray(classes(batch / np.float32(scale))) == labels))
    accuracy = {scale: 100 * count / seen for scale, count in hits.items()}
    best = max(SCALES, key=lambda scale: accuracy[scale])
    other = next(scale for scale in SCALES if scale != best)
    text = (
        f"Pixels are divided by {best}: clean accuracy on the first {seen} images is {accuracy[best]:.1f} %, "
        f"against {accuracy[other]:.1f} % when divided by {other}."
    )
    if accuracy[best] - accuracy[other] < _CLOSE_POINTS:
        text += " The two are close: say --scale 1 or --scale 255 if you know."
    return ScaleDecided(best, accuracy, text)


def check_inputs(
    settings: RunSettings, reporter: Reporter, expected_sha256: Mapping[str, str] | None = None
) -> OpenedInputs:
    """Open everything as a run would, read every image once, and write nothing.

    Raises:
        InputError: something cannot be opened or read, does not fit, or is not what the recipe recorded.
    """
    check_thresholds(settings.thresholds)
    check_ranking(settings.ranking)
    prepare_backend(settings.device, settings.seed)
    inputs = open_inputs(settings, reporter, expected_sha256)
    for role, images in inputs.data.items():
        done = 0
        for batch in images.batches(1024):
            reporter.checkpoint()
            done += len(batch)
            reporter.emit(Progress(role.replace("_", " "), done, images.images, "images"))
    return inputs
