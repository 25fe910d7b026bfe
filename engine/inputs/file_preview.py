"""What a file holds, in a few words, before anybody decides to open it.

Files come from strangers, and a folder may hold thousands: only what is needed to tell the kinds apart is read,
never the pixels or the weights, and nothing is followed out of a file.
"""

from __future__ import annotations

import json
import os
import struct
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Literal, cast

from bdtui.engine.errors import InputError
from bdtui.engine.inputs.foreign_files import BoundedFile
from bdtui.engine.inputs.recipe import read_recipe
from bdtui.engine.inputs.saved_model import checkpoint_of, is_saved_model, may_be_rebuilt
from bdtui.engine.inputs.stored_weights import deepid_classes, stored_layers
from bdtui.engine.machine.files import require_file

if TYPE_CHECKING:
    import h5py

Kind = Literal["model", "weights", "images", "recipe", "architecture", "trigger"]

SUFFIXES = (".h5", ".hdf5", ".keras", ".json", ".toml", ".png")
"""Of the files that are worth a look."""

_LARGEST_JSON = 64 * 1024**2
_MOST_LABELS = 4_000_000
_LARGEST_CHUNK = 64 * 1024**2
_BEGINNING = 4096
_LARGEST_SIDE = 1024
"""Pixels of a picture that may be a trigger."""


@dataclass(frozen=True)
class FoundFile:
    """A file that can be opened.

    Attributes:
        path: the file.
        kind: what it can be opened as.
        summary: for a person, e.g. ``1,283 images of 55×47×3 · float64 · 10 classes``.
        architecture: of weights, the built-in one that they fit, if they fit one.
    """

    path: Path
    kind: Kind
    summary: str
    architecture: str | None = None


def look_at(path: Path) -> FoundFile | None:
    """Say what a file holds.

    Returns:
        None for what cannot be opened: another kind of file, a damaged one, one that may not be read.
    """
    looks: dict[str, Callable[[Path], FoundFile | None]] = {
        ".toml": _recipe,
        ".json": _architecture,
        ".png": _picture,
    }
    try:
        if is_saved_model(path):
            return _saved_model(path)
        require_file(path, InputError, "a file")
        return looks.get(path.suffix.lower(), _stored)(path)
    except Exception:
        # A hostile file fails in ways nobody has listed; whatever it was, such a file is not offered to be opened.
        return None


def _saved_model(folder: Path) -> FoundFile | None:
    if not may_be_rebuilt(folder):
        return None
    size = sum(entry.stat().st_size for entry in os.scandir(checkpoint_of(folder).parent) if entry.is_file())
    return FoundFile(folder, "model", f"SavedModel of Keras 2 · {_size(size)}")


def _recipe(path: Path) -> FoundFile | None:
    settings = read_recipe(path).settings
    if not settings:
        return None
    network = settings.get("model") or settings.get("weights")
    of = "the sample" if settings.get("sample") else Path(network).name[:40] if network else ""
    return FoundFile(path, "recipe", f"recipe · {of}" if of else "recipe")


def _architecture(path: Path) -> FoundFile | None:
    if path.stat().st_size > _LARGEST_JSON:
        return None
    with path.open("rb") as file:
        # Most JSON is not Keras'; what comes first in a file tells them apart without reading all of it.
        if b'"class_name"' not in file.read(_BEGINNING):
            return None
        file.seek(0)
        content = json.loads(file.read(_LARGEST_JSON))
    if not isinstance(content, dict) or not isinstance(content.get("class_name"), str):
        return None
    config = content.get("config")
    if not isinstance(config, dict | list):
        return None
    layers = config if isinstance(config, list) else config.get("layers")
    words = ["architecture alone", *([_count(len(layers), "layer")] if isinstance(layers, list) else [])]
    return FoundFile(path, "architecture", " · ".join(words))


