"""How many axes the tensors of a graph of Keras 2 have, as far as its configuration tells.

Keras 2 wrote no shapes. Some operations are a layer of Keras 3 for tensors of one rank alone: a mean over axes 1 and 2 is a
GlobalAveragePooling2D where there are four. Where a rank is not known the operation stays an operation.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

Config = dict[str, Any]

_PLACES = re.compile(r"(?!Random|Locally).*?([123])D(Transpose)?")
_SAME = frozenset(
    "Activation Dense Dropout AlphaDropout GaussianDropout GaussianNoise ActivityRegularization BatchNormalization "
    "LayerNormalization GroupNormalization UnitNormalization Normalization Rescaling Resizing CenterCrop RandomFlip "
    "RandomRotation RandomZoom RandomTranslation RandomContrast RandomBrightness RandomCrop RandomHeight RandomWidth ReLU "
    "LeakyReLU PReLU ELU Softmax ThresholdedReLU Permute Add Subtract Multiply Average Maximum Minimum Concatenate Masking "
    "Identity MultiHeadAttention Attention AdditiveAttention".split()
)
_RECURRENT = ("LSTM", "GRU", "SimpleRNN", "RNN")


def rank_of_call(layer: Config, first: Any, keywords: Config, ranks: Mapping[str, int | None]) -> int | None:
    """Axes of what a layer makes of what it is called with, the batch's counted; None where that is not known.

    Args:
        layer: as Keras 2 wrote it.
        first: what it is called with, tensors in Keras 3's form.
        keywords: the same.
        ranks: of what the layers before make.
    """
    if layer["class_name"] in ("TFOpLambda", "SlicingOpLambda"):
        return _rank_of_operation(str(layer["config"].get("function")), {"": first, **keywords}, ranks)
    tensor = first[0] if isinstance(first, list) and first else first
    return rank_of_layer(layer, rank_of_tensor(tensor, ranks))


def rank_of_tensor(tensor: Any, ranks: Mapping[str, int | None]) -> int | None:
    """Axes of a tensor in Keras 3's form; none has a constant, and None is what is not known."""
    if isinstance(tensor, dict) and "keras_history" in tensor.get("config", {}):
        return ranks.get(tensor["config"]["keras_history"][0])
    return None


def rank_of_layer(layer: Config, rank: int | None) -> int | None:
    """Axes of what a layer or a model makes, the batch's counted; None where that is not known.

    Args:
        layer: as Keras 2 wrote it.
        rank: of what it reads.
    """
    class_name, settings = layer["class_name"], layer["config"]
    if class_name == "InputLayer":
        shape = settings.get("batch_input_shape") or settings.get("batch_shape")
        return len(shape) if isinstance(shape, list) else None
    if class_name == "Sequential":
        for inner in settings if isinstance(settings, list) else settings.get("layers", []):
            rank = rank_of_layer(inner, rank)
        return rank
    if class_name in ("Functional", "Model"):
        # By the names alone: what the last layer makes, where that does not depend on what it reads.
        ends = settings["output_layers"]
        while isinstance(ends, list) and len(ends) == 1:
            ends = ends[0]
        name = ends[0] if isinstance(ends, list) else None
        last = [inner for inner in settings["layers"] if inner["name"] == name]
        return rank_of_layer(last[0], None) if last else None
    if class_name in _SAME:
        return rank
    if class_name == "Flatten":
        return 2
    if class_name == "Reshape":
        return 1 + len(settings["target_shape"])
    if class_name in _RECURRENT:
        return 3 if settings.get("return_sequences") else 2
    places = _PLACES.fullmatch(class_name)
    if places and not class_name.startswith("ConvLSTM"):
        return 2 if class_name.startswith("Global") and not settings.get("keepdims") else 2 + int(places[1])
    return None


def _rank_of_operation(function: str, arguments: Config, ranks: Mapping[str, int | None]) -> int | None:
    name = function.removeprefix("compat.v1.").rpartition(".")[2]
    if name == "reshape":
        shape = arguments.get("shape")
        return len(shape) if isinstance(shape, list) else None
    first = arguments.get("")
    tensors = first if isinstance(first, list) else arguments.values()
    read = [rank_of_tensor(tensor, ranks) for tensor in tensors if isinstance(tensor, dict)]
    known = [rank for rank in read if rank is not None]
    if not known or len(known) < len(read) or name in ("matmul", "split"):
        return None
    rank, axes = max(known), arguments.get("axis")
    number = len(axes) if isinstance(axes, list) else 1
    if name == "getitem":
        parts = arguments.get("slice_spec")
        parts = parts if isinstance(parts, list) else [parts]
        return rank - sum(isinstance(part, int) for part in parts) + sum(part is None for part in parts)
    if name.startswith("reduce_"):
        return rank if arguments.get("keepdims") else None if axes is None else rank - number
    if name == "squeeze":
        return rank - number
    return rank + 1 if name in ("expand_dims", "stack") else rank
