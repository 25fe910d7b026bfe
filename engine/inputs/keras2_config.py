"""Configurations of Keras 2 (and of 1.x) as Keras 3 reads them: models in models, calls, inputs.

What is sound in Keras 3 comes back as it is, but for what bdtui never reads. Nothing here is built, and nothing is looked
up by a name in the file but the names of stock layers; the mended configuration is checked before Keras sees it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from bdtui.engine.errors import ModelError
from bdtui.engine.inputs.graph_operations import replace_operation
from bdtui.engine.inputs.keras2_calls import (
    OPERATION_LAYERS,
    CallNumbering,
    in_order_of_arguments,
    is_model,
    map_references,
    references,
    sound_name,
)
from bdtui.engine.inputs.keras2_layers import is_stock_layer, mend_settings, module_of
from bdtui.engine.inputs.keras2_ranks import rank_of_call, rank_of_layer
from bdtui.engine.inputs.operation_call import OPERATIONS, OperationCall, is_tensor
from bdtui.engine.machine.quoted_text import quoted

Config = dict[str, Any]

_NOT_LAYERS = ("_regularizer", "_constraint")
_KERAS_2_MODULES = re.compile(r"tf_keras(\..*)?|keras(\.src)?\.(applications|engine|layers|models|saving)(\..*)?|keras")


def mend_config(config: Config, name: str) -> Config:
    """Rewrite the forms of older Keras that Keras 3 cannot read; sound configurations come back as they are.

    Which Keras wrote a configuration decides what its words mean: ``hard_sigmoid`` is 0.2 x + 0.5 in Keras 2 and
    x / 6 + 0.5 in Keras 3. It is told by the entry ``keras_version``, where there is one, else by the form.

    Optimiser, loss and metrics are left out; nothing here trains.

    Args:
        config: of a whole model, as a ``.h5``, ``.keras`` or JSON file or a SavedModel's ``keras_metadata.pb`` holds it.
        name: of the file, for messages.

    Raises:
        ModelError: the configuration has no sound structure, applies an operation that bdtui does not know, or sets
            something that Keras 3 cannot do.
    """
    try:
        if is_keras_2(config):
            return _Mender(name).model(config, outermost=True)
        mended: Config = _without_training(config)
    except (AttributeError, IndexError, KeyError, TypeError, ValueError, RecursionError) as problem:
        raise ModelError(f"{name}: the model's configuration is malformed; expected Keras' own") from problem
    return mended


def is_keras_2(config: Config) -> bool:
    """Whether Keras 2 or older wrote a configuration."""
    version = config.get("keras_version")
    if isinstance(version, bytes):
        version = version.decode(errors="replace")
    if isinstance(version, str) and re.match(r"\d+\.", version):
        return int(version.split(".")[0][:9]) < 3
    # Keras 3 writes the types of every layer as a policy, and an input's shape as batch_shape.
    for found in _objects(config):
        settings = found.get("config")
        if not isinstance(settings, dict):
            continue
        dtype = settings.get("dtype")
        if "batch_shape" in settings or (isinstance(dtype, dict) and dtype.get("class_name") == "DTypePolicy"):
            return False
    return True


def _objects(node: Any) -> Iterator[Config]:
    waiting = [node]
    while waiting:
        item = waiting.pop()
        if isinstance(item, dict):
            if "class_name" in item:
                yield item
            waiting.extend(item.values())
        elif isinstance(item, list):
            waiting.extend(item)


def _without_training(node: Any) -> Any:
    """A configuration of Keras 3 without what only training reads; operations in HDF5 get the module they live in."""
    if isinstance(node, list):
        return [_without_training(item) for item in node]
    if not isinstance(node, dict):
        return node
    mended = {
        key: _without_training(value) for key, value in node.items() if key not in ("compile_config", "keras_version")
    }
    class_name, settings = node.get("class_name"), node.get("config")
    if (
        isinstance(class_name, str)
        and class_name in OPERATIONS
        and "module" not in node
        and "inbound_nodes" in node
        and isinstance(settings, dict)
        # A layer of the same name has settings that every layer has.
        and "trainable" not in settings
    ):
        mended.update(module=OPERATIONS[class_name], registered_name=class_name)
    return mended


class _Mender:
    """Mends one file's configuration."""

    def __init__(self, name: str) -> None:
        self._name = name

    def model(self, config: Config, outermost: bool = False) -> Config:
        """A model, as an object of Keras 3."""
        settings = config["config"]
        if config["class_name"] == "Sequential":
            mended = self._sequential(settings)
            kind = {"module": "keras", "class_name": "Sequential", "registered_name": None}
        else:
            mended = self._graph(settings, outermost)
            kind = {
                "module": "keras.src.models.functional",
                "class_name": "Functional",
                "registered_name": "Functional",
            }
        shared = {key: config[key] for key in ("shared_object_id",) if key in config}
        return {**kind, "config": mended, **shared}

    def _object(self, node: Any) -> Any:
        """A layer, a model or whatever else stands in a layer's settings."""
        if isinstance(node, list):
            return [self._object(item) for item in node]
        if not isinstance(node, dict):
            return node
        class_name, settings = node.get("class_name"), node.get("config")
        if is_model(node):
            return self.model(node)
        if not isinstance(settings, dict) or not isinstance(class_name, str):
            return {key: self._object(value) for key, value in node.items()}
        return self._layer(node)

    def _layer(self, node: Config) -> Config:
        class_name, settings = node["class_name"], node["config"]
        where = f"{self._name}: layer {quoted(_name_of(node))}"
        if class_name in OPERATION_LAYERS:
            raise ModelError(f"{where} applies a function outside of a graph; expected stock layers only")
        class_name, settings = mend_settings(class_name, settings, where)
        if "name" in settings:
            settings["name"] = sound_name(settings["name"])
        mended = {
            key: value if key.endswith(_NOT_LAYERS) or key == "dtype" else self._object(value)
            for key, value in settings.items()
        }
        kept = {
            key: value for key, value in node.items() if key not in ("build_config", "compile_config", "inbound_nodes")
        }
        module = node.get("module")
        if is_stock_layer(class_name) and (module is None or _is_module_of_keras_2(module)):
            kept.update(module=module_of(class_name), registered_name=None)
        return {**kept, "class_name": class_name, "config": mended}

    # --- Sequential ------------------------------------------------------------------------------------------------

    def _sequential(self, settings: Any) -> Config:
        # Keras 2.2 wrote the bare list of layers.
        layers = settings if isinstance(settings, list) else settings.get("layers", [])
        kept = (
            {"name": sound_name(settings.get("name") or "sequential")}
            if isinstance(settings, dict)
            else {"name": "sequential"}
        )
        if isinstance(settings, dict) and "build_input_shape" in settings:
            kept["build_input_shape"] = settings["build_input_shape"]
        mended = [self._object(layer) for layer in layers]
        shape = _input_of(layers[0]) if layers else None
        if shape is not None and layers[0].get("class_name") != "InputLayer":
            name = "input"
            while name in [_name_of(layer) for layer in layers if isinstance(layer, dict)]:
                name += "_"
            settings_of_input = {"batch_shape": shape[0], "dtype": shape[1], "name": name}
            mended = [_stock("InputLayer", settings_of_input), *mended]
        return {**kept, "layers": mended}

    # --- Functional ------------------------------------------------------------------------------------------------

    def _graph(self, settings: Config, outermost: bool) -> Config:
        layers = settings["layers"]
        numbering = CallNumbering(settings, self._name)
        ranks: dict[str, int | None] = {}
        mended: list[Config] = []
        for layer in layers:
            nodes = [self._call(node, numbering) for node in layer.get("inbound_nodes", [])]
            # Keras wrote each layer behind those that it reads, but for layers that are used again.
            ranks[sound_name(layer["name"])] = (
                rank_of_call(layer, *nodes[0], ranks) if nodes else rank_of_layer(layer, None)
            )
            if layer["class_name"] in OPERATION_LAYERS:
                if numbering.note_batch_size(layer, nodes):
                    continue
                mended.extend(self._operations(layer, nodes, ranks))
            else:
                made = self._object(layer)
                calls = [in_order_of_arguments(made["class_name"], first, keywords) for first, keywords in nodes]
                mended.append({**made, "name": sound_name(layer["name"]), "inbound_nodes": calls})
        graphs = {layer["name"] for layer in mended if layer["class_name"] == "Functional"}
        ends = {}
        for key in ("input_layers", "output_layers"):
            tensors = map_references(settings[key], lambda found: self._end(numbering.place(*found), graphs))
            single = isinstance(tensors, list) and len(tensors) == 1 and isinstance(tensors[0], list)
            ends[key] = tensors[0] if single and not outermost else tensors
        return {"name": sound_name(settings.get("name") or "model"), "layers": mended, **ends}

    @staticmethod
    def _end(place: tuple[str, int, int], graphs: set[str]) -> list[Any]:
        """Where an input or output of a model is made. Of models, and here alone, Keras counts calls from one."""
        name, node, tensor = place
        return [name, node + 1 if name in graphs else node, tensor]

    def _call(self, node: Any, numbering: CallNumbering) -> tuple[Any, Config]:
        """What a layer is called with: the first argument, which need not be a tensor, and those with names."""
        keywords: Config = {}

        def first(reference: list[Any]) -> Any:
            if len(reference) > 3 and not keywords:
                keywords.update(reference[3])
            if reference[0] == "_CONSTANT_VALUE":
                return reference[2]
            return numbering.tensor(reference)

        argument = map_references(node, first)
        if isinstance(argument, list) and len(argument) == 1 and is_tensor(argument[0]):
            argument = argument[0]
        named = {key: map_references(value, numbering.tensor) for key, value in keywords.items() if value is not None}
        return argument, named

    def _operations(
        self, layer: Config, calls: list[tuple[Any, Config]], ranks: Mapping[str, int | None]
    ) -> Iterator[Config]:
        """An operation for each call of a layer that applies a TensorFlow function."""
        settings, where = layer["config"], f"{self._name}: layer {quoted(layer['name'])}"
        function = settings.get("function")
        if not isinstance(function, str):
            raise ModelError(f"{where} applies {quoted(function)}; expected the name of a TensorFlow function")
        policy = mend_settings("Identity", {"dtype": settings.get("dtype", "float32")}, where)[1]["dtype"]
        for number, (first, keywords) in enumerate(calls):
            made = replace_operation(OperationCall(function, {"": first, **keywords}, policy, ranks), where)
            name = CallNumbering.name_of_call(layer["name"], number)
            registered = None if made.module == "keras.layers" else made.class_name
            yield {
                "module": made.module,
                "class_name": made.class_name,
                "config": {"name": name, **made.settings},
                "registered_name": registered,
                "name": name,
                "inbound_nodes": [{"args": list(made.args), "kwargs": {}}],
            }


