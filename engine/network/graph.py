"""A Keras model as a plain list of calls, nested models unrolled.

Keras can tell which layers a model has, but not, in one place, which tensor each call reads. With that
list a network can be cut anywhere, run in parts, and rebuilt with other layers in the same wiring.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import tensorflow as tf
from keras import tree

from bdtui.engine.errors import ModelError
from bdtui.engine.network.channels_last import apply_channels_last, reads_channels_first

# Networks made here are of this kind, whatever a keras.json says.
keras.config.set_image_data_format("channels_last")
keras.config.set_floatx("float32")


@dataclass(frozen=True)
class Call:
    """One application of a layer (or of a `keras.ops` operation) to tensors of the network.

    Attributes:
        layer: what is applied.
        name: the layer's name; inside a nested model, that model's name and a slash stand before it.
        inputs: numbers of the tensors read.
        outputs: numbers of the tensors made.
        output_shapes: their shapes, batch axis first and None where unknown.
        output_dtypes: their types, by Keras' names.
    """

    layer: Any
    name: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    output_shapes: tuple[tuple[int | None, ...], ...]
    output_dtypes: tuple[str, ...]
    arguments: Any
    """Keras' record of the call's arguments, with symbolic tensors in their places."""

    def run(self, values: dict[int, Any], layer: Any = None, *, training: bool = False) -> None:
        """Apply the layer (or another in its stead) to `values` and put what it makes there."""
        tensors = {
            id(tensor): values[key] for tensor, key in zip(self.arguments.keras_tensors, self.inputs, strict=True)
        }
        if type(self.layer).__name__ == "Add":
            tensors = {key: _kept_apart(tensor) for key, tensor in tensors.items()}
        args, kwargs = self.arguments.fill_in(tensors)
        layer = layer or self.layer
        symbolic = any(keras.utils.is_keras_tensor(tensor) for tensor in tensors.values())
        if not symbolic and _knows_training(layer):
            # Augmentation layers are active unless told otherwise, as `model.predict` does.
            kwargs["training"] = training
        if not symbolic and reads_channels_first(layer):
            made = [apply_channels_last(layer, *tensors.values())]
        else:
            made = tree.flatten(layer(*args, **kwargs))
        values.update(zip(self.outputs, made, strict=True))


@dataclass(frozen=True)
class Network:
    """The calls of a model in an order in which they can run, from one input to one output tensor."""

    calls: tuple[Call, ...]
    input: int
    output: int
    input_shape: tuple[int | None, ...]
    """Shape of one input without the batch axis."""
    input_dtype: str
    """What Keras casts an input to, e.g. ``float32`` or ``uint8``."""
    added: int = 0
    """How many of the last calls are not the model's own (see `bdtui.engine.network.class_scores`)."""

    @property
    def own_calls(self) -> tuple[Call, ...]:
        """The calls that the model is saved with."""
        return self.calls[: len(self.calls) - self.added]

    @property
    def classes(self) -> int:
        """N, the length of the output."""
        maker = self.maker(self.output)
        shape = self.input_shape if maker is None else maker.output_shapes[maker.outputs.index(self.output)]
        return int(shape[-1] or 0)

    def maker(self, tensor: int) -> Call | None:
        """The call that makes a tensor; None for the network's input."""
        return next((call for call in self.calls if tensor in call.outputs), None)

    def downstream(self, tensors: Iterable[int]) -> list[Call]:
        """The calls that depend on any of the tensors, in running order."""
        reached = set(tensors)
        found = []
        for call in self.calls:
            if reached.intersection(call.inputs):
                reached.update(call.outputs)
                found.append(call)
        return found

    def upstream(self, tensors: Iterable[int], among: Sequence[Call] | None = None) -> list[Call]:
        """The calls (of the network, or of a part of it) that the tensors depend on, in running order."""
        wanted = set(tensors)
        found = []
        for call in reversed(self.calls if among is None else among):
            if wanted.intersection(call.outputs):
                wanted.update(call.inputs)
                found.append(call)
        return found[::-1]


def run_network(network: Network, images: Any) -> Any:
    """The scores, shape (batch, N), that a network gives to images, shape (batch, …)."""
    values = {network.input: tf.cast(images, network.input_dtype)}
    run_calls(network.calls, values)
    return values[network.output]


