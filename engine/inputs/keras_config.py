"""A model's configuration read as data, and what is allowed in it.

Nothing here builds a layer. The check runs before Keras sees a file, because a configuration can name
code to run (Lambda layers, modules to import), and the files bdtui opens are not to be trusted.
"""

from __future__ import annotations

import inspect
import json
import re
from types import ModuleType
from typing import Any

import keras

from bdtui.engine.errors import ModelError
from bdtui.engine.inputs.application_layers import APPLICATION_LAYERS
from bdtui.engine.inputs.graph_limits import check_graph
from bdtui.engine.inputs.operation_call import OPERATIONS
from bdtui.engine.machine.quoted_text import quoted

RUNS_CODE = {"Lambda", "TFSMLayer", "JaxLayer", "FlaxLayer", "TorchModuleWrapper"}
"""Layers of Keras that run code which comes with a file."""
_READS_FILES = {"StringLookup", "IntegerLookup", "TextVectorization"}
_MODELS = {"Functional", "Model", "Sequential"}
_PLAIN_CLASSES = {"DTypePolicy", "DTypePolicyMap", "QuantizedDTypePolicy", "QuantizedFloat8DTypePolicy", "TensorShape"}
_PLAIN_VALUES = {"__tuple__", "__tensor__", "__numpy__", "__keras_tensor__", "__slice__", "__ellipsis__"}
_STOCK_MODULES = (
    keras.layers,
    keras.initializers,
    keras.regularizers,
    keras.constraints,
)
_MODULE_NAMES = re.compile(
    r"builtins|keras|keras(\.src)?\.(layers|initializers|regularizers|constraints|activations|models|engine|ops|dtype_policies)"
    r"(\.[a-z0-9_.]+)?"
)
_OPERATION_MODULES = re.compile(r"keras(\.src)?\.ops\b")
_NO_OBJECTS = {"get", "serialize", "deserialize"}
"""Functions beside the objects in Keras' modules, which make objects of what they are given."""
_NAMED = {
    "activation": keras.activations,
    "initializer": keras.initializers,
    "regularizer": keras.regularizers,
    "constraint": keras.constraints,
}
"""Settings that may name an object by a text, by the ends of their keys."""
_MOST_LAYERS = 3000
_LARGEST, _MOST_OBJECTS = 16 * 1024**2, 100_000
"""Length of a configuration, and objects that it names; the largest networks of Keras have a twentieth of both."""


def parse_config(text: str | bytes, name: str) -> dict[str, Any]:
    """Parse a model configuration.

    Args:
        text: JSON.
        name: what it was read from, for messages.

    Raises:
        ModelError: it is no JSON object that describes a model, or larger than any.
    """
    if isinstance(text, str | bytes):
        quoted = '"class_name"'
        objects = text.count(quoted) if isinstance(text, str) else text.count(quoted.encode())
        if len(text) > _LARGEST or objects > _MOST_OBJECTS:
            raise ModelError(
                f"{name}: the model's configuration is {len(text):,} characters long and names {objects:,} objects; "
                f"expected at most {_LARGEST:,} and {_MOST_OBJECTS:,}"
            )
    try:
        config = json.loads(text) if isinstance(text, str | bytes) else None
    except (ValueError, RecursionError) as problem:
        raise ModelError(f"{name}: the model's configuration is not valid JSON; expected Keras' own") from problem
    if not isinstance(config, dict) or not isinstance(config.get("config"), dict | list):
        raise ModelError(f"{name}: the configuration describes no Keras model; expected 'class_name' and 'config'")
    return config


def with_version(config: dict[str, Any], metadata: Any) -> dict[str, Any]:
    """A configuration with the version of Keras that wrote it, as ``to_json`` puts it there.

    Args:
        config: of a model.
        metadata: of its file: the version itself or, in a ``.keras`` archive, JSON that holds it; anything else is
            ignored.
    """
    version = metadata.decode(errors="replace") if isinstance(metadata, bytes) else metadata
    if isinstance(version, str) and version.lstrip().startswith("{"):
        try:
            version = json.loads(version).get("keras_version")
        except (ValueError, RecursionError):
            version = None
    return {**config, "keras_version": version} if isinstance(version, str) else config


def check_config(config: dict[str, Any], name: str) -> None:
    """Refuse everything in a configuration that is not stock Keras.

    Raises:
        ModelError: a class, function or module is not on the list of stock Keras; the message names it.
    """
    if str(config.get("class_name")) not in _MODELS:
        raise ModelError(
            f"{name}: the model is of class {quoted(config.get('class_name'))}; expected a Functional or Sequential model: "
            "build one of the same layers, give it this one's weights (set_weights), and save that"
        )
    allowed = _stock_names()
    objects = _objects(config)
    layers = sum(len(found["layers"]) for found in objects if isinstance(found.get("layers"), list))
    if layers > _MOST_LAYERS:
        raise ModelError(f"{name}: has {layers:,} layers; expected at most {_MOST_LAYERS:,}")
    check_graph(objects, name)
    for found in objects:
        _check_named(found, name)
        if "class_name" in found:
            _check_object(found, allowed, name)


