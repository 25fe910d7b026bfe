"""Models that Keras 2 itself saves, in every container, with the predictions it makes of them.

Their layers are stock and not nested in ways that only newer readers know: what is tried is the container.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

SHAPE = (10, 10, 3)


@dataclass(frozen=True)
class Keras2Model:
    """A model of Keras 2.

    Attributes:
        model: in Keras 2.
        images: some, float32.
        predictions: that Keras 2 makes of them.
    """

    model: Any
    images: np.ndarray
    predictions: np.ndarray

    def save(self, path: Path) -> Path:
        """Save the model: ``.h5``, ``.keras``, or a SavedModel folder where the name has no suffix."""
        self.model.save(path, **({} if path.suffix else {"save_format": "tf"}))
        return path


def build(kind: str) -> Keras2Model:
    """Make a model of Keras 2 of a kind, with weights that are drawn."""
    keras2 = pytest.importorskip("tf_keras")
    keras2.utils.set_random_seed(3)
    model = _BUILDERS[kind](keras2)
    random = np.random.default_rng(5)
    for weight in model.weights:
        if not weight.dtype.is_floating:
            continue
        low, high = (0.5, 1.5) if "variance" in weight.name else (-0.5, 0.5)
        weight.assign(random.uniform(low, high, weight.shape))
    images = random.normal(size=(6, *SHAPE)).astype(np.float32)
    return Keras2Model(model, images, np.asarray(model(images, training=False)))


def _sequential(keras2: Any) -> Any:
    layers = keras2.layers
    return keras2.Sequential(
        [
            layers.Conv2D(4, 3, activation="relu", input_shape=SHAPE),
            layers.BatchNormalization(),
            layers.Conv2D(4, 3, activation="relu", name="conv_b"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(6, activation="relu"),
            layers.Dense(4, activation="softmax"),
        ]
    )


def _functional(keras2: Any) -> Any:
    """Layers whose weights have had other names, or lie behind others; two equal ones that are not made in order."""
    layers = keras2.layers
    start = keras2.Input(SHAPE)
    second, first = layers.Conv2D(4, 3, padding="same", name="a"), layers.Conv2D(4, 3, padding="same", name="b")
    x = layers.Conv2D(4, 1)(start)
    x = layers.Add()([second(x), first(x)])
    x = layers.PReLU(shared_axes=[1, 2])(layers.DepthwiseConv2D(3)(x))
    x = layers.LayerNormalization()(layers.SeparableConv2D(4, 3)(x))
    model = keras2.Model(start, layers.Dense(4, activation="softmax")(layers.GlobalAveragePooling2D()(x)))
    model.compile("adam", "categorical_crossentropy", metrics=["accuracy"])
    model.train_on_batch(np.zeros((2, *SHAPE)), np.eye(2, 4))
    return model


def _nested(keras2: Any) -> Any:
    layers = keras2.layers
    inner = [
        keras2.Sequential(
            [
                layers.Conv2D(4, 3, input_shape=SHAPE),
                layers.Conv2D(4, 3, activation="relu"),
                layers.BatchNormalization(),
            ]
        ),
        keras2.Sequential([layers.Conv2D(4, 3, activation="relu", input_shape=(6, 6, 4)), layers.Flatten()]),
    ]
    return keras2.Sequential([keras2.Input(SHAPE), *inner, layers.Dense(4, activation="softmax")])


def _base(keras2: Any) -> Any:
    layers = keras2.layers
    start = keras2.Input(SHAPE)
    x = layers.BatchNormalization()(layers.Conv2D(4, 3)(start))
    x = layers.DepthwiseConv2D(3)(layers.ReLU()(x))
    return keras2.Model(start, layers.Conv2D(4, 1)(x), name="base")


def _transfer_learning(keras2: Any) -> Any:
    """A frozen model in a model, behind augmentation, as tutorials make it."""
    layers = keras2.layers
    base = _base(keras2)
    base.trainable = False
    start = keras2.Input(SHAPE)
    x = layers.RandomRotation(0.1)(layers.RandomFlip("horizontal")(start))
    x = layers.GlobalAveragePooling2D()(base(layers.Rescaling(1 / 2)(x), training=False))
    return keras2.Model(start, layers.Dense(4, activation="softmax")(layers.Dropout(0.2)(x)))


def _teachable_machine(keras2: Any) -> Any:
    layers = keras2.layers
    front = keras2.Sequential([_base(keras2), layers.GlobalAveragePooling2D()])
    head = keras2.Sequential(
        [layers.Dense(8, activation="relu", input_shape=(4,)), layers.Dense(4, activation="softmax", use_bias=False)]
    )
    model = keras2.Sequential([front, head])
    model.build((None, *SHAPE))
    return model


_BUILDERS = {
    "sequential": _sequential,
    "functional": _functional,
    "nested": _nested,
    "transfer learning": _transfer_learning,
    "Teachable Machine": _teachable_machine,
}
KINDS = tuple(_BUILDERS)
