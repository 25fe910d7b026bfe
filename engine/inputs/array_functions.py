"""TensorFlow's functions that move values about: shapes, slices, joins, types, pictures and places."""

from __future__ import annotations

from itertools import accumulate
from typing import Any

from bdtui.engine.inputs.operation_call import (
    BATCH_SIZE,
    Arguments,
    Maker,
    Replacement,
    are_integers,
    as_layer,
    as_operation,
    flat,
    is_constant,
    is_ellipsis,
    spelled_out,
)
from bdtui.engine.machine.quoted_text import quoted


def _reshape(call: Arguments) -> Replacement:
    shape = call.take("shape")
    tensor = call.tensor("", "tensor")
    if isinstance(shape, list) and len(shape) > 1 and shape[0] == BATCH_SIZE and are_integers(shape[1:]):
        if shape[1:] == [-1]:
            return as_layer("Flatten", tensor, data_format="channels_last")
        return as_layer("Reshape", tensor, target_shape=shape[1:])
    if not isinstance(shape, list) or not shape or not are_integers(shape):
        raise call.refused("shape is not a list of numbers")
    if shape[0] == -1 and call.in_float32 and -1 not in shape[1:] and len(shape) > 1:
        return as_layer("Reshape", tensor, target_shape=shape[1:])
    return as_operation("Reshape", tensor, newshape=shape)


def _expand_dims(call: Arguments) -> Replacement:
    axis = call.integers("axis", "dim")
    if axis is None:
        raise call.refused("it names no axis")
    return as_operation("ExpandDims", call.tensor("", "input"), axis=axis)


def _squeeze(call: Arguments) -> Replacement:
    axis = call.integers("axis", "squeeze_dims")
    if axis is None or axis == []:
        raise call.refused("it names no axis")
    axes = axis[0] if isinstance(axis, list) and len(axis) == 1 else axis
    return as_operation("Squeeze", call.tensor("", "input"), axis=axes)


def _transpose(call: Arguments) -> Replacement:
    axes = call.integers("perm")
    call.take("conjugate")
    tensor = call.tensor("", "a")
    if isinstance(axes, list) and axes and axes[0] == 0 and call.in_float32:
        return as_layer("Permute", tensor, dims=axes[1:])
    return as_operation("Transpose", tensor, axes=axes)


def _concat(call: Arguments) -> Replacement:
    axis = call.integers("axis")
    if axis is None:
        raise call.refused("it names no axis")
    tensors = call.tensors("", "values")
    if len(tensors) > 1 and call.in_float32:
        return as_layer("Concatenate", tensors, axis=axis)
    return as_operation("Concatenate", tensors, axis=axis)


def _grey_to_colours(call: Arguments) -> Replacement:
    tensor = call.tensor("", "images")
    if call.in_float32:
        return as_layer("Concatenate", [tensor] * 3, axis=-1)
    return as_operation("Concatenate", [tensor] * 3, axis=-1)


def _stack(call: Arguments) -> Replacement:
    return as_operation("Stack", call.tensors("", "values"), axis=call.integers("axis") or 0)


def _split(call: Arguments) -> Replacement:
    parts, axis = call.integers("num_or_size_splits"), call.integers("axis") or 0
    if isinstance(parts, list):
        parts = list(accumulate(parts))[:-1]
    return as_operation("Split", call.tensor("", "value"), indices_or_sections=parts, axis=axis)


def _tile(call: Arguments) -> Replacement:
    repeats = call.integers("multiples")
    if not isinstance(repeats, list) or not repeats or repeats[0] != 1:
        raise call.refused("multiples does not keep the number of images")
    return as_operation("Tile", call.tensor("", "input"), repeats=repeats)


def _pad(call: Arguments) -> Replacement:
    widths, mode = call.integers("paddings"), str(call.take("mode", default="CONSTANT")).lower()
    value = call.take("constant_values", default=0)
    if mode not in ("constant", "reflect", "symmetric") or not isinstance(widths, list):
        raise call.refused(f"mode is {quoted(mode, 40)}")
    if not all(isinstance(pair, list) and len(pair) == 2 for pair in widths) or widths[:1] != [[0, 0]]:
        raise call.refused("paddings is not two numbers an axis, none for the images")
    if not is_constant(value) or isinstance(value, list):
        raise call.refused("constant_values is no number")
    tensor = call.tensor("", "tensor")
    if value != 0:
        return as_operation("Pad", tensor, value, pad_width=widths, mode=mode)
    if mode == "constant" and call.in_float32 and len(widths) == 4 and widths[0] == widths[3] == [0, 0]:
        return as_layer("ZeroPadding2D", tensor, padding=widths[1:3], data_format="channels_last")
    return as_operation("Pad", tensor, pad_width=widths, mode=mode)