def _input_of(layer: Any) -> tuple[Any, str] | None:
    """Shape and type of what a Sequential's first layer reads, where it is told."""
    if not isinstance(layer, dict):
        return None
    settings = layer.get("config")
    if layer.get("class_name") == "Sequential":
        layers = settings if isinstance(settings, list) else (settings or {}).get("layers", [])
        return _input_of(layers[0]) if layers else None
    if not isinstance(settings, dict):
        return None
    if is_model(layer):
        starts = list(references(settings["input_layers"]))
        named = [inner for inner in settings["layers"] if len(starts) == 1 and inner["name"] == starts[0][0]]
        return _input_of(named[0]) if named else None
    shape = settings.get("batch_input_shape") or settings.get("batch_shape")
    dtype = settings.get("dtype") if layer.get("class_name") == "InputLayer" else None
    return None if shape is None else (shape, dtype or "float32")


def _stock(class_name: str, settings: Config) -> Config:
    return {"module": "keras.layers", "class_name": class_name, "config": settings, "registered_name": None}


def _is_module_of_keras_2(module: Any) -> bool:
    return isinstance(module, str) and _KERAS_2_MODULES.fullmatch(module) is not None


def _name_of(layer: Config) -> Any:
    settings = layer.get("config")
    return layer.get("name") or (settings.get("name") if isinstance(settings, dict) else None) or "without a name"
