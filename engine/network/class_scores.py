"""Every classifier as one vector of scores, one a class, of which the largest tells the class.

Most networks end in such a vector. Those that end in one unit, a probability or a logit, and those whose vector lies
between axes of length 1 get stock layers behind their output, for bdtui alone: what is saved is the network as it was.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import keras
from keras import layers

from bdtui.engine.errors import ModelError
from bdtui.engine.network.graph import Call, Network, trace_network
from bdtui.engine.network.layer_kinds import AVERAGE_POOLINGS, INACTIVE, WEIGHTED
from bdtui.engine.network.region import is_elementwise

_PROBABILITIES = ("sigmoid", "hard_sigmoid")
"""Activations that make of each unit a number from 0 to 1, by itself."""
_AS_THEY_ARE = (*INACTIVE, *AVERAGE_POOLINGS, layers.Flatten, layers.Reshape)
"""Layers that leave a probability a probability, and a logit a logit."""


def scoring_model(model: keras.Model) -> keras.Model:
    """A model with one score for each class, in the layers of the given one.

    Args:
        model: Functional or Sequential, one input. Its output is one vector of N scores, maybe between axes of length
            1, or one unit: a probability (sigmoid), above ½ for class 1, or a logit, above 0 for class 1.

    Returns:
        The model itself, if its output is of shape (batch, N) with N ≥ 2. Else a model of the same layers and weights
        with stock layers behind its output y. One unit has two scores: 2t − y and y, where t is ½ or 0. The second is
        larger than the first exactly if y > t: both are of one rounding, and that is away from t.

    Raises:
        ModelError: the model has several inputs or outputs, or no graph; or its output is no vector, one unit that
            is neither a probability nor a logit, or several units that each say yes or no.
    """
    network = trace_network(model)
    (output,) = model.outputs
    shape = tuple(output.shape)
    long = [size for size in shape[1:] if size != 1]
    if len(shape) < 2 or None in long or len(long) > 1:
        raise ModelError(f"the model's output has shape {shape}; expected one vector of scores, one for each class")
    units = long[0] if long else 1
    maker = maker_of_values(network)
    activation = activation_name(maker)
    if units > 1 and activation in _PROBABILITIES:
        raise ModelError(
            f"the model ends in {units} {activation} units, each with a yes or no of its own (multi-label); expected "
            "one class an image. If that is what they were trained for, save the model with softmax as the last "
            "activation: the largest stays the largest"
        )
    names = {call.name for call in network.calls} | {layer.name for layer in model.layers}
    scores = output
    if len(shape) > 2:
        scores = layers.Reshape((units,), **_settings("scores_as_vector", names, output))(scores)
    if units == 1:
        threshold = _threshold(maker, activation)
        other = layers.Rescaling(-1.0, 2 * threshold, **_settings("score_of_class_0", names, output))(scores)
        scores = layers.Concatenate(**_settings("scores_of_both_classes", names, output))([other, scores])
    return model if scores is output else keras.Model(model.inputs, scores, name=model.name)


def scoring_network(model: keras.Model) -> Network:
    """The calls of `scoring_model`, those that are not the given model's own marked as added."""
    own = trace_network(model)
    network = trace_network(scoring_model(model))
    return replace(network, added=len(network.calls) - len(own.calls))


def threshold_of_unit(network: Network) -> float:
    """What the one output unit of a network has to be above for class 1.

    Raises:
        ModelError: it is neither a probability nor a logit.
    """
    maker = maker_of_values(network)
    return _threshold(maker, activation_name(maker))


def maker_of_values(network: Network) -> Call | None:
    """The last call that makes the output's values, not only puts them elsewhere; None where that is not one chain."""
    maker = network.maker(network.output)
    while maker is not None and len(maker.inputs) == 1:
        linear_activation = isinstance(maker.layer, layers.Activation) and activation_name(maker) == "linear"
        if not linear_activation and not isinstance(maker.layer, _AS_THEY_ARE):
            return maker
        maker = network.maker(maker.inputs[0])
    return maker


def activation_name(maker: Call | None) -> str:
    """What a call ends in, as Keras names it: ``linear`` for a weighted layer without activation; empty for others."""
    layer = None if maker is None else maker.layer
    if isinstance(layer, (*WEIGHTED, layers.Activation, layers.BatchNormalization)):
        activation = getattr(layer, "activation", None)
        if isinstance(activation, layers.Pipeline):
            # Keras 2's hard_sigmoid, as it is put into a network of Keras 3; nothing else is such a piece.
            return "hard_sigmoid" if is_elementwise(activation) else ""
        return "linear" if activation is None else str(getattr(activation, "__name__", ""))
    # Of a bare operation, `keras.ops.sigmoid`, the name is that of its class.
    return "sigmoid" if type(layer).__name__ == "Sigmoid" else ""


def _threshold(maker: Call | None, activation: str) -> float:
    """What one unit has to be above for class 1."""
    if activation in _PROBABILITIES:
        return 0.5
    if activation == "linear":
        return 0.0
    what = f"{type(maker.layer).__name__} {maker.name!r}" if maker else "an unknown layer"
    with_activation = f" with {activation}" if activation else ""
    raise ModelError(
        f"the model's one output unit comes from {what}{with_activation}; expected sigmoid (class 1 above ½) or no "
        "activation (a logit: class 1 above 0), or one unit for each class"
    )


def _settings(name: str, taken: set[str], output: Any) -> dict[str, str]:
    """Name and precision of an added layer: one that loses nothing of the output."""
    while name in taken:
        name += "_"
    return {"name": name, "dtype": "float64" if output.dtype == "float64" else "float32"}
