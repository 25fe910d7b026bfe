"""Opens a model that somebody handed over: an image classifier whose calls are known."""

from __future__ import annotations

import re
import tempfile
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from bdtui.engine.errors import ModelError
from bdtui.engine.inputs.application_layers import APPLICATION_LAYERS
from bdtui.engine.inputs.build_limits import bounded_weights, refuse_large_output
from bdtui.engine.inputs.checkpoint import Checkpoint
from bdtui.engine.inputs.graph_limits import check_places
from bdtui.engine.inputs.keras2_config import mend_config
from bdtui.engine.inputs.keras_config import check_config
from bdtui.engine.inputs.keras_errors import explain_build, explain_weights
from bdtui.engine.inputs.keras_files import (
    copy_for_keras,
    fitting_architecture,
    holds_weights_alone,
    read_architecture,
    read_config,
)
from bdtui.engine.inputs.layer_order import refuse_other_order
from bdtui.engine.inputs.saved_model import checkpoint_of, is_saved_model, model_sha256
from bdtui.engine.inputs.saved_weights import load_saved_weights
from bdtui.engine.machine.quoted_text import quoted
from bdtui.engine.network.class_scores import scoring_network
from bdtui.engine.network.graph import Network

_RUNNABLE_NAME = re.compile(r"[A-Za-z0-9_.\\/>-]{1,200}")


@dataclass(frozen=True)
class OpenedModel:
    """An image classifier, ready to be looked at.

    Attributes:
        keras_model: the model, uncompiled, with one output.
        network: its calls, up to a vector of one score for each class.
        path: the file the weights came from.
        sha256: of that file's bytes, in hex.
        classes: N, the number of scores; 2 for a network with one output unit.
        fitting: the built-in architecture that was taken because the weights fit it; None where it was given.
    """

    keras_model: keras.Model
    network: Network
    path: Path
    sha256: str
    classes: int
    fitting: str | None = None

    @property
    def input_shape(self) -> tuple[int | None, ...]:
        """Shape of one image, channel last, None where any size will do."""
        return self.network.input_shape


def open_model(
    path: str | Path | None = None,
    *,
    weights: str | Path | None = None,
    architecture: str | None = None,
    output: str | None = None,
) -> OpenedModel:
    """Open a Keras image classifier.

    Args:
        path: a whole model, ``.h5``/``.hdf5`` of Keras 2.2 to 3, ``.keras``, or a SavedModel folder of Keras 2; or weights
            alone that fit ``deepid``.
        weights: weights-only HDF5, laid over ``path`` or over ``architecture``, or by itself if it fits ``deepid``.
        architecture: ``deepid``, or the path of a Keras JSON configuration.
        output: name of the layer whose output is meant, of a model with several outputs.

    Raises:
        ModelError: a file is missing or damaged, holds anything but stock Keras, does not fit the other, or is no
            classifier with one input and one vector of scores (see `bdtui.engine.network.class_scores`).
    """
    if path is not None and architecture is not None:
        raise ModelError("both a model and an architecture were given; use one of them")
    fitting = None
    given = path if path is not None else weights
    if given is None:
        raise ModelError("open_model has neither a path nor weights; expected one of them")
    if architecture is None and (path is None or weights is None):
        # What holds weights alone may stand for the model, and a whole model for the weights.
        if holds_weights_alone(Path(given)):
            path, weights = None, given
            architecture = fitting = fitting_architecture(Path(weights))
        else:
            path, weights = given, None
    if architecture is not None and weights is not None:
        described = Path(architecture)
        config = read_architecture(architecture, Path(weights))
    else:
        described = Path(given)
        config = read_config(described)
    config = mend_config(config, str(described))
    check_config(config, str(described))
    source = described if weights is None else Path(weights)
    rebuild = _rebuilt_saved_model if is_saved_model(source) else _rebuilt
    model = _with_one_output(rebuild(config, described, source), output, source)
    network = _traced(model, source)
    _refuse_infinite_weights(model, source)
    return OpenedModel(model, network, source, model_sha256(source), network.classes, fitting)


