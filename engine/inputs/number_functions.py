"""TensorFlow's functions of numbers: arithmetic, activations, reductions, products of matrices."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from bdtui.engine.inputs.operation_call import (
    Arguments,
    Maker,
    Replacement,
    as_layer,
    as_operation,
    flat,
    is_constant,
    is_tensor,
)
from bdtui.engine.machine.quoted_text import quoted

_JOINING = ("Add", "Subtract", "Multiply", "Maximum", "Minimum")
_MEANS = {
    3: ([1], "GlobalAveragePooling1D"),
    4: ([1, 2], "GlobalAveragePooling2D"),
    5: ([1, 2, 3], "GlobalAveragePooling3D"),
}
_MAXIMA = {rank: (axes, name.replace("Average", "Max")) for rank, (axes, name) in _MEANS.items()}


def _binary(class_name: str, scale_and_offset: Callable[[Any, bool], tuple[Any, Any] | None] | None = None) -> Maker:
    """An operation of two values; of a tensor and a constant a Rescaling layer, where that does the same."""

    def make(call: Arguments) -> Replacement:
        first, second = call.take("", "x", "value"), call.take("y", "bias")
        if str(call.take("data_format")).startswith("NC"):
            raise call.refused("channels come first")
        first, second = _without_empty_axes(first, call.rank(second)), _without_empty_axes(second, call.rank(first))
        for tensor, constant, turned in ((first, second, False), (second, first, True)):
            if scale_and_offset and call.in_float32 and is_tensor(tensor) and is_constant(constant):
                found = scale_and_offset(constant, turned)
                if found is not None:
                    return as_layer("Rescaling", tensor, scale=found[0], offset=found[1])
        for value in (first, second):
            if not is_tensor(value) and not all(is_constant(number) for number in flat(value)):
                raise call.refused(f"{quoted(value, 40)} is neither a tensor nor a number")
        # Layers that join tensors put missing axes elsewhere.
        if class_name in _JOINING and call.in_float32 and call.rank(first) == call.rank(second) is not None:
            return as_layer(class_name, [first, second])
        return as_operation(class_name, _as_array(first), _as_array(second))

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


def _unary(class_name: str) -> Maker:
    return lambda call: as_operation(class_name, call.tensor("", "x", "features", "input"))


def _activation(layer: Replacement, class_name: str, **settings: Any) -> Maker:
    """A function of each value by itself: a layer, or an operation where types are mixed."""

    def make(call: Arguments) -> Replacement:
        tensor = call.tensor("", "x", "features", "logits")
        if call.in_float32:
            return Replacement(layer.class_name, dict(layer.settings), (tensor,))
        return as_operation(class_name, tensor, **settings)

    return make


def _named(activation: str, class_name: str, **settings: Any) -> Maker:
    return _activation(as_layer("Activation", activation=activation), class_name, **settings)


def _gelu(call: Arguments) -> Replacement:
    approximate = bool(call.take("approximate", default=False))
    tensor = call.tensor("", "features")
    if call.in_float32 and not approximate:
        return as_layer("Activation", tensor, activation="gelu")
    return as_operation("Gelu", tensor, approximate=approximate)


def _leaky_relu(call: Arguments) -> Replacement:
    slope = call.take("alpha", default=0.2)
    if not is_constant(slope) or isinstance(slope, list):
        raise call.refused("alpha is no number")
    tensor = call.tensor("", "features")
    if call.in_float32:
        return as_layer("LeakyReLU", tensor, negative_slope=slope)
    return as_operation("LeakyRelu", tensor, negative_slope=slope)


def _along_axis(class_name: str, layer: bool = False) -> Maker:
    def make(call: Arguments) -> Replacement:
        axis = call.integers("axis", "dim")
        tensor = call.tensor("", "logits", "x")
        axis = -1 if axis is None else axis
        if layer and call.in_float32:
            return as_layer(class_name, tensor, axis=axis)
        return as_operation(class_name, tensor, axis=axis)

    return make


def _normalize(call: Arguments) -> Replacement:
    axis, epsilon = call.integers("axis", "dim"), call.take("epsilon", default=1e-12)
    if axis is None or not is_constant(epsilon):
        raise call.refused("it names no axis")
    if call.in_float32 and epsilon == 1e-12:
        # What the layer does, to the letter.
        return as_layer("UnitNormalization", call.tensor("", "x"), axis=axis)
    raise call.refused(f"epsilon is {quoted(epsilon, 40)}")


def _reduction(class_name: str, poolings: Mapping[int, tuple[list[int], str]] = MappingProxyType({})) -> Maker:
    def make(call: Arguments) -> Replacement:
        axis = call.integers("axis", "reduction_indices")
        keep = bool(call.take("keepdims", "keep_dims", default=False))
        tensor = call.tensor("", "input_tensor", "x")
        rank = call.rank(tensor)
        if rank is not None and rank in poolings and axis is not None and call.in_float32:
            places, pooling = poolings[rank]
            if sorted(number % rank for number in flat(axis)) == places:
                return as_layer(pooling, tensor, data_format="channels_last", keepdims=keep)
        return as_operation(class_name, tensor, axis=axis, keepdims=keep)

    return make


def _clip(call: Arguments) -> Replacement:
    least, most = call.take("clip_value_min"), call.take("clip_value_max")
    tensor = call.tensor("", "t")
    if not (is_constant(least) and is_constant(most)) or isinstance(least, list) or isinstance(most, list):
        raise call.refused("its bounds are no numbers")
    if least == 0 and most > 0 and call.in_float32:
        return as_layer("ReLU", tensor, max_value=most)
    return as_operation("Clip", tensor, x_min=least, x_max=most)


def _matmul(call: Arguments) -> Replacement:
    for key in ("adjoint_a", "adjoint_b", "a_is_sparse", "b_is_sparse"):
        if call.take(key, default=False):
            raise call.refused(f"{key} is set")
    turned = [bool(call.take(key, default=False)) for key in ("transpose_a", "transpose_b")]
    first, second = call.tensor("", "a"), call.tensor("b")
    if any(turned):
        left, right = "ki" if turned[0] else "ik", "jk" if turned[1] else "kj"
        return as_operation("Einsum", first, second, subscripts=f"...{left},...{right}->...ij")
    return as_operation("Matmul", first, second)


def _add_n(call: Arguments) -> Replacement:
    return as_layer("Add", call.tensors("", "inputs"))


FUNCTIONS: dict[str, Maker] = {
    "math.add": _binary("Add", _for_sum),
    "math.subtract": _binary("Subtract", _for_difference),
    "math.multiply": _binary("Multiply", _for_product),
    "math.truediv": _binary("TrueDivide", _for_quotient),
    "math.divide_no_nan": _binary("DivideNoNan"),
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
    "nn.relu6": _activation(as_layer("ReLU", max_value=6.0), "Relu6"),
    "nn.relu": _activation(as_layer("ReLU"), "Relu"),
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
    "math.add_n": _add_n,
    "image.rgb_to_grayscale": _unary("RGBToGrayscale"),
    "clip_by_value": _clip,
    "linalg.matmul": _matmul,
}
"""By their public names."""
