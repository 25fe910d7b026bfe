"""Configurations of Keras 2 (and of 1.x) as Keras 3 reads them: models in models, calls, inputs.

What is sound in Keras 3 comes back as it is, but for what bdtui never reads. Nothing here is built, and nothing is looked
up by a name in the file but the names of stock layers; the mended configuration is checked before Keras sees it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from bdtui.engine.errors import ModelError
from bdtui.engine.inputs.graph_operations import (
    BATCH_SIZE,
    OPERATIONS,
    OperationCall,
    is_tensor,
    replace_operation,
    spelled_out,
)
from bdtui.engine.inputs.keras2_layers import argument_names, is_stock_layer, mend_settings
from bdtui.engine.inputs.keras2_ranks import rank_of_call, rank_of_layer

Config = dict[str, Any]

_GRAPHS = ("Functional", "Model")
_OPERATION_LAYERS = ("TFOpLambda", "SlicingOpLambda")
_RECURRENT = ("LSTM", "GRU", "SimpleRNN", "RNN", "Bidirectional", "ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D")
_NOT_LAYERS = ("_initializer", "_regularizer", "_constraint")
_KERAS_2_MODULES = re.compile(r"tf_keras(\..*)?|keras(\.src)?\.(engine|layers|models|saving)(\..*)?|keras")


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


def _without_ellipsis(call: Any) -> Any:
    """A call of GetItem whose key names every axis: Keras cannot read ``...`` out of HDF5."""
    args = call.get("args") if isinstance(call, dict) else None
    if not (
        isinstance(args, list)
        and len(args) == 2
        and is_tensor(args[0])
        and isinstance(args[0]["config"]["shape"], list)
    ):
        return call
    return {**call, "args": [args[0], spelled_out(args[1], len(args[0]["config"]["shape"]))]}


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
        if _is_model(node):
            return self.model(node)
        if not isinstance(settings, dict) or not isinstance(class_name, str):
            return {key: self._object(value) for key, value in node.items()}
        return self._layer(node)

    def _layer(self, node: Config) -> Config:
        class_name, settings = node["class_name"], node["config"]
        where = f"{self._name}: layer {ascii(_name_of(node))[:80]}"
        if class_name in _OPERATION_LAYERS:
            raise ModelError(f"{where} applies a function outside of a graph; expected stock layers only")
        class_name, settings = mend_settings(class_name, settings, where)
        if "name" in settings:
            settings["name"] = _sound(settings["name"])
        mended = {
            key: value if key.endswith(_NOT_LAYERS) or key == "dtype" else self._object(value)
            for key, value in settings.items()
        }
        kept = {
            key: value for key, value in node.items() if key not in ("build_config", "compile_config", "inbound_nodes")
        }
        module = node.get("module")
        if is_stock_layer(class_name) and (module is None or _is_module_of_keras_2(module)):
            kept.update(module="keras.layers", registered_name=None)
        return {**kept, "class_name": class_name, "config": mended}

    # --- Sequential ------------------------------------------------------------------------------------------------

    def _sequential(self, settings: Any) -> Config:
        # Keras 2.2 wrote the bare list of layers.
        layers = settings if isinstance(settings, list) else settings.get("layers", [])
        kept = (
            {"name": _sound(settings.get("name") or "sequential")}
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
        numbering = _Numbering(settings)
        ranks: dict[str, int | None] = {}
        mended: list[Config] = []
        for layer in layers:
            nodes = [self._call(node, numbering) for node in layer.get("inbound_nodes", [])]
            # Keras wrote each layer behind those that it reads, but for layers that are used again.
            ranks[_sound(layer["name"])] = (
                rank_of_call(layer, *nodes[0], ranks) if nodes else rank_of_layer(layer, None)
            )
            if layer["class_name"] in _OPERATION_LAYERS:
                if numbering.note_batch_size(layer, nodes):
                    continue
                mended.extend(self._operations(layer, nodes, ranks))
            else:
                made = self._object(layer)
                calls = [_in_order_of_arguments(made["class_name"], first, keywords) for first, keywords in nodes]
                mended.append({**made, "name": _sound(layer["name"]), "inbound_nodes": calls})
        graphs = {layer["name"] for layer in mended if layer["class_name"] == "Functional"}
        ends = {}
        for key in ("input_layers", "output_layers"):
            tensors = _map_references(settings[key], lambda found: self._end(numbering.place(*found), graphs))
            single = isinstance(tensors, list) and len(tensors) == 1 and isinstance(tensors[0], list)
            ends[key] = tensors[0] if single and not outermost else tensors
        return {"name": _sound(settings.get("name") or "model"), "layers": mended, **ends}

    @staticmethod
    def _end(place: tuple[str, int, int], graphs: set[str]) -> list[Any]:
        """Where an input or output of a model is made. Of models, and here alone, Keras counts calls from one."""
        name, node, tensor = place
        return [name, node + 1 if name in graphs else node, tensor]

    def _call(self, node: Any, numbering: _Numbering) -> tuple[Any, Config]:
        """What a layer is called with: the first argument, which need not be a tensor, and those with names."""
        keywords: Config = {}

        def first(reference: list[Any]) -> Any:
            if len(reference) > 3 and not keywords:
                keywords.update(reference[3])
            if reference[0] == "_CONSTANT_VALUE":
                return reference[2]
            return numbering.tensor(reference)

        argument = _map_references(node, first)
        if isinstance(argument, list) and len(argument) == 1 and is_tensor(argument[0]):
            argument = argument[0]
        named = {key: _map_references(value, numbering.tensor) for key, value in keywords.items() if value is not None}
        return argument, named

    def _operations(
        self, layer: Config, calls: list[tuple[Any, Config]], ranks: Mapping[str, int | None]
    ) -> Iterator[Config]:
        """An operation for each call of a layer that applies a TensorFlow function."""
        settings, where = layer["config"], f"{self._name}: layer {ascii(layer['name'])[:80]}"
        function = settings.get("function")
        if not isinstance(function, str):
            raise ModelError(f"{where} applies {ascii(function)[:80]}; expected the name of a TensorFlow function")
        policy = mend_settings("Identity", {"dtype": settings.get("dtype", "float32")}, where)[1]["dtype"]
        for number, (first, keywords) in enumerate(calls):
            made = replace_operation(OperationCall(function, {"": first, **keywords}, policy, ranks), where)
            name = _Numbering.name_of_call(layer["name"], number)
            registered = None if made.module == "keras.layers" else made.class_name
            yield {
                "module": made.module,
                "class_name": made.class_name,
                "config": {"name": name, **made.settings},
                "registered_name": registered,
                "name": name,
                "inbound_nodes": [{"args": list(made.args), "kwargs": {}}],
            }


class _Numbering:
    """How the calls of a graph are counted: from one by Keras 2 where a layer is a model that has its own input."""

    def __init__(self, settings: Config) -> None:
        self._first: dict[str, int] = {}
        self._shapes: set[str] = set()
        self._batch_sizes: set[str] = set()
        self._split = {layer["name"] for layer in settings["layers"] if layer["class_name"] in _OPERATION_LAYERS}
        models = {layer["name"] for layer in settings["layers"] if _is_model(layer)}
        calls = [layer.get("inbound_nodes", []) for layer in settings["layers"]]
        for reference in _references([*calls, settings["input_layers"], settings["output_layers"]]):
            name, node = reference[:2]
            if name in models:
                self._first[name] = min(node, self._first.get(name, node))

    def place(self, name: str, node: int, tensor: int) -> tuple[str, int, int]:
        """Where a tensor is made, as Keras 3 counts."""
        if name in self._split:
            return self.name_of_call(name, node), 0, tensor
        return _sound(name), node - self._first.get(name, 0), tensor

    def tensor(self, reference: list[Any]) -> Any:
        """A tensor in Keras 3's form, or `BATCH_SIZE`."""
        if reference[0] in self._batch_sizes:
            return BATCH_SIZE
        return _tensor(*self.place(*reference[:3]))

    def note_batch_size(self, layer: Config, calls: list[tuple[Any, Config]]) -> bool:
        """Whether a layer is ``tf.shape(…)`` or takes the number of images from one: those are no tensors of Keras 3."""
        function = layer["config"].get("function")
        if function in ("shape", "compat.v1.shape"):
            self._shapes.add(layer["name"])
            return True
        ((first, keywords), *_) = calls
        of_shape = is_tensor(first) and first["config"]["keras_history"][0] in self._shapes
        if function == "__operators__.getitem" and of_shape and keywords.get("slice_spec") in (0, [0]):
            self._batch_sizes.add(layer["name"])
            return True
        return False

    @staticmethod
    def name_of_call(name: str, number: int) -> str:
        """The name of an operation of its own for one of a layer's calls."""
        return _sound(name) if number == 0 else f"{_sound(name)}_call_{number}"


