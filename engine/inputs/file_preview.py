"""What a file holds, in a few words, before anybody decides to open it.

Files come from strangers, and a folder may hold thousands: only what is needed to tell the kinds apart is read,
never the pixels or the weights, and nothing is followed out of a file.
"""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from bdtui.engine.errors import InputError
from bdtui.engine.inputs.recipe import read_recipe
from bdtui.engine.inputs.saved_model import checkpoint_of, is_saved_model, may_be_rebuilt
from bdtui.engine.inputs.stored_weights import deepid_classes, stored_layers
from bdtui.engine.inputs.zip_files import names_in_zip
from bdtui.engine.machine.files import require_file

if TYPE_CHECKING:
    import h5py

    from bdtui.engine.inputs.stored_arrays import ArrayFile

Kind = Literal["model", "weights", "images", "recipe", "architecture", "trigger", "class_names"]

_SUFFIXES = (".h5", ".hdf5", ".keras", ".npz", ".json", ".toml", ".png")
"""Of the files that are worth a look."""
_NAMES_CLASSES = ("class", "label", "name", "categor", "synset")
"""In the names of texts that are worth a look: others are notes, or thousands of annotations."""

_LARGEST_JSON = 64 * 1024**2
_MOST_LABELS = 4_000_000
_LARGEST_CHUNK = 64 * 1024**2
_BEGINNING = 4096
_LARGEST_SIDE = 1024
"""Pixels of a picture that may be a trigger."""


@dataclass(frozen=True)
class FoundFile:
    """A file, or a folder of pictures, that can be opened.

    Attributes:
        path: the file or folder.
        kind: what it can be opened as.
        summary: for a person, e.g. ``1,283 images of 55×47×3 · float64 · 10 classes``.
        architecture: of weights, the built-in one that they fit, if they fit one.
    """

    path: Path
    kind: Kind
    summary: str
    architecture: str | None = None


def may_be_opened(name: str) -> bool:
    """Whether a file is worth a look, by its name."""
    stem, suffix = os.path.splitext(name.lower())  # noqa: PTH122 (a Path for each of thousands takes its time)
    return suffix in _SUFFIXES or (suffix == ".txt" and any(word in stem for word in _NAMES_CLASSES))


def look_at(path: Path) -> FoundFile | None:
    """Say what a file holds, or a folder of pictures.

    Returns:
        None for what cannot be opened: another kind of file, a damaged one, one that may not be read.
    """
    looks: dict[str, Callable[[Path], FoundFile | None]] = {
        ".toml": _recipe,
        ".json": _architecture,
        ".png": _picture,
        ".txt": _class_names,
    }
    try:
        if is_saved_model(path):
            return _saved_model(path)
        if os.path.isdir(path):  # noqa: PTH112 (Path.is_dir raises without permission)
            return _folder(path)
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


def _class_names(path: Path) -> FoundFile | None:
    """A text with a name in each line, none of them twice; other lists look the same."""
    from bdtui.engine.inputs.class_names import listed_names

    names = listed_names(path)
    shortened = ", ".join(names[:3]) + (", …" if len(names) > 3 else "")
    return (
        FoundFile(path, "class_names", f"{_count(len(names), 'name')} · {shortened[:60]}") if len(names) > 1 else None
    )


def _stored(path: Path) -> FoundFile | None:
    """A file of Keras or of images: zip or HDF5, whatever its name says."""
    with path.open("rb") as file:
        if file.read(4) == b"PK\x03\x04":
            return _archive(path)
    return _hdf5(path)


def _folder(path: Path) -> FoundFile | None:
    """A folder with one sub-folder a class. Of a few of them it is seen whether they hold pictures."""
    from bdtui.engine.inputs.picture_folder import holds_classes, sub_folders

    names = sub_folders(path)
    if not holds_classes(path, names):
        return None
    return FoundFile(path, "images", f"pictures · {_count(len(names), 'class', 'classes')}")