def _cast(call: Arguments) -> Replacement:
    dtype = call.take("dtype", default="float32")
    known = ("float16", "bfloat16", "float32", "float64", "uint8", "int8", "int16", "int32", "int64", "bool")
    if dtype not in known:
        raise call.refused(f"dtype is {quoted(dtype, 40)}")
    tensor = call.tensor("", "x")
    if dtype == "float32" and call.in_float32:
        return as_layer("Rescaling", tensor, scale=1.0, offset=0.0)
    return as_operation("Cast", tensor, dtype=dtype)


def _resize(call: Arguments) -> Replacement:
    size, method = call.integers("size"), str(call.take("method", default="bilinear")).lower()
    if not isinstance(size, list) or len(size) != 2:
        raise call.refused("size is not two numbers")
    if min(flat(size)) < 1:
        raise call.refused(f"size is {quoted(size, 40)}")
    if method not in ("bilinear", "nearest", "bicubic", "lanczos3", "lanczos5"):
        raise call.refused(f"method is {quoted(method, 40)}")
    if call.take("preserve_aspect_ratio", default=False):
        raise call.refused("preserve_aspect_ratio is set")
    smooth = bool(call.take("antialias", default=False))
    tensor = call.tensor("", "images")
    if call.in_float32 and not smooth:
        places = {"height": size[0], "width": size[1], "data_format": "channels_last"}
        return as_layer("Resizing", tensor, interpolation=method, **places)
    return as_operation(
        "Resize", tensor, size=size, interpolation=method, antialias=smooth, data_format="channels_last"
    )


def _pool(class_name: str) -> Maker:
    def make(call: Arguments) -> Replacement:
        size, strides = call.integers("ksize"), call.integers("strides")
        padding, places = str(call.take("padding")).lower(), call.take("data_format", default="NHWC")
        ends = [_places(found) for found in (size, strides)]
        if None in ends or padding not in ("same", "valid") or places != "NHWC" or not call.in_float32:
            raise call.refused("it is not over two axes of places")
        settings = {"pool_size": ends[0], "strides": ends[1], "padding": padding, "data_format": "channels_last"}
        return as_layer(class_name, call.tensor("", "input"), **settings)

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


def _gather(call: Arguments) -> Replacement:
    indices, axis = call.integers("indices"), call.integers("axis")
    if not isinstance(indices, list) or not isinstance(axis, int) or axis == 0 or call.take("batch_dims", default=0):
        raise call.refused("it takes places that are computed, or other images")
    if min(flat(indices), default=0) < 0:
        raise call.refused("indices are below 0")
    call.take("validate_indices")
    array = {"class_name": "__numpy__", "config": {"value": indices, "dtype": "int32"}}
    return as_operation("Take", call.tensor("", "params"), array, axis=axis)


def _unstack(call: Arguments) -> Replacement:
    return as_operation("Unstack", call.tensor("", "value"), num=call.integers("num"), axis=call.integers("axis") or 0)


def _getitem(call: Arguments) -> Replacement:
    parts = call.take("slice_spec")
    parts = parts if isinstance(parts, list) else [parts]
    key: list[Any] = []
    for part in parts:
        if isinstance(part, dict) and set(part) == {"start", "stop", "step"}:
            if not all(end is None or isinstance(end, int) for end in part.values()):
                raise call.refused("it slices at places that are computed")
            key.append({"class_name": "__slice__", "config": part})
        elif is_ellipsis(part):
            key.append({"class_name": "__ellipsis__", "config": {}})
        elif part is None or (isinstance(part, int) and not isinstance(part, bool)):
            key.append(part)
        else:
            raise call.refused("it takes places that are computed")
    tensor = call.tensor("", "tensor")
    rank = call.rank(tensor)
    if rank is None and any(map(is_ellipsis, key)):
        raise call.refused("it is not known how many axes '...' stands for")
    return as_operation("GetItem", tensor, spelled_out(key, rank or 0))


def _reverse(call: Arguments) -> Replacement:
    axis = call.integers("axis")
    if axis is None:
        raise call.refused("it names no axis")
    return as_operation("Flip", call.tensor("", "tensor"), axis=axis)


def _unchanged(call: Arguments) -> Replacement:
    call.take("shape")
    return as_layer("Identity", call.tensor("", "input", "x", "value"), dtype=call.take("dtype", default="float32"))


FUNCTIONS: dict[str, Maker] = {
    "__operators__.getitem": _getitem,
    "nn.avg_pool2d": _pool("AveragePooling2D"),
    "nn.max_pool2d": _pool("MaxPooling2D"),
    "gather": _gather,
    "unstack": _unstack,
    "cast": _cast,
    "concat": _concat,
    "expand_dims": _expand_dims,
    "identity": _unchanged,
    "image.grayscale_to_rgb": _grey_to_colours,
    "image.resize": _resize,
    "pad": _pad,
    "reshape": _reshape,
    "reverse": _reverse,
    "split": _split,
    "squeeze": _squeeze,
    "stack": _stack,
    "tile": _tile,
    "transpose": _transpose,
}
"""By their public names."""