def _rebuilt(config: dict[str, Any], described: Path, source: Path) -> keras.Model:
    """A model of a checked configuration, read from one file, with the weights of another, or the same."""
    with tempfile.TemporaryDirectory(prefix="bdtui-") as folder:
        copy = copy_for_keras(config, source, Path(folder))
        with bounded_weights(copy.values, str(source)):
            model = _built(copy.config, described)
        with explain_weights(source, model, copy.path):
            model.load_weights(copy.path)
    refuse_other_order(copy.config, model, str(source))
    return model


def _rebuilt_saved_model(config: dict[str, Any], described: Path, folder: Path) -> keras.Model:
    """A model of a checked configuration and the weights in a SavedModel folder."""
    checkpoint = Checkpoint(checkpoint_of(folder))
    with bounded_weights(checkpoint.values, str(folder)):
        model = _built(config, described)
    load_saved_weights(model, checkpoint, folder)
    return model


def _built(config: dict[str, Any], described: Path) -> keras.Model:
    """A model without its weights."""
    # Keras takes apart what it is given.
    config = deepcopy(config)
    with explain_build(described):
        if "module" in config:
            model = keras.saving.deserialize_keras_object(config, custom_objects=APPLICATION_LAYERS, safe_mode=True)
        else:
            kind = keras.Sequential if config["class_name"] == "Sequential" else keras.Model
            model = kind.from_config(config["config"], custom_objects=APPLICATION_LAYERS)
    if not getattr(model, "inputs", None):
        raise ModelError(
            f"{described}: model {model.name!r} has no graph of layers to cut, since it does not say what shape its input has; "
            "expected a Functional or Sequential model that is built"
        )
    if len(model.inputs) > 1:
        names = ", ".join(quoted(tensor.name, 40) for tensor in model.inputs[:8])
        raise ModelError(
            f"{described}: has {len(model.inputs)} inputs ({names}); expected exactly one, the image: save the part of the "
            "network that reads it as a model of its own"
        )
    return model


def _traced(model: keras.Model, path: Path) -> Network:
    """The calls of a model, each with a name TensorFlow can run it under."""
    try:
        network = scoring_network(model)
    except ModelError as problem:
        raise ModelError(f"{path}: {problem}") from problem
    shapes: dict[int, tuple[int | None, ...]] = {network.input: (None, *network.input_shape)}
    for call in network.calls:
        for shape in call.output_shapes:
            refuse_large_output(shape, call.name, str(path))
        shapes.update(zip(call.outputs, call.output_shapes, strict=True))
        if call.inputs and call.inputs[0] in shapes:
            check_places(call, shapes[call.inputs[0]], str(path))
        if not _RUNNABLE_NAME.fullmatch(call.layer.name):
            raise ModelError(
                f"{path}: TensorFlow cannot run a layer named {quoted(call.layer.name)}; "
                "expected a name of at most 200 letters, digits and _ . / -"
            )
    if not network.input_shape:
        raise ModelError(f"{path}: the model reads single numbers; expected images or vectors")
    return network


def _with_one_output(model: keras.Model, name: str | None, path: Path) -> keras.Model:
    """The part of a model that leads to one of its outputs; the model itself, if it has no other."""
    try:
        names = [tensor._keras_history.operation.name for tensor in model.outputs]
    except (AttributeError, ValueError):
        # It was never built, and tracing it will say so.
        return model
    listed = ", ".join(f"{name!r} {tuple(tensor.shape)}" for name, tensor in zip(names, model.outputs, strict=True))
    if name is None and len(names) > 1:
        raise ModelError(
            f"{path}: the model has {len(names)} outputs: {listed}; expected --output with one of these names"
        )
    if name is not None and names.count(name) != 1:
        found = "several outputs" if name in names else "no output"
        raise ModelError(f"{path}: the model has {found} named {quoted(name)}; expected one of {listed}")
    if len(names) <= 1 and not isinstance(getattr(model, "output", None), dict):
        return model
    return keras.Model(model.inputs, model.outputs[names.index(name) if name else 0], name=model.name)


def _refuse_infinite_weights(model: keras.Model, path: Path) -> None:
    for variable in model.weights:
        if variable.dtype.startswith(("float", "bfloat")) and not np.isfinite(np.asarray(variable, np.float32)).all():
            raise ModelError(f"{path}: weights {variable.path!r} hold NaN or infinite values; expected finite numbers")
