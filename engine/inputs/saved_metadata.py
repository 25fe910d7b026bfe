"""The configuration in a SavedModel folder of Keras 2, read as data.

Such a folder holds a graph that TensorFlow would execute, and a graph can read and write files. It is never built. Beside it
Keras 2 keeps the configuration of every layer (``keras_metadata.pb``; up to TensorFlow 2.4 in the list of objects that stands
in ``saved_model.pb``) and a checkpoint; a model is made anew of these two.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tensorflow.core.protobuf import saved_object_graph_pb2

from bdtui.engine.errors import ModelError
from bdtui.engine.inputs.protobuf import read_fields
from bdtui.engine.inputs.saved_model import GRAPH, METADATA
from bdtui.engine.machine.files import require_file
from bdtui.engine.machine.quoted_text import quoted

_LARGEST_METADATA = 64 * 1024**2
_LARGEST_GRAPH = 256 * 1024**2
_LARGEST_MESSAGE = 2 * 1024**3
"""That Protocol Buffers allow."""
_MODELS = ("Functional", "Model", "Sequential")
_MOST_NODES = 100_000
LAYER_CHILD = re.compile(r"layer(_with_weights)?-\d{1,6}")
"""What a model calls its layers, among the objects that belong to it."""
_LAYER_PATH = re.compile(r"root((\.layer(_with_weights)?-\d{1,6})*)")
_OTHERS = "expected one of Keras 2 with its architecture, or what model.save('model.keras') saves"


def read_saved_config(folder: Path) -> dict[str, Any]:
    """The configuration of the model in a SavedModel folder, as Keras 2 wrote it.

    Raises:
        ModelError: the folder holds no model of Keras 2 that can be rebuilt, or a file in it is corrupted.
    """
    if (folder / GRAPH).stat().st_size > _LARGEST_MESSAGE:
        raise ModelError(f"{folder / GRAPH}: is larger than {_LARGEST_MESSAGE:,} bytes; expected a SavedModel")
    root = next((metadata for path, metadata in saved_nodes(folder) if path == "root"), None)
    if root is None and (folder / METADATA).exists():
        raise ModelError(f"{folder / METADATA}: holds no model; expected a complete SavedModel")
    if root is None:
        raise ModelError(f"{folder}: is a SavedModel for inference, without the architecture of its layers; {_OTHERS}")
    root = root if isinstance(root, dict) else {}
    described = root.get("model_config") or root
    name, config = (
        (described.get("class_name"), described.get("config")) if isinstance(described, dict) else (None, None)
    )
    if name not in _MODELS or not isinstance(config, dict | list):
        raise ModelError(
            f"{folder}: holds a model of a class of its own ({quoted(str(name))}), of which the folder has only the "
            f"graph; {_OTHERS}"
        )
    version = root.get("keras_version")
    return {
        "class_name": name,
        "config": _plain(config),
        **({"keras_version": version} if isinstance(version, str) else {}),
    }


def saved_nodes(folder: Path) -> Iterator[tuple[str, Any]]:
    """Where each layer lies in the model, and what Keras 2 wrote about it."""
    described = folder / METADATA
    path, largest, read = (
        (described, _LARGEST_METADATA, _described_nodes)
        if described.exists()
        else (folder / GRAPH, _LARGEST_GRAPH, _object_nodes)
    )
    if path.is_symlink():
        raise ModelError(f"{path}: is a link; expected the file itself (cp -rL copies what links point to)")
    require_file(path, ModelError, "the metadata of a SavedModel")
    if path.stat().st_size > largest:
        raise ModelError(f"{path}: is larger than {largest:,} bytes; expected the metadata of a SavedModel")
    try:
        for place, metadata in read(path.read_bytes()):
            yield place, json.loads(metadata)
    except (ValueError, IndexError, RecursionError) as problem:
        raise ModelError(f"{path}: corrupted; expected the metadata of a SavedModel") from problem


def _described_nodes(content: bytes) -> Iterator[tuple[str, bytes]]:
    """Of ``keras_metadata.pb``: places of layers, and their metadata."""
    nodes = [dict(read_fields(node)) for number, node in read_fields(content) if number == 1]
    if len(nodes) > _MOST_NODES:
        raise ValueError("too many nodes")
    for node in nodes:
        place = node.get(3, b"").decode()
        if _LAYER_PATH.fullmatch(place):
            yield place, node.get(5, b"")


def _object_nodes(content: bytes) -> Iterator[tuple[str, bytes]]:
    """Of the list of objects in ``saved_model.pb``: the same, as TensorFlow 2.0–2.4 wrote it."""
    graphs = (inner for number, inner in read_fields(content) if number == 2)
    found = b"".join(objects for graph in graphs for number, objects in read_fields(graph) if number == 7)
    try:
        nodes = saved_object_graph_pb2.SavedObjectGraph.FromString(found).nodes
    except Exception as problem:
        # Of a class of protobuf's own, which has no other place to come from.
        raise ValueError("no list of objects") from problem
    waiting, visited = [("root", 0)], set()
    while waiting and nodes:
        place, number = waiting.pop()
        if number in visited or not 0 <= number < len(nodes):
            continue
        visited.add(number)
        node = nodes[number]
        if node.user_object.metadata:
            yield place, node.user_object.metadata.encode()
        for child in node.children:
            if LAYER_CHILD.fullmatch(child.local_name):
                waiting.append((f"{place}.{child.local_name}", child.node_id))


def _plain(node: Any) -> Any:
    """A configuration without the marks by which Keras 2 told tuples and shapes from lists."""
    if isinstance(node, list):
        return [_plain(item) for item in node]
    if not isinstance(node, dict):
        return node
    if node.get("class_name") in ("__tuple__", "TensorShape") and isinstance(node.get("items"), list):
        return [_plain(item) for item in node["items"]]
    return {key: _plain(value) for key, value in node.items() if key != "shared_object_id"}
