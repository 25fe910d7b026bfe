"""Model files from strangers: their configuration read as data, and a clean copy of them for Keras.

Keras never reads such a file itself. It is given a copy that holds the configuration, checked and mended, and the
weights, and nothing else.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import h5py
import numpy as np

from bdtui.engine.errors import ModelError
from bdtui.engine.inputs.hdf5 import explain_damage, open_hdf5
from bdtui.engine.inputs.keras_config import layer_names, parse_config
from bdtui.engine.inputs.saved_model import is_saved_model, read_saved_config
from bdtui.engine.inputs.weights_copy import copy_weights
from bdtui.engine.machine.files import refuse_full_temporary_folder, require_file
from bdtui.engine.machine.memory import free_memory
from bdtui.engine.network.deepid import INPUT_SHAPE, build_deepid
from bdtui.engine.settings import BUILT_IN_ARCHITECTURES

_WHOLE = "a whole Keras model or its weights"
_LARGEST_CONFIG = 64 * 1024**2
_MOST_UNPACKED = 1100
"""gzip unpacks to 1,032 times its size at most."""


@dataclass(frozen=True)
class KerasCopy:
    """A model file that Keras may read.

    Attributes:
        path: the file.
        values: how many numbers its weights are.
    """

    path: Path
    values: int


def read_config(path: Path) -> dict[str, Any]:
    """The configuration that a whole model's file holds, as it stands there.

    Raises:
        ModelError: the file is missing or damaged, or holds no configuration.
    """
    if is_saved_model(path):
        return read_saved_config(path)
    require_file(path, ModelError, "a Keras model (.h5, .hdf5 or .keras)")
    if _is_archive(path):
        return parse_config(_read_member(path, "config.json"), str(path))
    with open_hdf5(path, ModelError) as file:
        with explain_damage(path, ModelError, _WHOLE):
            stored = file.attrs.get("model_config")
            weights_only = "layer_names" in file.attrs
        if stored is None:
            hint = "; weights alone go with --weights and --architecture" if weights_only else ""
            raise ModelError(f"{path}: holds no model configuration; expected a whole Keras model{hint}")
        return parse_config(stored, str(path))


def read_architecture(architecture: str, weights: Path) -> dict[str, Any]:
    """The configuration of a built-in architecture, with as many classes as its weights have, or of a JSON file.

    Raises:
        ModelError: there is no such architecture, or a file cannot be read.
    """
    if architecture == "deepid":
        return parse_config(build_deepid(_classes_of_weights(weights)).to_json(), architecture)
    path = Path(architecture)
    require_file(path, ModelError, f"{', '.join(BUILT_IN_ARCHITECTURES)} or a Keras JSON file")
    try:
        return parse_config(path.read_text(encoding="utf-8"), str(path))
    except (OSError, UnicodeDecodeError) as problem:
        raise ModelError(f"{path}: cannot be read as text; expected a Keras JSON configuration") from problem


def copy_for_keras(config: dict[str, Any], weights: Path, folder: Path) -> KerasCopy:
    """Write a model file into a folder that holds a checked configuration and the weights of a file.

    Raises:
        ModelError: the file is missing or damaged, holds no weights, or points to other files.
    """
    require_file(weights, ModelError, "the weights of a Keras model")
    _require_room(folder, weights)
    if _is_archive(weights):
        unpacked = folder / "unpacked.weights.h5"
        _unpack_member(weights, "model.weights.h5", unpacked, most=free_memory() // 4)
        shown = Path(f"{weights}: 'model.weights.h5'")
        try:
            with open_hdf5(unpacked, ModelError, shown=shown) as file, explain_damage(shown, ModelError, _WHOLE):
                return _archive_copy(config, file, shown, folder)
        finally:
            unpacked.unlink()
    with open_hdf5(weights, ModelError) as file, explain_damage(weights, ModelError, _WHOLE):
        group = _weights_group(file, weights)
        if "layer_names" in group.attrs:
            return _hdf5_copy(config, group, weights, folder)
        if "layers" in file or "_layer_checkpoint_dependencies" in file:
            return _archive_copy(config, file, weights, folder)
    raise ModelError(f"{weights}: holds no weights of a Keras model; expected .h5 or .weights.h5")


def _require_room(folder: Path, weights: Path) -> None:
    """Find out before HDF5 does that a copy has no room: what HDF5 cannot write, it stumbles over again at the end.

    Raises:
        OutputError: there is none.
    """
    room = folder / "room"
    try:
        with room.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, weights.stat().st_size + 2**16)
    except OSError as problem:
        refuse_full_temporary_folder(problem, weights)
    finally:
        room.unlink(missing_ok=True)


def _weights_group(file: h5py.File, path: Path) -> h5py.Group:
    """Where a file keeps its weights: in ``model_weights`` of a whole model, else at its root."""
    link = file.get("model_weights", getlink=True)
    if link is None:
        return file
    if not isinstance(link, h5py.HardLink):
        raise ModelError(f"{path}: 'model_weights' is a link to another place; expected the weights themselves")
    if not isinstance(file["model_weights"], h5py.Group):
        raise ModelError(f"{path}: 'model_weights' is not a group; expected the weights of a Keras model")
    return file["model_weights"]


def _hdf5_copy(config: dict[str, Any], weights: h5py.Group, path: Path, folder: Path) -> KerasCopy:
    """Keras reads the weights of this format by position, so the layers are put in the model's order."""
    names = np.atleast_1d(weights.attrs["layer_names"])
    if names.ndim != 1 or not all(isinstance(name, str | bytes) for name in names):
        raise ModelError(f"{path}: 'layer_names' is not a list of names; expected the weights of a Keras model")
    stored = [_text(name) for name in names]
    missing = [name for name in stored if name not in weights]
    if missing:
        raise ModelError(f"{path}: the weights of layer {missing[0]!r} are missing; expected a whole file")
    wanted = [name for name in layer_names(config) if name in set(stored)]
    ordered = wanted if set(wanted) == set(stored) else stored
    copy = folder / "model.h5"
    with h5py.File(copy, "w") as target:
        target.attrs["model_config"] = json.dumps(config).encode()
        version = weights.attrs.get("keras_version", weights.file.attrs.get("keras_version"))
        if isinstance(version, str | bytes):
            target.attrs["keras_version"] = version
        values = copy_weights(weights, target.create_group("model_weights"), path)
        target["model_weights"].attrs["layer_names"] = [name.encode() for name in ordered]
    return KerasCopy(copy, values)