def _sound(name: Any) -> Any:
    """A layer's name as Keras 3 allows it: MobileNetV3 of Keras 2 has a layer ``Conv/BatchNorm``."""
    return name.replace("/", "_") if isinstance(name, str) else name


def _in_order_of_arguments(class_name: str, first: Any, keywords: Config) -> Config:
    """A call in Keras 3's form.

    Arguments stand by their places as far as these are known: of named ones Keras 3 takes the alphabetical order for that
    of the graph, and with it puts the layers, and their weights, in another order than Keras 2.
    """
    args, keywords = [first], dict(keywords)
    if class_name in _RECURRENT and isinstance(first, list):
        # Keras 2 put the states behind the input.
        args, keywords = [first[0]], {**keywords, "initial_state": first[1:]}
    elif is_stock_layer(class_name):
        for name in argument_names(class_name)[1:]:
            if name not in keywords or not is_tensor(keywords[name]):
                break
            args.append(keywords.pop(name))
    return {"args": args, "kwargs": keywords}


def _map_references(node: Any, change: Any) -> Any:
    """A structure of calls with every reference to a tensor, ``["layer", 0, 0]``, replaced."""
    if _is_reference(node):
        return change(node)
    if isinstance(node, list):
        return [_map_references(item, change) for item in node]
    if isinstance(node, dict):
        return {key: _map_references(value, change) for key, value in node.items()}
    return node