def _archive(path: Path) -> FoundFile | None:
    names = set(names_in_zip(path))
    if {"config.json", "model.weights.h5"} <= names:
        return FoundFile(path, "model", f"whole Keras model · {_size(path.stat().st_size)}")
    return _npz(path) if any(name.endswith(".npy") for name in names) else None


def _npz(path: Path) -> FoundFile:
    from bdtui.engine.inputs.npz import open_npz

    with open_npz(path) as file:
        return FoundFile(path, "images", _images(file, lambda label: True))


def _hdf5(path: Path) -> FoundFile | None:
    from bdtui.engine.inputs.hdf5 import open_hdf5

    with open_hdf5(path, InputError) as file:
        if "model_config" in file.attrs:
            return FoundFile(path, "model", f"whole Keras model · {_size(path.stat().st_size)}")
        layers = stored_layers(file)
        if not layers or _lies_within(file, "data"):
            from bdtui.engine.inputs.hdf5_arrays import Hdf5ArrayFile

            images = _images(Hdf5ArrayFile(path, file), lambda label: _in_small_chunks(file[label]))
            return FoundFile(path, "images", images)
        fits = deepid_classes(layers) is not None
        words = ["weights alone", _count(len(layers), "layer"), *(["fit deepid"] if fits else [])]
        summary = " · ".join([*words, _size(path.stat().st_size)])
        return FoundFile(path, "weights", summary, "deepid" if fits else None)


def _lies_within(group: h5py.Group, key: str) -> bool:
    """Whether a group holds a name itself. Asking h5py with ``in`` would follow a link, even into another file."""
    import h5py

    name = key.encode()
    return bool(group.id.links.exists(name)) and group.id.links.get_info(name).type == h5py.h5l.TYPE_HARD


def _images(file: ArrayFile, counts: Callable[[str], bool]) -> str:
    """What a file of arrays holds; ``counts`` says of the labels' name whether they can be read quickly."""
    from bdtui.engine.inputs.array_names import find_names

    names = find_names(file, None, "valid")
    shape, dtype = file.header(names.data)
    label, label_type = file.header(names.label)
    if dtype.kind not in "uif" or len(shape) < 2 or 0 in shape or not label:
        raise InputError(f"{file.path}: holds no images")
    words = [f"{_count(shape[0], 'image')} of {_image_shape(shape[1:])}", str(dtype)]
    if len(label) == 2 and label[1] > 1:
        words.append(_count(label[1], "class", "classes"))
        return " · ".join(words)
    plain = label_type.kind in "uifb" and label in ((shape[0],), (shape[0], 1))
    if plain and shape[0] <= _MOST_LABELS and counts(names.label):
        words.append(_count(_classes(file, names.label, shape[0]), "class", "classes"))
    return " · ".join(words)


def _classes(file: ArrayFile, label: str, images: int) -> int:
    import numpy as np

    return len(np.unique(np.concatenate([values.reshape(-1) for values in file.blocks(label, images)])))


def _in_small_chunks(label: h5py.Dataset) -> bool:
    size = label.dtype.itemsize
    for length in label.chunks or ():
        size *= length
    return bool(size <= _LARGEST_CHUNK)


def _image_shape(shape: tuple[int, ...]) -> str:
    """An image's shape, height × width × colours where one can tell the colours from the axes' lengths."""
    channel_first = len(shape) == 3 and shape[0] in (1, 3, 4) and shape[2] not in (1, 3, 4)
    return "×".join(map(str, (*shape[1:], shape[0]) if channel_first else shape))


def _count(number: int, one: str, many: str = "") -> str:
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def _size(size: int) -> str:
    for unit, factor in (("GB", 10**9), ("MB", 10**6)):
        if size >= factor:
            return f"{size / factor:.1f} {unit}"
    return f"{max(1, round(size / 1000))} kB"