def _archive_copy(config: dict[str, Any], weights: h5py.File, path: Path, folder: Path) -> KerasCopy:
    copied = folder / "model.weights.h5"
    with h5py.File(copied, "w") as own:
        values = copy_weights(weights, own, path)
    copy = folder / "model.keras"
    with zipfile.ZipFile(copy, "w") as target:
        target.writestr("config.json", json.dumps(config))
        target.writestr("metadata.json", "{}")
        target.write(copied, "model.weights.h5")
    copied.unlink()
    return KerasCopy(copy, values)


def _is_archive(path: Path) -> bool:
    try:
        return zipfile.is_zipfile(path)
    except OSError as problem:
        raise ModelError(f"{path}: cannot be read ({problem.strerror}); expected a readable Keras model") from problem


def _read_member(path: Path, name: str) -> bytes:
    """A small member of a ``.keras`` archive."""
    with tempfile.TemporaryDirectory(prefix="bdtui-") as folder:
        unpacked = Path(folder) / "member"
        _unpack_member(path, name, unpacked, most=_LARGEST_CONFIG)
        return unpacked.read_bytes()


def _unpack_member(path: Path, name: str, target: Path, most: int) -> None:
    """Unpack a member of a ``.keras`` archive, never to more than ``most`` bytes (or what gzip can pack at best)."""
    damaged = (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, ValueError)
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            if not {"config.json", "model.weights.h5"} <= {member.filename for member in members}:
                raise ModelError(
                    f"{path}: is a zip file without 'config.json' and 'model.weights.h5'; expected a Keras model"
                )
            bound = _MOST_UNPACKED * path.stat().st_size
            for member in members:
                _refuse_member(member, bound, path)
            wanted = archive.getinfo(name)
            if wanted.file_size > most:
                raise ModelError(f"{path}: {name!r} unpacks to {wanted.file_size:,} bytes; expected at most {most:,}")
            with archive.open(wanted) as packed, target.open("wb") as unpacked:
                # The reader gives no more than the size declared above, whatever the packed bytes say.
                shutil.copyfileobj(packed, unpacked)
    except damaged as problem:
        raise ModelError(f"{path}: corrupted .keras archive; expected a complete one") from problem
    except OSError as problem:
        refuse_full_temporary_folder(problem, path)
        raise ModelError(
            f"{path}: cannot be unpacked ({problem.strerror or problem}); expected a whole archive"
        ) from problem


def _refuse_member(member: zipfile.ZipInfo, bound: int, path: Path) -> None:
    """Refuse what no Keras writes, also where it would not be unpacked: who put it there wants something."""
    name = member.orig_filename
    if name.startswith("/") or "\\" in name or ":" in name or ".." in PurePosixPath(name).parts or "\0" in name:
        raise ModelError(f"{path}: holds the member {name[:80]!r}; expected names inside of the archive")
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ModelError(f"{path}: packs {name[:80]!r} by method {member.compress_type}; expected a Keras archive")
    if member.file_size > bound:
        raise ModelError(f"{path}: {name[:80]!r} unpacks to {member.file_size:,} bytes; expected at most {bound:,}")


def _classes_of_weights(path: Path) -> int:
    """How many classes a weights-only file of DeepID has: the length of its output layer's bias."""
    found: list[int] = []

    def look(name: str, item: Any) -> None:
        # Keras 3 numbers the layers of a kind: the output is DeepID's third Dense.
        of_output = "output" in name.split("/")[:-1] or name.endswith("layers/dense_2/vars/1")
        if isinstance(item, h5py.Dataset) and of_output and item.ndim == 1:
            found.append(item.shape[0])

    with open_hdf5(path, ModelError) as file, explain_damage(path, ModelError, _WHOLE):
        _weights_group(file, path).visititems(look)
    if len(found) != 1 or not found[0]:
        raise ModelError(
            f"{path}: has no bias of a layer 'output'; expected the weights of DeepID, input {INPUT_SHAPE}"
        )
    return found[0]


def _text(name: str | bytes) -> str:
    return name.decode(errors="replace") if isinstance(name, bytes) else str(name)
