"""How the calls of a graph of Keras 2 refer to each other, and how Keras 3 counts and writes the same calls."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from bdtui.engine.errors import ModelError
from bdtui.engine.inputs.keras2_layers import argument_names, is_stock_layer
from bdtui.engine.inputs.operation_call import BATCH_SIZE, is_tensor
from bdtui.engine.machine.quoted_text import quoted

Config = dict[str, Any]

OPERATION_LAYERS = ("TFOpLambda", "SlicingOpLambda")
"""Layers that apply a TensorFlow function."""
_GRAPHS = ("Functional", "Model")
_RECURRENT = ("LSTM", "GRU", "SimpleRNN", "RNN", "Bidirectional", "ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D")


class CallNumbering:
    """How the calls of a graph are counted: from one by Keras 2 where a layer is a model that has its own input."""

    def __init__(self, settings: Config, where: str) -> None:
        self._first: dict[str, int] = {}
        self._shapes: set[str] = set()
        self._batch_sizes: set[str] = set()
        self._split = {layer["name"] for layer in settings["layers"] if layer["class_name"] in OPERATION_LAYERS}
        models = {layer["name"] for layer in settings["layers"] if is_model(layer)}
        calls = [layer.get("inbound_nodes", []) for layer in settings["layers"]]
        for reference in references([*calls, settings["input_layers"], settings["output_layers"]]):
            name, node, tensor = reference[:3]
            if node < 0 or tensor < 0:
                raise ModelError(
                    f"{where}: refers to the tensor {quoted(reference[:3])}; expected numbers of calls from 0 on"
                )
            if name in models:
                self._first[name] = min(node, self._first.get(name, node))

    def place(self, name: str, node: int, tensor: int) -> tuple[str, int, int]:
        """Where a tensor is made, as Keras 3 counts."""
        if name in self._split:
            return self.name_of_call(name, node), 0, tensor
        return sound_name(name), node - self._first.get(name, 0), tensor

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
        return sound_name(name) if number == 0 else f"{sound_name(name)}_call_{number}"


def sound_name(name: Any) -> Any:
    """A layer's name as Keras 3 allows it: MobileNetV3 of Keras 2 has a layer ``Conv/BatchNorm``."""
    return name.replace("/", "_") if isinstance(name, str) else name


def in_order_of_arguments(class_name: str, first: Any, keywords: Config) -> Config:
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


def map_references(node: Any, change: Any) -> Any:
    """A structure of calls with every reference to a tensor, ``["layer", 0, 0]``, replaced."""
    if _is_reference(node):
        return change(node)
    if isinstance(node, list):
        return [map_references(item, change) for item in node]
    if isinstance(node, dict):
        return {key: map_references(value, change) for key, value in node.items()}
    return node


def references(node: Any) -> Iterator[list[Any]]:
    """Every reference to a tensor in a structure of calls, in order."""
    if _is_reference(node):
        if node[0] != "_CONSTANT_VALUE":
            yield node
        yield from references(node[3:])
    elif isinstance(node, list):
        for item in node:
            yield from references(item)
    elif isinstance(node, dict):
        for item in node.values():
            yield from references(item)


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


def is_model(node: Any) -> bool:
    """Whether an object of a configuration is a Functional or Sequential model."""
    if not isinstance(node, dict):
        return False
    class_name, settings = node.get("class_name"), node.get("config")
    if class_name == "Sequential":
        return isinstance(settings, dict | list)
    return class_name in _GRAPHS and isinstance(settings, dict) and "layers" in settings