def _picture(path: Path) -> FoundFile | None:
    """A PNG that is small enough to be laid over images; its header alone is read."""
    with path.open("rb") as file:
        header = file.read(24)
    columns, rows = struct.unpack(">II", header[16:24])
    if not header.startswith(b"\x89PNG\r\n\x1a\n") or not (0 < columns <= _LARGEST_SIDE and 0 < rows <= _LARGEST_SIDE):
        return None
    return FoundFile(path, "trigger", f"picture of {rows}×{columns} pixels · a trigger")


def _stored(path: Path) -> FoundFile | None:
    """A file of Keras or of images: zip or HDF5, whatever its name says."""
    with path.open("rb") as file:
        if file.read(4) == b"PK\x03\x04":
            return _archive(path)
    return _hdf5(path)


def _archive(path: Path) -> FoundFile | None:
    with path.open("rb") as file, zipfile.ZipFile(cast(BinaryIO, BoundedFile(file))) as archive:
        if not {"config.json", "model.weights.h5"} <= set(archive.namelist()):
            return None
    return FoundFile(path, "model", f"whole Keras model · {_size(path.stat().st_size)}")


def _hdf5(path: Path) -> FoundFile | None:
    from bdtui.engine.inputs.hdf5 import open_hdf5

    with open_hdf5(path, InputError) as file:
        if "model_config" in file.attrs:
            return FoundFile(path, "model", f"whole Keras model · {_size(path.stat().st_size)}")
        if _lies_within(file, "data") and _lies_within(file, "label"):
            return FoundFile(path, "images", _images(path, file))
        layers = stored_layers(file)
        if not layers:
            return None
        fits = deepid_classes(layers) is not None
        words = ["weights alone", _count(len(layers), "layer"), *(["fit deepid"] if fits else [])]
        summary = " · ".join([*words, _size(path.stat().st_size)])
        return FoundFile(path, "weights", summary, "deepid" if fits else None)


def _lies_within(group: h5py.Group, key: str) -> bool:
    """Whether a group holds a name itself. Asking h5py with ``in`` would follow a link, even into another file."""
    import h5py

    name = key.encode()
    return bool(group.id.links.exists(name)) and group.id.links.get_info(name).type == h5py.h5l.TYPE_HARD


def _images(path: Path, file: h5py.File) -> str:
    from bdtui.engine.inputs.hdf5 import own_dataset

    data = own_dataset(file, "data", path, InputError)
    label = own_dataset(file, "label", path, InputError)
    if data.dtype.kind not in "uif" or data.ndim < 2 or not data.size or not label.shape:
        raise InputError(f"{path}: holds no images")
    words = [f"{_count(data.shape[0], 'image')} of {_image_shape(data.shape[1:])}", str(data.dtype)]
    classes = _classes(label, data.shape[0])
    if classes is not None:
        words.append(_count(classes, "class", "classes"))
    return " · ".join(words)


def _image_shape(shape: tuple[int, ...]) -> str:
    """An image's shape, height × width × colours where one can tell the colours from the axes' lengths."""
    channel_first = len(shape) == 3 and shape[0] in (1, 3, 4) and shape[2] not in (1, 3, 4)
    return "×".join(map(str, (*shape[1:], shape[0]) if channel_first else shape))


def _classes(label: h5py.Dataset, images: int) -> int | None:
    """How many classes the labels name; None where counting them would take long."""
    import numpy as np

    if label.ndim == 2 and label.shape[1] > 1:
        return int(label.shape[1])
    chunk = label.dtype.itemsize
    for length in label.chunks or ():
        chunk *= length
    if label.dtype.kind not in "uifb" or label.size != images or images > _MOST_LABELS or chunk > _LARGEST_CHUNK:
        return None
    values: Any = label[()]
    return len(np.unique(values))


def _count(number: int, one: str, many: str = "") -> str:
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def _size(size: int) -> str:
    for unit, factor in (("GB", 10**9), ("MB", 10**6)):
        if size >= factor:
            return f"{size / factor:.1f} {unit}"
    return f"{max(1, round(size / 1000))} kB"