def run_calls(
    calls: Iterable[Call],
    values: dict[int, Any],
    replacement: dict[int, Any] | None = None,
    *,
    training: bool = False,
) -> None:
    """Run calls one after the other on `values`, tensor number → tensor, adding what they make.

    Args:
        calls: in running order.
        values: concrete or symbolic tensors; must hold all that the calls read from outside.
        replacement: layers to apply instead, by ``id`` of the original layer.
        training: whether layers behave as they do while they learn.
    """
    replacement = replacement or {}
    # Inside a scope TensorFlow accepts names such as "_conv", as it does inside a model.
    with tf.name_scope("network"):
        for call in calls:
            call.run(values, replacement.get(id(call.layer)), training=training)


def _kept_apart(tensor: Any) -> Any:
    """The same tensor, which TensorFlow's optimiser does not fuse with what is made of it.

    Where a product, its bias, an addition and a ReLU follow one another, TensorFlow (2.21) fuses them into an
    operation without a name, and gives up optimising the whole function: a tenth of the time of a forward pass.
    """
    graph = tf.is_tensor(tensor) and not tf.executing_eagerly()
    return tf.ensure_shape(tensor, tensor.shape) if graph else tensor


def _knows_training(layer: Any) -> bool:
    return isinstance(layer, keras.layers.Layer) and "training" in inspect.signature(layer.call).parameters


def trace_network(model: keras.Model) -> Network:
    """Read a built Functional or Sequential model as a list of calls.

    Raises:
        ModelError: the model has several inputs or outputs, or no graph (subclassed, or never built).
    """
    try:
        inputs, outputs = model.inputs, model.outputs
    except (AttributeError, ValueError):
        inputs = outputs = None
    if not inputs or not outputs:
        raise ModelError(
            f"model {model.name!r} has no graph of layers to cut: expected a Functional or Sequential model that is built"
        )
    for kind, tensors in (("inputs", inputs), ("outputs", outputs)):
        if len(tensors) != 1:
            raise ModelError(f"model {model.name!r} has {len(tensors)} {kind}; expected exactly one")
    tracer = _Tracer()
    start = tracer.new_tensor()
    (end,) = tracer.follow(model, [start], prefix="")
    return Network(tuple(tracer.calls), start, end, tuple(inputs[0].shape[1:]), inputs[0].dtype)


class _Tracer:
    def __init__(self) -> None:
        self.calls: list[Call] = []
        self._tensors = 0

    def new_tensor(self) -> int:
        self._tensors += 1
        return self._tensors - 1

    def follow(self, model: keras.Model, starts: Sequence[int], prefix: str) -> list[int]:
        """Add the calls of a model that is applied to the given tensors; return its outputs' numbers."""
        numbers = {id(tensor): start for tensor, start in zip(model.inputs, starts, strict=True)}
        for node in _nodes_in_running_order(model):
            layer = node.operation
            read = [numbers[id(tensor)] for tensor in node.input_tensors]
            if isinstance(layer, keras.Model) and getattr(layer, "inputs", None):
                made = self.follow(layer, read, f"{prefix}{layer.name}/")
            else:
                made = [self.new_tensor() for _ in node.outputs]
                self.calls.append(
                    Call(
                        layer=layer,
                        name=prefix + layer.name,
                        inputs=tuple(read),
                        outputs=tuple(made),
                        output_shapes=tuple(tuple(tensor.shape) for tensor in node.outputs),
                        output_dtypes=tuple(tensor.dtype for tensor in node.outputs),
                        arguments=node.arguments,
                    )
                )
            numbers.update((id(tensor), number) for tensor, number in zip(node.outputs, made, strict=True))
        return [numbers[id(tensor)] for tensor in model.outputs]


def _nodes_in_running_order(model: keras.Model) -> list[Any]:
    """Keras' call records between a model's inputs and outputs, those without inputs left out."""
    boundary = {id(tensor) for tensor in model.inputs}
    ordered: list[Any] = []
    placed: set[int] = set()
    stack = [tensor for tensor in reversed(model.outputs) if id(tensor) not in boundary]
    while stack:
        node = _maker(stack[-1])
        waiting = [t for t in node.input_tensors if id(t) not in boundary and id(_maker(t)) not in placed]
        if waiting:
            stack.extend(reversed(waiting))
            continue
        stack.pop()
        if id(node) not in placed:
            placed.add(id(node))
            ordered.append(node)
    return ordered


def _maker(tensor: Any) -> Any:
    """Keras' record of the call that made a symbolic tensor."""
    history = tensor._keras_history
    return history.operation._inbound_nodes[history.node_index]
