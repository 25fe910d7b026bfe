"""Opens a model that somebody handed over, and writes the ones made from it.

Keras never reads the file itself: its configuration is checked and mended as data, and Keras is given a
copy that holds only that and the weights.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np

from bdtui.engine.deepid import INPUT_SHAPE, build_deepid
from bdtui.engine.errors import ModelError
from bdtui.engine.graph import Network, trace_network
from bdtui.engine.hdf5 import open_hdf5
from bdtui.engine.model_config import check_config, mend_config, parse_config

BUILT_IN_ARCHITECTURES = ("deepid",)


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
        raise ModelError("both a model and an architecture were given; expected one of them")
    if path is not None:
        source = Path(path)
        model = _open_whole(source)
    elif architecture is not None and weights is not None:
        source = Path(architecture)
        model = _build_architecture(architecture, Path(weights))
    else:
        raise ModelError("no model was given: expected a model file, or an architecture with its weights")
    if weights is not None:
        source = Path(weights)
        _load_weights(model, source)
    network = trace_network(model)
    return OpenedModel(model, network, source, _sha256(source), _count_classes(model, source))


def copy_model(model: keras.Model) -> keras.Model:
    """A model of the same layers and weights that shares no variable with the original."""
    copy = keras.models.clone_model(model)
    copy.set_weights(model.get_weights())
    return copy


def _open_whole(path: Path) -> keras.Model:
    if not path.exists():
        raise ModelError(f"{path}: no such file; expected a Keras model (.h5, .hdf5 or .keras)")
    if path.is_dir():
        raise ModelError(f"{path}: is a folder; expected a Keras model file (.h5, .hdf5 or .keras)")
    try:
        is_zip = zipfile.is_zipfile(path)
    except OSError as problem:
        raise ModelError(f"{path}: cannot be read ({problem.strerror}); expected a readable Keras model") from problem
    with _explained(path), tempfile.TemporaryDirectory(prefix="bdtui-") as folder:
        copy = _checked_archive(path, Path(folder)) if is_zip else _checked_hdf5(path, Path(folder))
        return keras.models.load_model(copy, compile=False, safe_mode=True)


def _checked_hdf5(path: Path, folder: Path) -> Path:
    """A copy of a whole-model HDF5 that holds its mended configuration and its weights, and nothing else."""
    with open_hdf5(path, ModelError) as file:
        stored = file.attrs.get("model_config")
        if stored is None:
            hint = (
                "it holds weights only: give it as --weights with --architecture" if "layer_names" in file.attrs else ""
            )
            raise ModelError(
                f"{path}: holds no model configuration; expected a whole Keras model" + (f" ({hint})" if hint else "")
            )
        config = parse_config(stored, str(path))
        check_config(config, str(path))
        return _hdf5_copy(file, "model_weights", config, path, folder)


def _hdf5_copy(file: h5py.File, group: str, config: dict[str, Any] | None, path: Path, folder: Path) -> Path:
    weights = file.get(group) if group in file else file
    _refuse_links(weights, path)
    copy = folder / "model.h5"
    with h5py.File(copy, "w") as target:
        if config is not None:
            target.attrs["model_config"] = json.dumps(mend_config(config)).encode()
        for key in ("keras_version", "backend"):
            if key in file.attrs:
                target.attrs[key] = file.attrs[key]
        if config is not None:
            file.copy(weights, target, "model_weights")
        else:
            for key in weights:
                file.copy(weights[key], target, key)
            for key, value in weights.attrs.items():
                target.attrs[key] = value
    return copy


def _refuse_links(group: h5py.Group, path: Path) -> None:
    """Refuse weights that lie outside of the file."""
    waiting = [group]
    while waiting:
        current = waiting.pop()
        for key in current:
            if not isinstance(current.get(key, getlink=True), h5py.HardLink):
                raise ModelError(f"{path}: {key!r} is a link to another place; expected the weights themselves")
            item = current[key]
            if isinstance(item, h5py.Group):
                waiting.append(item)
            elif isinstance(item, h5py.Dataset) and (item.is_virtual or item.external):
                raise ModelError(f"{path}: {key!r} keeps its content in other files; expected the weights themselves")


def _checked_archive(path: Path, folder: Path) -> Path:
    """A copy of a ``.keras`` archive with its mended configuration."""
    copy = folder / "model.keras"
    try:
        with zipfile.ZipFile(path) as archive, zipfile.ZipFile(copy, "w") as target:
            names = set(archive.namelist())
            if not {"config.json", "model.weights.h5"} <= names:
                raise ModelError(f"{path}: is a zip file without 'config.json' and 'model.weights.h5'; expected .keras")
            config = parse_config(archive.read("config.json"), str(path))
            check_config(config, str(path))
            target.writestr("config.json", json.dumps(mend_config(config)))
            target.writestr("metadata.json", archive.read("metadata.json") if "metadata.json" in names else "{}")
            with archive.open("model.weights.h5") as weights, target.open("model.weights.h5", "w") as out:
                shutil.copyfileobj(weights, out)
    except (zipfile.BadZipFile, EOFError, OSError) as problem:
        raise ModelError(f"{path}: is a damaged .keras archive; expected a whole one") from problem
    return copy


def _build_architecture(architecture: str, weights: Path) -> keras.Model:
    if architecture == "deepid":
        return build_deepid(_classes_of_weights(weights))
    path = Path(architecture)
    if not path.exists():
        raise ModelError(
            f"{architecture}: no such architecture; expected one of {', '.join(BUILT_IN_ARCHITECTURES)} "
            "or a Keras JSON file"
        )
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as problem:
        raise ModelError(f"{path}: cannot be read as text; expected a Keras JSON configuration") from problem
    config = parse_config(text, str(path))
    check_config(config, str(path))
    with _explained(path):
        return keras.models.model_from_json(json.dumps(mend_config(config)))


def _classes_of_weights(path: Path) -> int:
    """How many classes a weights-only file of DeepID has: the length of its output layer's bias."""
    with open_hdf5(path, ModelError) as file:
        group = file.get("model_weights", file)
        found: list[int] = []

        def look(name: str, item: Any) -> None:
            if isinstance(item, h5py.Dataset) and name.split("/", maxsplit=1)[0] == "output" and item.ndim == 1:
                found.append(item.shape[0])

        group.visititems(look)
    if len(found) != 1:
        raise ModelError(
            f"{path}: has no bias of a layer 'output'; expected the weights of DeepID, input {INPUT_SHAPE}"
        )
    return found[0]


