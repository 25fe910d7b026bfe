"""Model files from strangers: their configuration read as data, and a clean copy of them for Keras.

Keras never reads such a file itself. It is given a copy that holds the configuration, checked and mended, and the
weights, and nothing else.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import h5py

from bdtui.engine.errors import InputError, ModelError
from bdtui.engine.inputs.archive_names import is_layers_name, modernise_names
from bdtui.engine.inputs.foreign_files import name_foreign
from bdtui.engine.inputs.hdf5 import explain_damage, open_hdf5
from bdtui.engine.inputs.keras_config import layer_names, parse_config, with_version
from bdtui.engine.inputs.nested_weights import order_nested_weights
from bdtui.engine.inputs.saved_metadata import read_saved_config
from bdtui.engine.inputs.saved_model import is_saved_model
from bdtui.engine.inputs.stored_weights import StoredLayer, deepid_classes, names_of, stored_layers, told_layers
from bdtui.engine.inputs.weights_copy import copy_weights
from bdtui.engine.machine.files import refuse_full_temporary_folder, require_file
from bdtui.engine.machine.memory import free_memory
from bdtui.engine.machine.quoted_text import quoted
from bdtui.engine.network.deepid import INPUT_SHAPE, build_deepid
from bdtui.engine.settings import BUILT_IN_ARCHITECTURES

_WHOLE = "a whole Keras model or its weights"
_LARGEST_CONFIG = 64 * 1024**2
_LARGEST_ATTRIBUTE = 60_000
"""Bytes; HDF5 stores 64 kB at most."""
_MOST_UNPACKED = 1100
"""gzip unpacks to 1,032 times its size at most."""


@dataclass(frozen=True)
class KerasCopy:
    """A file of weights that Keras may read.

    Attributes:
        path: the file.
        values: how many numbers its weights are.
        config: of the model that they go into.
    """

    path: Path
    values: int
    config: dict[str, Any]


def read_config(path: Path) -> dict[str, Any]:
    """The configuration that a whole model's file holds, as it stands there.

    Raises:
        ModelError: the file is missing or damaged, or holds no configuration.
    """
    if is_saved_model(path):
        return read_saved_config(path)
    require_file(path, ModelError, "a Keras model (.h5, .hdf5, .keras or a SavedModel folder of Keras 2)")
    if _is_archive(path):
        config = parse_config(_read_member(path, "config.json"), str(path))
        return with_version(config, _archive_metadata(path))
    with open_hdf5(path, ModelError) as file:
        with explain_damage(path, ModelError, _WHOLE):
            stored = file.attrs.get("model_config")
        if stored is None:
            with explain_damage(path, ModelError, _WHOLE):
                held = ", ".join(quoted(name, 40) for name in list(file)[:5]) or "nothing"
            raise ModelError(f"{path}: holds no model configuration, but {held}; expected a whole Keras model")
        return with_version(parse_config(stored, str(path)), file.attrs.get("keras_version"))


def holds_weights_alone(path: Path) -> bool:
    """Whether a file holds the weights of a Keras model without its configuration.

    Raises:
        ModelError: the file is missing or damaged.
    """
    if is_saved_model(path):
        return False
    require_file(path, ModelError, "a Keras model (.h5, .hdf5, .keras or a SavedModel folder of Keras 2)")
    if _is_archive(path):
        return False
    with open_hdf5(path, ModelError) as file, explain_damage(path, ModelError, _WHOLE):
        return "model_config" not in file.attrs and bool(stored_layers(file))


def fitting_architecture(weights: Path) -> str:
    """The built-in architecture that the weights of a file belong to.

    Raises:
        ModelError: they fit none; the message says what they look like. Or the file is missing or damaged.
    """
    layers = _stored_layers(weights)
    if deepid_classes(layers) is not None:
        return "deepid"
    raise ModelError(
        f"{weights}: holds weights of {len(layers)} layers without their architecture ({told_layers(layers)}), which do "
        f"not fit {', '.join(BUILT_IN_ARCHITECTURES)}; expected them at --weights with --architecture FILE.json, which "
        "model.to_json() writes"
    )


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
        raise ModelError(
            f"{path}: cannot be read as text; expected a Keras JSON configuration (a whole model goes before --weights, "
            "without --architecture)"
        ) from problem


def copy_for_keras(config: dict[str, Any], weights: Path, folder: Path) -> KerasCopy:
    """Write a file into a folder that holds the weights of another one, for a model of a (mended) configuration.

    Raises:
        ModelError: the file is missing or damaged, holds no weights, or points to other files.
    """
    _require_room(folder, weights)
    with _opened_weights(weights) as (file, shown), explain_damage(shown, ModelError, _WHOLE):
        group = _weights_group(file, shown)
        names = _layer_names(group, shown)
        if names is not None:
            return _hdf5_copy(config, names, group, shown, folder)
        if any(map(is_layers_name, file)):
            return _archive_copy(config, file, shown, folder)
    raise ModelError(f"{weights}: holds no weights of a Keras model; expected .h5 or .weights.h5")


@contextmanager
def _opened_weights(path: Path) -> Iterator[tuple[h5py.File, Path]]:
    """The HDF5 file with a model's weights, unpacked where it lies in an archive; and what messages call it."""
    require_file(path, ModelError, "the weights of a Keras model")
    if not _is_archive(path):
        with open_hdf5(path, ModelError) as file:
            yield file, path
        return
    with tempfile.TemporaryDirectory(prefix="bdtui-") as folder:
        unpacked = Path(folder) / "unpacked.weights.h5"
        _unpack_member(path, "model.weights.h5", unpacked, most=free_memory() // 4)
        shown = Path(f"{path}: 'model.weights.h5'")
        with open_hdf5(unpacked, ModelError, shown=shown) as file:
            yield file, shown


def _stored_layers(path: Path) -> tuple[StoredLayer, ...]:
    with _opened_weights(path) as (file, shown), explain_damage(shown, ModelError, _WHOLE):
        return stored_layers(file) or ()


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


def _layer_names(group: h5py.Group, path: Path) -> list[str] | None:
    """The layers that the weights of Keras 2's format belong to; None where they are of another format."""
    try:
        return names_of(group, "layer_names")
    except InputError as problem:
        raise ModelError(f"{path}: {problem}; expected the weights of a Keras model") from problem


def _hdf5_copy(config: dict[str, Any], stored: list[str], weights: h5py.Group, path: Path, folder: Path) -> KerasCopy:
    """Keras reads the weights of this format by position, so the layers are put in the model's order."""
    missing = [name for name in stored if name not in weights]
    if missing:
        raise ModelError(f"{path}: the weights of layer {missing[0]!r} are missing; expected a whole file")
    wanted = [name for name in layer_names(config) if name in set(stored)]
    ordered = wanted if set(wanted) == set(stored) else stored
    copy = folder / "copy.h5"
    with h5py.File(copy, "w") as target:
        values = copy_weights(weights, target, path)
        version = weights.attrs.get("keras_version", weights.file.attrs.get("keras_version"))
        if isinstance(version, str | bytes):
            target.attrs["keras_version"] = version
        for name in [name for name in target.attrs if name.startswith("layer_names")]:
            del target.attrs[name]
        _write_names(target, [name.encode() for name in ordered])
        config = order_nested_weights(config, target)
    return KerasCopy(copy, values, config)


def _write_names(target: h5py.Group, names: list[bytes]) -> None:
    """Write the names of layers as Keras reads them, in pieces where they are too long for one attribute."""
    piece = max(1, _LARGEST_ATTRIBUTE // max(map(len, names), default=1))
    if len(names) <= piece:
        target.attrs["layer_names"] = names
        return
    for number, start in enumerate(range(0, len(names), piece)):
        target.attrs[f"layer_names{number}"] = names[start : start + piece]


def _archive_copy(config: dict[str, Any], weights: h5py.File, path: Path, folder: Path) -> KerasCopy:
    copy = folder / "copy.weights.h5"
    with h5py.File(copy, "w") as own:
        values = copy_weights(weights, own, path)
        modernise_names(own)
    return KerasCopy(copy, values, config)


def _is_archive(path: Path) -> bool:
    try:
        return zipfile.is_zipfile(path)
    except OSError as problem:
        raise ModelError(f"{path}: cannot be read ({problem.strerror}); expected a readable Keras model") from problem


def _archive_metadata(path: Path) -> bytes:
    """Which Keras wrote a ``.keras`` archive, and when, as JSON; empty where it does not say."""
    try:
        return _read_member(path, "metadata.json")
    except KeyError:
        return b""


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
                foreign = name_foreign(path) or (
                    "is a zip file without 'config.json' and 'model.weights.h5'; expected a Keras model"
                )
                raise ModelError(f"{path}: {foreign}")
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
        raise ModelError(f"{path}: holds the member {quoted(name)}; expected names inside of the archive")
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ModelError(f"{path}: packs {quoted(name)} by method {member.compress_type}; expected a Keras archive")
    if member.file_size > bound:
        raise ModelError(f"{path}: {quoted(name)} unpacks to {member.file_size:,} bytes; expected at most {bound:,}")


def _classes_of_weights(path: Path) -> int:
    """How many classes a weights-only file of DeepID has."""
    layers = _stored_layers(path)
    classes = deepid_classes(layers)
    if classes is None:
        raise ModelError(
            f"{path}: has weights of {len(layers)} layers ({told_layers(layers)}); expected the weights of DeepID, input "
            f"{INPUT_SHAPE}"
        )
    return classes
