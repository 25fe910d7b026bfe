"""Opens a model that somebody handed over: an image classifier whose calls are known."""

from __future__ import annotations

import re
import tempfile
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np

from bdtui.engine.errors import ModelError, OutOfMemory
from bdtui.engine.inputs.build_limits import bounded_weights, refuse_large_output
from bdtui.engine.inputs.keras_config import check_config, mend_config
from bdtui.engine.inputs.keras_files import copy_for_keras, read_architecture, read_config
from bdtui.engine.machine.files import file_sha256
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
    output: str | None = None,
) -> OpenedModel:
    """Open a Keras image classifier.

    Args:
        path: a whole model, ``.h5``/``.hdf5`` of Keras 2.2 to 3 or ``.keras``.
        weights: weights-only HDF5, laid over ``path`` or over ``architecture``.
        architecture: ``deepid``, or the path of a Keras JSON configuration.
        output: name of the layer whose output is meant, of a model with several outputs.

    Raises:
        ModelError: a file is missing or damaged, holds anything but stock Keras, does not fit the other, or is no
            classifier with one input and one vector of scores (see `bdtui.engine.network.class_scores`).
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
    with tempfile.TemporaryDirectory(prefix="bdtui-") as folder:
        copy = copy_for_keras(config, source, Path(folder))
        try:
            with bounded_weights(copy.values, str(source)):
                model = keras.models.load_model(copy.path, compile=False, safe_mode=True)
        except ModelError:
            raise
        except MemoryError as problem:
            raise OutOfMemory(
                f"{source}: not enough memory for this model; free some memory or use a smaller model"
            ) from problem
        except Exception as problem:
            detail = " ".join(str(problem).split())[:200] or type(problem).__name__
            raise ModelError(
                f"{source}: Keras cannot rebuild the model ({detail}); expected a sound model and weights that fit it"
            ) from problem
    model = _with_one_output(model, output, source)
    network = _traced(model, source)
    _refuse_infinite_weights(model, source)
    return OpenedModel(model, network, source, file_sha256(source), network.classes)


def _traced(model: keras.Model, path: Path) -> Network:
    """The calls of a model, each with a name TensorFlow can run it under."""
    try:
        network = scoring_network(model)
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
        raise ModelError(f"{path}: the model has {found} named {name[:80]!r}; expected one of {listed}")
    if len(names) <= 1 and not isinstance(getattr(model, "output", None), dict):
        return model
    return keras.Model(model.inputs, model.outputs[names.index(name) if name else 0], name=model.name)


def _refuse_infinite_weights(model: keras.Model, path: Path) -> None:
    for variable in model.weights:
        if variable.dtype.startswith(("float", "bfloat")) and not np.isfinite(np.asarray(variable, np.float32)).all():
            raise ModelError(f"{path}: weights {variable.path!r} hold NaN or infinite values; expected finite numbers")