def _load_weights(model: keras.Model, path: Path) -> None:
    with _explained(path), tempfile.TemporaryDirectory(prefix="bdtui-") as folder:
        with open_hdf5(path, ModelError) as file:
            group = file.get("model_weights", file)
            if "layer_names" not in group.attrs:
                if "layers" not in file and "_layer_checkpoint_dependencies" not in file:
                    raise ModelError(f"{path}: holds no weights of a Keras model; expected a weights-only .h5")
                _refuse_links(file, path)
                modern = Path(folder) / "model.weights.h5"
                shutil.copyfile(path, modern)
                model.load_weights(modern)
                return
            stored = {_text(name) for name in group.attrs["layer_names"]}
            weighted = {
                _text(n) for n in group.attrs["layer_names"] if len(group[_text(n)].attrs.get("weight_names", ()))
            }
            copy = _hdf5_copy(file, "model_weights", None, path, Path(folder))
        wanted = {layer.name for layer in model.layers if layer.weights}
        # By name where the names agree, since the order of branches is the writer's; else by position.
        model.load_weights(copy, **({"by_name": True} if wanted == weighted and wanted <= stored else {}))


def _text(name: str | bytes) -> str:
    return name.decode() if isinstance(name, bytes) else str(name)


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


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Turn whatever Keras, HDF5 or TensorFlow raise over a file into one sentence about it."""
    try:
        yield
    except ModelError:
        raise
    except Exception as problem:
        detail = " ".join(str(problem).split())[:200] or type(problem).__name__
        raise ModelError(f"{path}: Keras cannot rebuild the model ({detail}); expected a sound model file") from problem


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
