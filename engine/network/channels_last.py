"""Layers that read channels first, applied on processors where TensorFlow has them with channels last only.

TensorFlow's CPU kernels take channels first only where oneDNN is on, which it is by default on newer processors alone.
What such a layer makes does not depend on where the channels lie, so it is applied with channels last, between two
transpositions, on every machine alike. The layer itself, and with it what is saved, stays as it is.
"""

from __future__ import annotations

from typing import Any

import tensorflow as tf
from keras import layers

_WINDOWED = frozenset(
    {
        *(getattr(layers, f"Conv{rank}D{kind}") for rank in (1, 2, 3) for kind in ("", "Transpose")),
        *(getattr(layers, f"{kind}Conv{rank}D") for rank in (1, 2) for kind in ("Depthwise", "Separable")),
        *(getattr(layers, f"{kind}Pooling{rank}D") for rank in (1, 2, 3) for kind in ("Max", "Average")),
    }
)
"""Layers whose kernels TensorFlow lacks; all others Keras computes without asking where the channels lie."""


def reads_channels_first(layer: Any) -> bool:
    """Whether a layer is one that TensorFlow may refuse for where its channels lie."""
    # Exactly these classes: what a subclass does with its data format, nobody knows.
    return type(layer) in _WINDOWED and layer.data_format == "channels_first"


def apply_channels_last(layer: Any, inputs: Any) -> Any:
    """What a layer that reads channels first makes of a tensor, computed with channels last.

    Args:
        layer: one for which `reads_channels_first` holds, built; left as it is.
        inputs: concrete or graph tensor, shape (batch, channels, …).

    Returns:
        Shape (batch, channels, …), as the layer itself would return.
    """
    rank = len(inputs.shape)
    outputs = _twin(layer)(tf.transpose(inputs, (0, *range(2, rank), 1)))
    outputs = tf.transpose(outputs, (0, rank - 1, *range(1, rank - 1)))
    # Only now: a softmax goes along the last axis, whatever lies there.
    activation = getattr(layer, "activation", None)
    return outputs if activation is None else activation(outputs)


def _twin(layer: Any) -> Any:
    """A layer with the same variables and settings, but with channels last and without the activation.

    It is made past Keras' bookkeeping, which would give it variables of its own; nobody but the caller sees it, so
    that several threads may apply one layer.
    """
    twin = object.__new__(type(layer))
    twin.__dict__.update(layer.__dict__)
    # The input's specification says where the channels lie; the regulariser is for training, and means the activation.
    twin.__dict__.update(data_format="channels_last", _input_spec=None, activity_regularizer=None)
    if "activation" in layer.__dict__:
        twin.__dict__["activation"] = None
    return twin
