"""One operation of a graph: what it is called with, and the layer or operation of Keras that stands for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from bdtui.engine.errors import ModelError
from bdtui.engine.inputs.keras2_ranks import rank_of_tensor
from bdtui.engine.machine.quoted_text import quoted

OPERATIONS = MappingProxyType(
    {
        name: f"keras.src.ops.{module}"
        for module, names in {
            "core": "Cast StopGradient Unstack",
            "image": "Resize RGBToGrayscale",
            "math": "Logsumexp Rsqrt",
            "nn": "BatchNorm Celu Elu Gelu HardSigmoid HardSilu HardTanh LeakyRelu LogSigmoid LogSoftmax Normalize Relu "
            "Relu6 Selu Sigmoid Silu Softmax Softplus Softsign",
            "numpy": "Absolute Abs Add Amax Amin Average Clip Concatenate Cos Divide DivideNoNan Einsum Exp ExpandDims Expm1 Flip "
            "Floor FloorDivide Ceil GetItem Log Log1p Matmul Max Maximum Mean Min Minimum Mod Moveaxis Multiply Negative "
            "Pad Power Prod Ravel Reciprocal Reshape Roll Round Sign Sin Split Sqrt Square Squeeze Stack Std Subtract Sum "
            "Swapaxes Take Tanh Tensordot Tile Transpose TrueDivide Var",
        }.items()
        for name in names.split()
    }
)
"""Keras' operations that open, and the modules they live in."""

_LARGEST_NUMBER = 3.4028235e38
"""That float32 holds."""

BATCH_SIZE = "__batch_size__"
"""Stands for ``tf.shape(images)[0]`` among the arguments of a function."""


@dataclass(frozen=True)
class OperationCall:
    """One application of a TensorFlow function to tensors and constants.

    Attributes:
        function: its public name, e.g. ``math.truediv``.
        arguments: by the function's own names of them; the first, which Keras does not name, is ``""``. Tensors are in
            Keras 3's form.
        policy: of types, e.g. ``float32``.
        ranks: of tensors, by the names of the layers that make them, where they are known.
    """

    function: str
    arguments: dict[str, Any]
    policy: str
    ranks: Mapping[str, int | None]


@dataclass(frozen=True)
class Replacement:
    """What stands for it in Keras 3.

    Attributes:
        class_name: of a layer or an operation.
        settings: of it.
        args: what it is called with.
        module: where the class lives.
    """

    class_name: str
    settings: dict[str, Any] = field(default_factory=dict)
    args: tuple[Any, ...] = ()
    module: str = "keras.layers"


class Arguments:
    """The arguments of a call, each taken once: what nobody took means something that nobody looked at."""

    def __init__(self, call: OperationCall, where: str) -> None:
        self._left = {key: value for key, value in call.arguments.items() if key != "name" and value is not None}
        self._call = call
        self._where = where

    @property
    def in_float32(self) -> bool:
        """Whether a layer computes in the type that the operation did: operations take types as they come."""
        return self._call.policy == "float32"

    def rank(self, tensor: Any) -> int | None:
        """How many axes a tensor has, the batch's counted; None where that is not known, or it is no tensor."""
        return rank_of_tensor(tensor, self._call.ranks)

    def take(self, *keys: str, default: Any = None) -> Any:
        """The argument of the first of the names that is there."""
        for key in keys:
            if key in self._left:
                return self._left.pop(key)
        return default

    def tensor(self, *keys: str) -> Any:
        """An argument that has to be a tensor."""
        value = self.take(*keys)
        if not is_tensor(value):
            raise self.refused(f"{keys[-1] or 'the first argument'} is no tensor")
        return value

    def tensors(self, *keys: str) -> list[Any]:
        """An argument that has to be a list of tensors."""
        values = self.take(*keys)
        if not isinstance(values, list) or not values or not all(is_tensor(value) for value in values):
            raise self.refused("its arguments are not all tensors")
        return values

    def integers(self, *keys: str) -> Any:
        """An argument that has to be a whole number, or a list of such at any depth; None where it is absent."""
        value = self.take(*keys)
        if value is not None and not are_integers(value):
            raise self.refused(f"{keys[-1]} is not a constant whole number")
        return value

    def refused(self, why: str) -> ModelError:
        """The error that a function is called as no counterpart can be."""
        return ModelError(
            f"{self._where} applies {quoted(self._call.function)} in a way that bdtui does not know ({why}); "
            "expected the usual arguments"
        )

    def refuse_the_rest(self) -> None:
        """Refuse arguments that nobody took."""
        if self._left:
            key, value = next(iter(self._left.items()))
            raise self.refused(f"argument {quoted(key, 40)} is {quoted(value, 40)}")


Maker = Callable[[Arguments], Replacement]
"""Makes of the arguments of a TensorFlow function what stands for the call."""


def as_operation(class_name: str, *args: Any, **settings: Any) -> Replacement:
    """One of Keras' operations, with what it is called with and its settings."""
    return Replacement(class_name, settings, args, OPERATIONS[class_name])


def as_layer(class_name: str, *args: Any, **settings: Any) -> Replacement:
    """A layer of Keras, with what it is called with and its settings."""
    return Replacement(class_name, settings, args)


def is_tensor(value: Any) -> bool:
    """Whether a value of a configuration stands for a tensor of the graph."""
    return isinstance(value, dict) and value.get("class_name") == "__keras_tensor__"


def is_ellipsis(part: Any) -> bool:
    """Whether a part of a key is ``...``."""
    return isinstance(part, dict) and part.get("class_name") == "__ellipsis__"


def flat(value: Any) -> list[Any]:
    """What lists in lists hold, in one row."""
    if isinstance(value, list | tuple):
        return [leaf for item in value for leaf in flat(item)]
    return [value]


def are_integers(value: Any) -> bool:
    """Whether a value is a whole number, or holds nothing else at any depth."""
    return all(isinstance(item, int) and not isinstance(item, bool) for item in flat(value))


def is_constant(value: Any) -> bool:
    """Whether a value is a number that float32 can hold, or one such number a channel."""
    numbers = value if isinstance(value, list) and value else [value]
    return all(
        # NaN is not below anything; JSON has whole numbers of any length.
        isinstance(number, int | float) and not isinstance(number, bool) and abs(number) <= _LARGEST_NUMBER
        for number in numbers
    )


def spelled_out(key: Any, rank: int) -> Any:
    """The key of a GetItem with a slice for every axis in place of ``...``."""
    parts = key if isinstance(key, list) else [key]
    of_axes = [part for part in parts if part is not None]
    if not any(is_ellipsis(part) for part in parts):
        return key
    whole = {"class_name": "__slice__", "config": {"start": None, "stop": None, "step": None}}
    left = [whole] * (rank - len(of_axes) + 1)
    return [found for part in parts for found in (left if is_ellipsis(part) else [part])]
