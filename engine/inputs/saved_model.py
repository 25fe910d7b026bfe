"""SavedModel folders of Keras 2: rebuilt from the configuration and the weights in them, never run.

Such a folder holds a graph that TensorFlow would execute, and a graph can read and write files. It is not looked at.
Beside it Keras 2 keeps the configuration of every layer (``keras_metadata.pb``) and a checkpoint; a model is made anew of
these two.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bdtui.engine.errors import ModelError
from bdtui.engine.inputs.protobuf import read_fields
from bdtui.engine.machine.files import file_sha256, require_file

GRAPH, METADATA = "saved_model.pb", "keras_metadata.pb"
_CHECKPOINT = Path("variables", "variables")
_LARGEST_METADATA = 64 * 1024**2
_MODELS = ("Functional", "Model", "Sequential")
_MOST_NODES = 100_000
_LAYER_PATH = re.compile(r"root((\.layer(_with_weights)?-\d{1,6})*)")
_OTHERS = "expected one of Keras 2 with its architecture, or what model.save('model.keras') saves"


def is_saved_model(path: Path) -> bool:
    """Whether a path is a folder in which TensorFlow has saved a model."""
    return os.path.isfile(path / GRAPH)  # noqa: PTH113 (Path.is_file raises on names that are too long)


def read_saved_config(folder: Path) -> dict[str, Any]:
    """The configuration of the model in a SavedModel folder, as Keras 2 wrote it.

    Raises:
        ModelError: the folder holds no model of Keras 2 that can be rebuilt, or a file in it is corrupted.
    """
    root = next((metadata for path, metadata in saved_nodes(folder) if path == "root"), None)
    root = root if isinstance(root, dict) else {}
    described = root.get("model_config") or root
    name, config = (
        (described.get("class_name"), described.get("config")) if isinstance(described, dict) else (None, None)
    )
    if name not in _MODELS or not isinstance(config, dict | list):
        raise ModelError(
            f"{folder}: holds a model of a class of its own ({ascii(str(name))[:80]}), of which the folder has only the "
            f"graph; {_OTHERS}"
        )
    version = root.get("keras_version")
    return {
        "class_name": name,
        "config": _plain(config),
        **({"keras_version": version} if isinstance(version, str) else {}),
    }


def model_sha256(path: Path) -> str:
    """The sha256 of a model's file, in hex; of a SavedModel, over the names and hashes of the files that make it up.

    That is the hash of a text with a line ``HASH  NAME`` a file, sorted by name, as ``sha256sum`` prints it.
    """
    return _folder_sha256(path) if is_saved_model(path) else file_sha256(path)


def _folder_sha256(folder: Path) -> str:
    found = [path for path in (folder / GRAPH, folder / METADATA) if path.is_file()]
    found += sorted(path for path in (folder / _CHECKPOINT).parent.glob(f"{_CHECKPOINT.name}.*") if path.is_file())
    lines = sorted((path.relative_to(folder).as_posix(), file_sha256(path)) for path in found)
    return hashlib.sha256("".join(f"{sha256}  {name}\n" for name, sha256 in lines).encode()).hexdigest()


def checkpoint_of(folder: Path) -> Path:
    """What the names of a SavedModel's weight files begin with."""
    return folder / _CHECKPOINT


def saved_nodes(folder: Path) -> Iterator[tuple[str, Any]]:
    """Where each layer lies in the model, and what Keras 2 wrote about it."""
    path = folder / METADATA
    if not path.exists():
        raise ModelError(f"{folder}: is a SavedModel for inference, without the architecture of its layers; {_OTHERS}")
    if path.is_symlink():
        raise ModelError(f"{path}: is a link; expected the file itself (cp -rL copies what links point to)")
    require_file(path, ModelError, "the metadata of a SavedModel")
    if path.stat().st_size > _LARGEST_METADATA:
        raise ModelError(f"{path}: is larger than {_LARGEST_METADATA:,} bytes; expected the metadata of a SavedModel")
    try:
        nodes = [dict(read_fields(node)) for number, node in read_fields(path.read_bytes()) if number == 1]
        if len(nodes) > _MOST_NODES:
            raise ValueError("too many nodes")
        for node in nodes:
            place = node.get(3, b"").decode()
            if _LAYER_PATH.fullmatch(place):
                yield place, json.loads(node.get(5, b""))
    except (ValueError, IndexError, RecursionError) as problem:
        raise ModelError(f"{path}: corrupted; expected the metadata of a SavedModel") from problem


def _plain(node: Any) -> Any:
    """A configuration without the marks by which Keras 2 told tuples and shapes from lists."""
    if isinstance(node, list):
        return [_plain(item) for item in node]
    if not isinstance(node, dict):
        return node
    if node.get("class_name") in ("__tuple__", "TensorShape") and isinstance(node.get("items"), list):
        return [_plain(item) for item in node["items"]]
    return {key: _plain(value) for key, value in node.items() if key != "shared_object_id"}
