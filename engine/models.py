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
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import h5py
import keras
import numpy as np

from bdtui.engine.deepid import INPUT_SHAPE, build_deepid
from bdtui.engine.errors import ModelError
from bdtui.engine.graph import Network, trace_network
from bdtui.engine.hdf5 import open_hdf5
from bdtui.engine.model_config import check_config, layer_names, mend_config, parse_config

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
        described = Path(path)
        config = _config_of_model(described)
    elif architecture is not None and weights is not None:
        described = Path(architecture)
        config = _config_of_architecture(architecture, Path(weights))
    else:
        raise ModelError("no model was given: expected a model file, or an architecture with its weights")
    config = mend_config(config)
    check_config(config, str(described))
    source = described if weights is None else Path(weights)
    with tempfile.TemporaryDirectory(prefix="bdtui-") as folder:
        copy = _copy_for_keras(config, source, Path(folder))
        try:
            model = keras.models.load_model(copy, compile=False, safe_mode=True)
        except Exception as problem:
            detail = " ".join(str(problem).split())[:200] or type(problem).__name__
            raise ModelError(
                f"{source}: Keras cannot rebuild the model ({detail}); expected a sound model and weights that fit it"
            ) from problem
    network = trace_network(model)
    return OpenedModel(model, network, source, _sha256(source), _count_classes(model, source))


def copy_model(model: keras.Model) -> keras.Model:
    """A model of the same layers and weights that shares no variable with the original."""
    copy = keras.models.clone_model(model)
    copy.set_weights(model.get_weights())
    return copy


def _config_of_model(path: Path) -> dict[str, Any]:
    """The configuration that a whole model's file holds."""
    if not path.exists():
        raise ModelError(f"{path}: no such file; expected a Keras model (.h5, .hdf5 or .keras)")
    if path.is_dir():
        raise ModelError(f"{path}: is a folder; expected a Keras model file (.h5, .hdf5 or .keras)")
    if _is_archive(path):
        with _archive(path) as archive:
            return parse_config(archive.read("config.json"), str(path))
    with open_hdf5(path, ModelError) as file:
        stored = file.attrs.get("model_config")
        if stored is None:
            hint = "; weights alone go with --weights and --architecture" if "layer_names" in file.attrs else ""
            raise ModelError(f"{path}: holds no model configuration; expected a whole Keras model{hint}")
        return parse_config(stored, str(path))


def _config_of_architecture(architecture: str, weights: Path) -> dict[str, Any]:
    if architecture == "deepid":
        return parse_config(build_deepid(_classes_of_weights(weights)).to_json(), architecture)
    path = Path(architecture)
    if not path.is_file():
        raise ModelError(
            f"{architecture}: no such architecture; expected {', '.join(BUILT_IN_ARCHITECTURES)} or a Keras JSON file"
        )
    try:
        return parse_config(path.read_text(encoding="utf-8"), str(path))
    except (OSError, UnicodeDecodeError) as problem:
        raise ModelError(f"{path}: cannot be read as text; expected a Keras JSON configuration") from problem


def _copy_for_keras(config: dict[str, Any], weights: Path, folder: Path) -> Path:
    """A model file that holds a checked configuration and the weights of a file, and nothing else."""
    if _is_archive(weights):
        with _archive(weights) as archive, archive.open("model.weights.h5") as stored:
            return _archive_copy(config, stored, folder)
    with open_hdf5(weights, ModelError) as file:
        group = file.get("model_weights", file)
        _refuse_links(group, weights)
        if "layer_names" in group.attrs:
            return _hdf5_copy(config, group, weights, folder)
        if "layers" not in file and "_layer_checkpoint_dependencies" not in file:
            raise ModelError(f"{weights}: holds no weights of a Keras model; expected .h5 or .weights.h5")
    with weights.open("rb") as stored:
        return _archive_copy(config, stored, folder)


def _hdf5_copy(config: dict[str, Any], weights: h5py.Group, path: Path, folder: Path) -> Path:
    """Keras reads the weights of this format by position, so the layers are put in the model's order."""
    stored = [_text(name) for name in weights.attrs["layer_names"]]
    missing = [name for name in stored if name not in weights]
    if missing:
        raise ModelError(f"{path}: the weights of layer {missing[0]!r} are missing; expected a whole file")
    wanted = [name for name in layer_names(config) if name in set(stored)]
    ordered = wanted if set(wanted) == set(stored) else stored
    copy = folder / "model.h5"
    with h5py.File(copy, "w") as target:
        target.attrs["model_config"] = json.dumps(config).encode()
        version = weights.attrs.get("keras_version", weights.file.attrs.get("keras_version"))
        if version is not None:
            target.attrs["keras_version"] = version
        weights.file.copy(weights, target, "model_weights")
        target["model_weights"].attrs["layer_names"] = [name.encode() for name in ordered]
    return copy


def _archive_copy(config: dict[str, Any], weights: IO[bytes], folder: Path) -> Path:
    copy = folder / "model.keras"
    with zipfile.ZipFile(copy, "w") as target:
        target.writestr("config.json", json.dumps(config))
        target.writestr("metadata.json", "{}")
        with target.open("model.weights.h5", "w", force_zip64=True) as out:
            shutil.copyfileobj(weights, out)
    return copy


def _is_archive(path: Path) -> bool:
    try:
        return zipfile.is_zipfile(path)
    except OSError as problem:
        raise ModelError(f"{path}: cannot be read ({problem.strerror}); expected a readable Keras model") from problem


@contextmanager
def _archive(path: Path) -> Iterator[zipfile.ZipFile]:
    """Open a ``.keras`` archive that has the parts of a model."""
    try:
        with zipfile.ZipFile(path) as archive:
            if not {"config.json", "model.weights.h5"} <= set(archive.namelist()):
                raise ModelError(
                    f"{path}: is a zip file without 'config.json' and 'model.weights.h5'; expected a Keras model"
                )
            yield archive
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError) as problem:
        raise ModelError(f"{path}: is a damaged .keras archive; expected a whole one") from problem


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


def _classes_of_weights(path: Path) -> int:
    """How many classes a weights-only file of DeepID has: the length of its output layer's bias."""
    found: list[int] = []

    def look(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset) and "output" in name.split("/")[:-1] and item.ndim == 1:
            found.append(item.shape[0])

    with open_hdf5(path, ModelError) as file:
        file.get("model_weights", file).visititems(look)
    if len(found) != 1 or not found[0]:
        raise ModelError(
            f"{path}: has no bias of a layer 'output'; expected the weights of DeepID, input {INPUT_SHAPE}"
        )
    return found[0]


def _text(name: str | bytes) -> str:
    return name.decode(errors="replace") if isinstance(name, bytes) else str(name)


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


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
