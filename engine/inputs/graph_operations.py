"""Operations that stand in a graph without a layer of their own: the closed table of those that open.

Keras 2 writes ``x / 127.5`` as a layer TFOpLambda that names the TensorFlow function ``math.truediv``. No function is
looked up by such a name: each name of the table stands for a layer of Keras that does the same or, where there is none,
for one of Keras' own operations. Keras 3 writes its operations by their classes, of which the same ones open.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from bdtui.engine.errors import ModelError
from bdtui.engine.inputs.keras2_ranks import rank_of_tensor

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


def replace_operation(call: OperationCall, where: str) -> Replacement:
    """The layer or operation of Keras that does what a TensorFlow function does.

    Args:
        call: the function and what it is called with.
        where: file and layer, for messages.

    Raises:
        ModelError: the function is not in the table, or is called as no counterpart can be.
    """
    name = call.function.removeprefix("compat.v1.")
    make = _FUNCTIONS.get(_OTHER_NAMES.get(name, name))
    if make is None:
        raise ModelError(
            f"{where} applies the TensorFlow function {ascii(call.function)[:80]}, which bdtui does not know; "
            "expected one of those in docs/formats.md"
        )
    arguments = _Arguments(call, where)
    made = make(arguments)
    arguments.refuse_the_rest()
    if not any(is_tensor(value) for value in _flat(made.args)):
        raise ModelError(f"{where} computes a constant; expected an operation on what the network computes")
    return made


def is_tensor(value: Any) -> bool:
    """Whether a value of a configuration stands for a tensor of the graph."""
    return isinstance(value, dict) and value.get("class_name") == "__keras_tensor__"


def spelled_out(key: Any, rank: int) -> Any:
    """The key of a GetItem with a slice for every axis in place of ``...``."""
    parts = key if isinstance(key, list) else [key]
    of_axes = [part for part in parts if part is not None]
    if not any(_is_ellipsis(part) for part in parts):
        return key
    whole = {"class_name": "__slice__", "config": {"start": None, "stop": None, "step": None}}
    left = [whole] * (rank - len(of_axes) + 1)
    return [found for part in parts for found in (left if _is_ellipsis(part) else [part])]


def _is_ellipsis(part: Any) -> bool:
    return isinstance(part, dict) and part.get("class_name") == "__ellipsis__"


def _flat(value: Any) -> list[Any]:
    if isinstance(value, list | tuple):
        return [leaf for item in value for leaf in _flat(item)]
    return [value]


class _Arguments:
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
        if value is not None and not _are_integers(value):
            raise self.refused(f"{keys[-1]} is not a constant whole number")
        return value

    def refused(self, why: str) -> ModelError:
        """The error that a function is called as no counterpart can be."""
        return ModelError(
            f"{self._where} applies {self._call.function!r} in a way that bdtui does not know ({why[:100]}); "
            "expected the usual arguments"
        )

    def refuse_the_rest(self) -> None:
        """Refuse arguments that nobody took."""
        if self._left:
            key, value = next(iter(self._left.items()))
            raise self.refused(f"argument {ascii(key)[:40]} is {ascii(value)[:40]}")


_JOINING = ("Add", "Subtract", "Multiply", "Maximum", "Minimum")
_MEANS = {
    3: ([1], "GlobalAveragePooling1D"),
    4: ([1, 2], "GlobalAveragePooling2D"),
    5: ([1, 2, 3], "GlobalAveragePooling3D"),
}
_MAXIMA = {rank: (axes, name.replace("Average", "Max")) for rank, (axes, name) in _MEANS.items()}
_Maker = Callable[[_Arguments], Replacement]


def _operation(class_name: str, *args: Any, **settings: Any) -> Replacement:
    return Replacement(class_name, settings, args, OPERATIONS[class_name])


def _layer(class_name: str, *args: Any, **settings: Any) -> Replacement:
    return Replacement(class_name, settings, args)


def _are_integers(value: Any) -> bool:
    return all(isinstance(item, int) and not isinstance(item, bool) for item in _flat(value))


def _is_constant(value: Any) -> bool:
    """Whether a value is a number, or one number a channel."""
    numbers = value if isinstance(value, list) and value else [value]
    return all(
        isinstance(number, int | float) and not isinstance(number, bool) and math.isfinite(number) for number in numbers
    )


def _binary(class_name: str, scale_and_offset: Callable[[Any, bool], tuple[Any, Any] | None] | None = None) -> _Maker:
    """An operation of two values; of a tensor and a constant a Rescaling layer, where that does the same."""

    def make(call: _Arguments) -> Replacement:
        first, second = call.take("", "x", "value"), call.take("y", "bias")
        if str(call.take("data_format")).startswith("NC"):
            raise call.refused("channels come first")
        first, second = _without_empty_axes(first, call.rank(second)), _without_empty_axes(second, call.rank(first))
        for tensor, constant, turned in ((first, second, False), (second, first, True)):
            if scale_and_offset and call.in_float32 and is_tensor(tensor) and _is_constant(constant):
                found = scale_and_offset(constant, turned)
                if found is not None:
                    return _layer("Rescaling", tensor, scale=found[0], offset=found[1])
        for value in (first, second):
            if not is_tensor(value) and not all(_is_constant(number) for number in _flat(value)):
                raise call.refused(f"{ascii(value)[:40]} is neither a tensor nor a number")
        # Layers that join tensors put missing axes elsewhere.
        if class_name in _JOINING and call.in_float32 and call.rank(first) == call.rank(second) is not None:
            return _layer(class_name, [first, second])
        return _operation(class_name, _as_array(first), _as_array(second))

    return make


def _without_empty_axes(constant: Any, rank: int | None) -> Any:
    """A constant without leading axes of length one, which mean nothing beside a tensor that has as many."""
    depth, inner = 0, constant
    while isinstance(inner, list) and inner:
        depth, inner = depth + 1, inner[0]
    while rank is not None and depth <= rank and isinstance(constant, list) and len(constant) == 1 and depth > 1:
        constant, depth = constant[0], depth - 1
    return constant


def _as_array(value: Any) -> Any:
    """A constant of several numbers as Keras 3 writes them."""
    if isinstance(value, list):
        return {"class_name": "__numpy__", "config": {"value": value, "dtype": "float32"}}
    return value


def _each(constant: Any, function: Callable[[float], float]) -> Any:
    return [function(number) for number in constant] if isinstance(constant, list) else function(constant)


def _for_sum(constant: Any, turned: bool) -> tuple[Any, Any]:
    return 1.0, constant


def _for_difference(constant: Any, turned: bool) -> tuple[Any, Any]:
    return (-1.0, constant) if turned else (1.0, _each(constant, lambda number: -number))


def _for_product(constant: Any, turned: bool) -> tuple[Any, Any]:
    return constant, 0.0


def _for_quotient(constant: Any, turned: bool) -> tuple[Any, Any] | None:
    if turned or 0 in (constant if isinstance(constant, list) else [constant]):
        return None
    return _each(constant, lambda number: 1 / number), 0.0


def _unary(class_name: str) -> _Maker:
    return lambda call: _operation(class_name, call.tensor("", "x", "features", "input"))


def _activation(layer: Replacement, class_name: str, **settings: Any) -> _Maker:
    """A function of each value by itself: a layer, or an operation where types are mixed."""

    def make(call: _Arguments) -> Replacement:
        tensor = call.tensor("", "x", "features", "logits")
        if call.in_float32:
            return Replacement(layer.class_name, dict(layer.settings), (tensor,))
        return _operation(class_name, tensor, **settings)

    return make


def _named(activation: str, class_name: str, **settings: Any) -> _Maker:
    return _activation(_layer("Activation", activation=activation), class_name, **settings)


def _gelu(call: _Arguments) -> Replacement:
    approximate = bool(call.take("approximate", default=False))
    tensor = call.tensor("", "features")
    if call.in_float32 and not approximate:
        return _layer("Activation", tensor, activation="gelu")
    return _operation("Gelu", tensor, approximate=approximate)


def _leaky_relu(call: _Arguments) -> Replacement:
    slope = call.take("alpha", default=0.2)
    if not _is_constant(slope) or isinstance(slope, list):
        raise call.refused("alpha is no number")
    tensor = call.tensor("", "features")
    if call.in_float32:
        return _layer("LeakyReLU", tensor, negative_slope=slope)
    return _operation("LeakyRelu", tensor, negative_slope=slope)


def _along_axis(class_name: str, layer: bool = False) -> _Maker:
    def make(call: _Arguments) -> Replacement:
        axis = call.integers("axis", "dim")
        tensor = call.tensor("", "logits", "x")
        axis = -1 if axis is None else axis
        if layer and call.in_float32:
            return _layer(class_name, tensor, axis=axis)
        return _operation(class_name, tensor, axis=axis)

    return make


def _normalize(call: _Arguments) -> Replacement:
    axis, epsilon = call.integers("axis", "dim"), call.take("epsilon", default=1e-12)
    if axis is None or not _is_constant(epsilon):
        raise call.refused("it names no axis")
    if call.in_float32 and epsilon == 1e-12:
        # What the layer does, to the letter.
        return _layer("UnitNormalization", call.tensor("", "x"), axis=axis)
    raise call.refused(f"epsilon is {epsilon}")


def _reduction(class_name: str, poolings: Mapping[int, tuple[list[int], str]] = MappingProxyType({})) -> _Maker:
    def make(call: _Arguments) -> Replacement:
        axis = call.integers("axis", "reduction_indices")
        keep = bool(call.take("keepdims", "keep_dims", default=False))
        tensor = call.tensor("", "input_tensor", "x")
        rank = call.rank(tensor)
        if rank is not None and rank in poolings and axis is not None and call.in_float32:
            places, pooling = poolings[rank]
            if sorted(number % rank for number in _flat(axis)) == places:
                return _layer(pooling, tensor, data_format="channels_last", keepdims=keep)
        return _operation(class_name, tensor, axis=axis, keepdims=keep)

    return make


def _reshape(call: _Arguments) -> Replacement:
    shape = call.take("shape")
    tensor = call.tensor("", "tensor")
    if isinstance(shape, list) and len(shape) > 1 and shape[0] == BATCH_SIZE and _are_integers(shape[1:]):
        if shape[1:] == [-1]:
            return _layer("Flatten", tensor, data_format="channels_last")
        return _layer("Reshape", tensor, target_shape=shape[1:])
    if not isinstance(shape, list) or not shape or not _are_integers(shape):
        raise call.refused("shape is not a list of numbers")
    if shape[0] == -1 and call.in_float32 and -1 not in shape[1:] and len(shape) > 1:
        return _layer("Reshape", tensor, target_shape=shape[1:])
    return _operation("Reshape", tensor, newshape=shape)


def _expand_dims(call: _Arguments) -> Replacement:
    axis = call.integers("axis", "dim")
    if axis is None:
        raise call.refused("it names no axis")
    return _operation("ExpandDims", call.tensor("", "input"), axis=axis)


def _squeeze(call: _Arguments) -> Replacement:
    axis = call.integers("axis", "squeeze_dims")
    if axis is None or axis == []:
        raise call.refused("it names no axis")
    axes = axis[0] if isinstance(axis, list) and len(axis) == 1 else axis
    return _operation("Squeeze", call.tensor("", "input"), axis=axes)


def _transpose(call: _Arguments) -> Replacement:
    axes = call.integers("perm")
    call.take("conjugate")
    tensor = call.tensor("", "a")
    if isinstance(axes, list) and axes and axes[0] == 0 and call.in_float32:
        return _layer("Permute", tensor, dims=axes[1:])
    return _operation("Transpose", tensor, axes=axes)


def _concat(call: _Arguments) -> Replacement:
    axis = call.integers("axis")
    if axis is None:
        raise call.refused("it names no axis")
    tensors = call.tensors("", "values")
    if len(tensors) > 1 and call.in_float32:
        return _layer("Concatenate", tensors, axis=axis)
    return _operation("Concatenate", tensors, axis=axis)


def _stack(call: _Arguments) -> Replacement:
    return _operation("Stack", call.tensors("", "values"), axis=call.integers("axis") or 0)


def _split(call: _Arguments) -> Replacement:
    parts, axis = call.integers("num_or_size_splits"), call.integers("axis") or 0
    if isinstance(parts, list):
        parts = [sum(parts[:end]) for end in range(1, len(parts))]
    return _operation("Split", call.tensor("", "value"), indices_or_sections=parts, axis=axis)


def _tile(call: _Arguments) -> Replacement:
    return _operation("Tile", call.tensor("", "input"), repeats=call.integers("multiples"))


def _pad(call: _Arguments) -> Replacement:
    widths, mode = call.integers("paddings"), str(call.take("mode", default="CONSTANT")).lower()
    value = call.take("constant_values", default=0)
    if mode not in ("constant", "reflect", "symmetric") or not isinstance(widths, list):
        raise call.refused(f"mode is {mode}")
    if not _is_constant(value) or isinstance(value, list):
        raise call.refused("constant_values is no number")
    tensor = call.tensor("", "tensor")
    if value != 0:
        return _operation("Pad", tensor, value, pad_width=widths, mode=mode)
    if mode == "constant" and call.in_float32 and len(widths) == 4 and widths[0] == widths[3] == [0, 0]:
        return _layer("ZeroPadding2D", tensor, padding=widths[1:3], data_format="channels_last")
    return _operation("Pad", tensor, pad_width=widths, mode=mode)


def _cast(call: _Arguments) -> Replacement:
    dtype = call.take("dtype", default="float32")
    known = ("float16", "bfloat16", "float32", "float64", "uint8", "int8", "int16", "int32", "int64", "bool")
    if dtype not in known:
        raise call.refused(f"dtype is {ascii(dtype)[:40]}")
    tensor = call.tensor("", "x")
    if dtype == "float32" and call.in_float32:
        return _layer("Rescaling", tensor, scale=1.0, offset=0.0)
    return _operation("Cast", tensor, dtype=dtype)


def _cast_to(dtype: str) -> _Maker:
    def make(call: _Arguments) -> Replacement:
        tensor = call.tensor("", "x")
        if dtype == "float32" and call.in_float32:
            return _layer("Rescaling", tensor, scale=1.0, offset=0.0)
        return _operation("Cast", tensor, dtype=dtype)

    return make


def _clip(call: _Arguments) -> Replacement:
    least, most = call.take("clip_value_min"), call.take("clip_value_max")
    tensor = call.tensor("", "t")
    if not (_is_constant(least) and _is_constant(most)) or isinstance(least, list) or isinstance(most, list):
        raise call.refused("its bounds are no numbers")
    if least == 0 and most > 0 and call.in_float32:
        return _layer("ReLU", tensor, max_value=most)
    return _operation("Clip", tensor, x_min=least, x_max=most)


def _matmul(call: _Arguments) -> Replacement:
    for key in ("adjoint_a", "adjoint_b", "a_is_sparse", "b_is_sparse"):
        if call.take(key, default=False):
            raise call.refused(f"{key} is set")
    turned = [bool(call.take(key, default=False)) for key in ("transpose_a", "transpose_b")]
    first, second = call.tensor("", "a"), call.tensor("b")
    if any(turned):
        left, right = "ki" if turned[0] else "ik", "jk" if turned[1] else "kj"
        return _operation("Einsum", first, second, subscripts=f"...{left},...{right}->...ij")
    return _operation("Matmul", first, second)


def _resize(call: _Arguments) -> Replacement:
    size, method = call.integers("size"), str(call.take("method", default="bilinear")).lower()
    if not isinstance(size, list) or len(size) != 2:
        raise call.refused("size is not two numbers")
    if method not in ("bilinear", "nearest", "bicubic", "lanczos3", "lanczos5"):
        raise call.refused(f"method is {ascii(method)[:40]}")
    if call.take("preserve_aspect_ratio", default=False):
        raise call.refused("preserve_aspect_ratio is set")
    smooth = bool(call.take("antialias", default=False))
    tensor = call.tensor("", "images")
    if call.in_float32 and not smooth:
        layer = _layer("Resizing", tensor, height=size[0], width=size[1], interpolation=method)
        return Replacement(layer.class_name, {**layer.settings, "data_format": "channels_last"}, layer.args)
    return _operation("Resize", tensor, size=size, interpolation=method, antialias=smooth, data_format="channels_last")


def _add_n(call: _Arguments) -> Replacement:
    return _layer("Add", call.tensors("", "inputs"))


def _pool(class_name: str) -> _Maker:
    def make(call: _Arguments) -> Replacement:
        size, strides = call.integers("ksize"), call.integers("strides")
        padding, places = str(call.take("padding")).lower(), call.take("data_format", default="NHWC")
        ends = [_places(found) for found in (size, strides)]
        if None in ends or padding not in ("same", "valid") or places != "NHWC" or not call.in_float32:
            raise call.refused("it is not over two axes of places")
        settings = {"pool_size": ends[0], "strides": ends[1], "padding": padding, "data_format": "channels_last"}
        return Replacement(class_name, settings, (call.tensor("", "input"),))

    return make


def _places(size: Any) -> list[int] | None:
    """Two numbers for the two axes of places, as TensorFlow takes them: one, two or four."""
    if isinstance(size, int):
        return [size, size]
    if isinstance(size, list) and len(size) == 4 and size[0] == size[3] == 1:
        return size[1:3]
    return (
        size
        if isinstance(size, list) and len(size) == 2
        else size * 2
        if isinstance(size, list) and len(size) == 1
        else None
    )


def _gather(call: _Arguments) -> Replacement:
    indices, axis = call.integers("indices"), call.integers("axis")
    if not isinstance(indices, list) or not isinstance(axis, int) or axis == 0 or call.take("batch_dims", default=0):
        raise call.refused("it takes places that are computed, or other images")
    call.take("validate_indices")
    array = {"class_name": "__numpy__", "config": {"value": indices, "dtype": "int32"}}
    return _operation("Take", call.tensor("", "params"), array, axis=axis)


def _unstack(call: _Arguments) -> Replacement:
    return _operation("Unstack", call.tensor("", "value"), num=call.integers("num"), axis=call.integers("axis") or 0)


def _getitem(call: _Arguments) -> Replacement:
    parts = call.take("slice_spec")
    parts = parts if isinstance(parts, list) else [parts]
    key: list[Any] = []
    for part in parts:
        if isinstance(part, dict) and set(part) == {"start", "stop", "step"}:
            if not all(end is None or isinstance(end, int) for end in part.values()):
                raise call.refused("it slices at places that are computed")
            key.append({"class_name": "__slice__", "config": part})
        elif _is_ellipsis(part):
            key.append({"class_name": "__ellipsis__", "config": {}})
        elif part is None or (isinstance(part, int) and not isinstance(part, bool)):
            key.append(part)
        else:
            raise call.refused("it takes places that are computed")
    tensor = call.tensor("", "tensor")
    rank = call.rank(tensor)
    if rank is None and any(map(_is_ellipsis, key)):
        raise call.refused("it is not known how many axes '...' stands for")
    return _operation("GetItem", tensor, spelled_out(key, rank or 0))


def _reverse(call: _Arguments) -> Replacement:
    axis = call.integers("axis")
    if axis is None:
        raise call.refused("it names no axis")
    return _operation("Flip", call.tensor("", "tensor"), axis=axis)


def _unchanged(call: _Arguments) -> Replacement:
    call.take("shape")
    return _layer("Identity", call.tensor("", "input", "x", "value"), dtype=call.take("dtype", default="float32"))


_FUNCTIONS: dict[str, _Maker] = {
    "math.add": _binary("Add", _for_sum),
    "math.subtract": _binary("Subtract", _for_difference),
    "math.multiply": _binary("Multiply", _for_product),
    "math.truediv": _binary("TrueDivide", _for_quotient),
    "math.floordiv": _binary("FloorDivide"),
    "math.floormod": _binary("Mod"),
    "math.maximum": _binary("Maximum"),
    "math.minimum": _binary("Minimum"),
    "math.pow": _binary("Power"),
    "math.abs": _unary("Absolute"),
    "math.ceil": _unary("Ceil"),
    "math.cos": _unary("Cos"),
    "math.floor": _unary("Floor"),
    "math.log": _unary("Log"),
    "math.log1p": _unary("Log1p"),
    "math.negative": _unary("Negative"),
    "math.reciprocal": _unary("Reciprocal"),
    "math.round": _unary("Round"),
    "math.rsqrt": _unary("Rsqrt"),
    "math.sign": _unary("Sign"),
    "math.sin": _unary("Sin"),
    "math.sqrt": _unary("Sqrt"),
    "math.square": _unary("Square"),
    "math.exp": _named("exponential", "Exp"),
    "math.sigmoid": _named("sigmoid", "Sigmoid"),
    "math.softplus": _named("softplus", "Softplus"),
    "math.tanh": _named("tanh", "Tanh"),
    "nn.elu": _named("elu", "Elu"),
    "nn.relu6": _activation(_layer("ReLU", max_value=6.0), "Relu6"),
    "nn.relu": _activation(_layer("ReLU"), "Relu"),
    "nn.selu": _named("selu", "Selu"),
    "nn.silu": _named("silu", "Silu"),
    "nn.softsign": _named("softsign", "Softsign"),
    "nn.gelu": _gelu,
    "nn.leaky_relu": _leaky_relu,
    "nn.softmax": _along_axis("Softmax", layer=True),
    "nn.log_softmax": _along_axis("LogSoftmax"),
    "math.l2_normalize": _normalize,
    "math.reduce_logsumexp": _reduction("Logsumexp"),
    "math.reduce_max": _reduction("Max", _MAXIMA),
    "math.reduce_mean": _reduction("Mean", _MEANS),
    "math.reduce_min": _reduction("Min"),
    "math.reduce_prod": _reduction("Prod"),
    "math.reduce_std": _reduction("Std"),
    "math.reduce_sum": _reduction("Sum"),
    "math.reduce_variance": _reduction("Var"),
    "nn.bias_add": _binary("Add", _for_sum),
    "__operators__.getitem": _getitem,
    "nn.avg_pool2d": _pool("AveragePooling2D"),
    "nn.max_pool2d": _pool("MaxPooling2D"),
    "math.add_n": _add_n,
    "image.rgb_to_grayscale": _unary("RGBToGrayscale"),
    "gather": _gather,
    "unstack": _unstack,
    "cast": _cast,
    "clip_by_value": _clip,
    "concat": _concat,
    "expand_dims": _expand_dims,
    "identity": _unchanged,
    "image.resize": _resize,
    "linalg.matmul": _matmul,
    "pad": _pad,
    "reshape": _reshape,
    "reverse": _reverse,
    "split": _split,
    "squeeze": _squeeze,
    "stack": _stack,
    "tile": _tile,
    "to_float": _cast_to("float32"),
    "transpose": _transpose,
}

_OTHER_NAMES = {
    "__operators__.add": "math.add",
    "__operators__.sub": "math.subtract",
    "__operators__.mul": "math.multiply",
    "__operators__.truediv": "math.truediv",
    "math.divide": "math.truediv",
    "math.mod": "math.floormod",
    "add": "math.add",
    "convert_to_tensor": "identity",
    "ensure_shape": "identity",
    "stop_gradient": "identity",
    "image.resize_bilinear": "image.resize",
    "keras.activations.relu": "nn.relu",
    "keras.backend.cast": "cast",
    "linalg.l2_normalize": "math.l2_normalize",
    "nn.l2_normalize": "math.l2_normalize",
    "nn.sigmoid": "math.sigmoid",
    "nn.avg_pool": "nn.avg_pool2d",
    "nn.max_pool": "nn.max_pool2d",
    "nn.softplus": "math.softplus",
    "nn.swish": "nn.silu",
    "nn.tanh": "math.tanh",
    "matmul": "linalg.matmul",
    "math.softmax": "nn.softmax",
    "math.log_softmax": "nn.log_softmax",
    "math.softsign": "nn.softsign",
    **{
        name: f"math.{name}"
        for name in "abs exp floor log negative pow reduce_max reduce_mean reduce_min reduce_prod "
        "reduce_sum round sigmoid sign sqrt square subtract tanh truediv maximum minimum multiply".split()
    },
    "divide": "math.truediv",
}
"""Other names of the same functions."""


def known_functions() -> list[str]:
    """Names of the TensorFlow functions that open, in alphabetical order."""
    return sorted({*_FUNCTIONS, *_OTHER_NAMES})