def _references(node: Any) -> Iterator[list[Any]]:
    if _is_reference(node):
        if node[0] != "_CONSTANT_VALUE":
            yield node
        yield from _references(node[3:])
    elif isinstance(node, list):
        for item in node:
            yield from _references(item)
    elif isinstance(node, dict):
        for item in node.values():
            yield from _references(item)


def _is_reference(node: Any) -> bool:
    return (
        isinstance(node, list)
        and len(node) in (3, 4)
        and isinstance(node[0], str)
        and isinstance(node[1], int)
        and (isinstance(node[2], int) or node[0] == "_CONSTANT_VALUE")
        and (len(node) == 3 or isinstance(node[3], dict))
    )


def _tensor(name: str, node: int, tensor: int) -> Config:
    # Keras puts the tensor that is meant in the place of this one, whose shape nobody reads.
    return {
        "class_name": "__keras_tensor__",
        "config": {"shape": [], "dtype": "float32", "keras_history": [name, node, tensor]},
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
    if _is_model(layer):
        starts = list(_references(settings["input_layers"]))
        named = [inner for inner in settings["layers"] if len(starts) == 1 and inner["name"] == starts[0][0]]
        return _input_of(named[0]) if named else None
    shape = settings.get("batch_input_shape") or settings.get("batch_shape")
    dtype = settings.get("dtype") if layer.get("class_name") == "InputLayer" else None
    return None if shape is None else (shape, dtype or "float32")


def _stock(class_name: str, settings: Config) -> Config:
    return {"module": "keras.layers", "class_name": class_name, "config": settings, "registered_name": None}


def _is_model(node: Any) -> bool:
    if not isinstance(node, dict):
        return False
    class_name, settings = node.get("class_name"), node.get("config")
    if class_name == "Sequential":
        return isinstance(settings, dict | list)
    return class_name in _GRAPHS and isinstance(settings, dict) and "layers" in settings


def _is_module_of_keras_2(module: Any) -> bool:
    return isinstance(module, str) and _KERAS_2_MODULES.fullmatch(module) is not None


def _name_of(layer: Config) -> Any:
    settings = layer.get("config")
    return layer.get("name") or (settings.get("name") if isinstance(settings, dict) else None) or "without a name"