def _check_object(found: dict[str, Any], allowed: set[str], name: str) -> None:
    """Refuse an object whose class, function, module or registered name is not stock Keras."""
    class_name, module = found["class_name"], found.get("module")
    if not isinstance(class_name, str):
        raise ModelError(f"{name}: names class {quoted(class_name)}; expected a text")
    if class_name in RUNS_CODE or class_name == "__lambda__":
        raise ModelError(
            f"{name}: holds a {class_name} layer ({quoted(_name_of(found))}), which runs code from the file; "
            "expected stock layers only"
        )
    if isinstance(module, str) and _OPERATION_MODULES.match(module):
        _check_operation(found, name)
    known: Any = class_name
    if class_name == "function":
        known = found.get("config")
        if not isinstance(known, str) or known not in _names_in(keras.activations):
            raise ModelError(f"{name}: names function {quoted(known)}; expected activations of Keras only")
    elif class_name in _PLAIN_VALUES:
        return
    elif class_name not in allowed and not (class_name in OPERATIONS and OPERATIONS[class_name] == module):
        raise ModelError(
            f"{name}: holds {quoted(class_name)} ({quoted(_name_of(found))}), which is not a stock Keras class; "
            "expected stock layers only: build the model from those, give it this one's weights (set_weights), and save that"
        )
    own = APPLICATION_LAYERS.get(class_name)
    if module is not None and not (
        isinstance(module, str) and (_MODULE_NAMES.fullmatch(module) if own is None else module == own.__module__)
    ):
        raise ModelError(f"{name}: names module {quoted(module)}; expected classes of Keras itself")
    registered = found.get("registered_name")
    if registered is not None and registered != known:
        raise ModelError(f"{name}: names the registered object {quoted(registered)}; expected stock Keras only")


def _check_operation(found: dict[str, Any], name: str) -> None:
    """Refuse an operation that is not in the table, or that is applied to constants: Keras would compute these at once."""
    if OPERATIONS.get(found["class_name"]) != found["module"]:
        raise ModelError(
            f"{name}: holds the operation {quoted(found['class_name'])} ({quoted(_name_of(found))}), which bdtui does not "
            "know; expected one of those in docs/formats.md"
        )
    nodes = found.get("inbound_nodes", [])
    for node in nodes if isinstance(nodes, list) else [nodes]:
        if not any(item.get("class_name") == "__keras_tensor__" for item in _objects(node)):
            raise ModelError(
                f"{name}: operation {quoted(_name_of(found))} computes a constant; expected one on what the network computes"
            )


def _check_named(settings: dict[str, Any], name: str) -> None:
    """Refuse activations, initialisers, regularisers and constraints named by a text that are not stock Keras."""
    for key, value in settings.items():
        module = _NAMED.get(key.rpartition("_")[2])
        if module is not None and isinstance(value, str) and value not in _names_in(module):
            raise ModelError(f"{name}: names {key} {quoted(value)}; expected one of Keras' own")


def layer_names(config: dict[str, Any]) -> list[str]:
    """Names of a (mended) model's own layers, in the order of its configuration."""
    layers = config["config"].get("layers") if isinstance(config["config"], dict) else None
    if not isinstance(layers, list):
        return []
    return [str(_name_of(layer)) for layer in layers if isinstance(layer, dict)]


def _objects(node: Any) -> list[dict[str, Any]]:
    """Every object in a configuration: those that name a class, and settings."""
    found = []
    waiting = [node]
    while waiting:
        item = waiting.pop()
        if isinstance(item, dict):
            found.append(item)
            waiting.extend(item.values())
        elif isinstance(item, list):
            waiting.extend(item)
    return found


def _stock_names() -> set[str]:
    names = set(_MODELS | _PLAIN_CLASSES) | set(APPLICATION_LAYERS)
    for module in _STOCK_MODULES:
        names.update(name for name, found in vars(module).items() if inspect.isclass(found))
    return names - RUNS_CODE - _READS_FILES


def _names_in(module: ModuleType) -> set[str]:
    """Names of the objects of one of Keras' modules."""
    return {name for name, found in vars(module).items() if callable(found)} - _NO_OBJECTS


def _name_of(item: dict[str, Any]) -> Any:
    inner = item.get("config")
    return item.get("name") or (inner.get("name") if isinstance(inner, dict) else None) or "without a name"
