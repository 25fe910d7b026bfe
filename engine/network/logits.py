"""A classifier as what is trained: a function from images to logits, of which softmax makes the shares of the classes.

The loss of a softmax that has rounded to 0 or 1 has no slope. So the last activation is left off wherever it is one of
those that are made to be left off; the network itself, and with it what is saved, keeps it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import keras
import tensorflow as tf
from keras import layers

from bdtui.engine.network.class_scores import activation_name, maker_of_values, scoring_model
from bdtui.engine.network.graph import Call, run_calls, trace_network

_LEAST = 1e-7
"""Of a probability whose logarithm is taken."""


class Logits:
    """The logits of a model for images, in a graph or out of it, and differentiable.

    Args:
        model: one input; N scores, or one unit for two classes, as `scoring_model` takes it. Its weights may change.

    Attributes:
        network: the model's calls.

    Raises:
        ModelError: the model has several inputs or outputs, no graph, or no scores of classes.
    """

    def __init__(self, model: keras.Model) -> None:
        scoring_model(model)  # Refuses what is no classifier.
        self.network = trace_network(model)
        self._maker = maker_of_values(self.network)
        self._activation = self._activation_to_leave_off()
        self._reads_whole_numbers = not self.network.input_dtype.startswith(("float", "bfloat"))

    @property
    def leaves_off(self) -> str:
        """The activation that is left off, ``softmax`` or ``sigmoid``; empty for none."""
        return self._activation

    def __call__(self, images: Any, *, training: bool = False) -> Any:
        """Logits, float32, shape (batch, N), of images as the model reads them, shape (batch, …)."""
        return self.of(self.values(images, training=training))

    def values(
        self, images: Any, *, training: bool = False, instead: Mapping[int, Any] | None = None
    ) -> dict[int, Any]:
        """All tensors of `network` for images, by number; ``instead`` of layers, by their ``id``, others are applied."""
        if self._reads_whole_numbers:
            # The rounding has no slope of its own: it passes on what comes from behind.
            images = images + tf.stop_gradient(tf.round(images) - images)
        values = {self.network.input: images}
        with _activation_off(self._maker if self._activation else None) as replacement:
            run_calls(self.network.calls, values, {**replacement, **(instead or {})}, training=training)
        return values

    def of(self, values: dict[int, Any]) -> Any:
        """The logits among the tensors that `values` gives."""
        scores = tf.cast(values[self.network.output], tf.float32)
        scores = tf.reshape(scores, (tf.shape(scores)[0], -1))
        if scores.shape[1] is None:
            scores = tf.ensure_shape(scores, (None, self.network.classes))
        if scores.shape[1] == 1:
            if not self._activation and activation_name(self._maker) == "hard_sigmoid":
                likely = tf.clip_by_value(scores, _LEAST, 1 - _LEAST)
                return tf.math.log(tf.concat([1 - likely, likely], axis=1))
            return tf.concat([tf.zeros_like(scores), scores], axis=1)
        if not self._activation and activation_name(self._maker) == "softmax":
            return tf.math.log(tf.maximum(scores, _LEAST))
        return scores

    def _activation_to_leave_off(self) -> str:
        maker = self._maker
        if maker is None or sum(call.layer is maker.layer for call in self.network.calls) > 1:
            # A layer that is applied in other places as well has to stay what it is.
            return ""
        if isinstance(maker.layer, layers.Softmax):
            return "softmax"
        name = activation_name(maker)
        has_it = isinstance(getattr(maker.layer, "activation", None), layers.Layer) is False
        return name if name in ("softmax", "sigmoid") and has_it and hasattr(maker.layer, "activation") else ""


@contextmanager
def _activation_off(maker: Call | None) -> Iterator[dict[int, Any]]:
    """What to apply in place of which layers, by ``id``, while the last activation is off."""
    if maker is None:
        yield {}
    elif isinstance(maker.layer, layers.Softmax):
        yield {id(maker.layer): lambda values, **settings: values}
    else:
        activation, maker.layer.activation = maker.layer.activation, keras.activations.linear
        try:
            yield {}
        finally:
            maker.layer.activation = activation
