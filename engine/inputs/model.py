"""Opens a model that somebody handed over: an image classifier whose calls are known."""

from __future__ import annotations

import re
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from bdtui.engine.errors import ModelError
from bdtui.engine.inputs.build_limits import bounded_weights, refuse_large_output
from bdtui.engine.inputs.checkpoint import Checkpoint
from bdtui.engine.inputs.keras_config import check_config, mend_config
from bdtui.engine.inputs.keras_errors import explain_keras
from bdtui.engine.inputs.keras_files import copy_for_keras, read_architecture, read_config
from bdtui.engine.inputs.saved_model import checkpoint_of, is_saved_model, model_sha256
from bdtui.engine.inputs.saved_weights import load_saved_weights
from bdtui.engine.network.graph import Network, trace_network

_RUNNABLE_NAME = re.compile(r"[A-Za-z0-9_.\\/>-]{1,200}")


@dataclass(frozen=True)
class OpenedModel:
    """An image classifier, ready to be looked at.

    Attributes:
        keras_model: the model, uncompiled.
        network: its calls.
        path: the file the weights came from.
        sha256: of that file's bytes, in hex.
        classes: N, the length of the output vector.
    """

    keras_model: keras.Model
    network: Network
    path: Path
    sha256: str
    classes: int

    @property
    def input_shape(self) -> tuple[int | None, ...]:
        """Shape of one image, channel last, None where any size will do."""
        return self.network.input_shape


def open_model(
    path: str | Path | None = None,
    *,
    weights: str | Path | None = None,
    architecture: str | None = None,
) -> OpenedModel:
    """Open a Keras image classifier.

    Args:
        path: a whole model, ``.h5``/``.hdf5`` of Keras 2.2 to 3 or ``.keras``.
        weights: weights-only HDF5, laid over ``path`` or over ``architecture``.
        architecture: ``deepid``, or the path of a Keras JSON configuration.

    Raises:
        ModelError: a file is missing or damaged, holds anything but stock Keras, does not fit the other, or is no
            classifier with one input and one vector of at least two scores.
    """
    if path is not None and architecture is not None:
        raise ModelError("both a model and an architecture were given; use one of them")
    if path is not None:
        described = Path(path)
        config = read_config(described)
    elif architecture is not None and weights is not None:
        described = Path(architecture)
        config = read_architecture(architecture, Path(weights))
    else:
        raise ModelError("open_model has no path, and no architecture with weights; expected one of them")
    config = mend_config(config, str(described))
    check_config(config, str(described))
    source = described if weights is None else Path(weights)
    model = _rebuilt_saved_model(config, source) if is_saved_model(source) else _rebuilt(config, source)
    return OpenedModel(model, _traced(model, source), source, model_sha256(source), _count_classes(model, source))


def _rebuilt(config: dict[str, Any], source: Path) -> keras.Model:
    """A model of a checked configuration and the weights of a file."""
    with tempfile.TemporaryDirectory(prefix="bdtui-") as folder:
        copy = copy_for_keras(config, source, Path(folder))
        with explain_keras(source), bounded_weights(copy.values, str(source)):
            return keras.models.load_model(copy.path, compile=False, safe_mode=True)


def _rebuilt_saved_model(config: dict[str, Any], folder: Path) -> keras.Model:
    """A model of a checked configuration and the weights in a SavedModel folder."""
    checkpoint = Checkpoint(checkpoint_of(folder))
    with explain_keras(folder), bounded_weights(checkpoint.values, str(folder)):
        kind = keras.Sequential if config["class_name"] == "Sequential" else keras.Model
        model = kind.from_config(config["config"])
        load_saved_weights(model, checkpoint, folder)
        return model


def _traced(model: keras.Model, path: Path) -> Network:
    """The calls of a model, each with a name TensorFlow can run it under."""
    try:
        network = trace_network(model)
    except ModelError as problem:
        raise ModelError(f"{path}: {problem}") from problem
    for call in network.calls:
        for shape in call.output_shapes:
            refuse_large_output(shape, call.name, str(path))
        if not _RUNNABLE_NAME.fullmatch(call.layer.name):
            raise ModelError(
                f"{path}: TensorFlow cannot run a layer named {call.layer.name[:200]!r}; "
                "expected a name of at most 200 letters, digits and _ . / -"
            )
    if not network.input_shape:
        raise ModelError(f"{path}: the model reads single numbers; expected images or vectors")
    return network


def _count_classes(model: keras.Model, path: Path) -> int:
    shape = model.outputs[0].shape
    if len(shape) != 2 or shape[1] is None or shape[1] < 2:
        raise ModelError(
            f"{path}: the model's output has shape {tuple(shape)}; expected one vector of scores for at least two classes"
        )
    for variable in model.weights:
        if variable.dtype.startswith(("float", "bfloat")) and not np.isfinite(np.asarray(variable, np.float32)).all():
            raise ModelError(f"{path}: weights {variable.path!r} hold NaN or infinite values; expected finite numbers")
    return int(shape[1])
