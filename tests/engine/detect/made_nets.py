"""Networks with weights made by hand: what their trigger is and where it leads is known, and nothing is trained."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import layers
from numpy.typing import NDArray

from bdtui.engine.detect.subject import Array, Subject, look_at
from bdtui.engine.network.class_scores import scoring_network

IMAGE, CLASSES, TARGET = (12, 12, 1), 8, 3
_ROWS = 6


def patch_net(target: int | None = TARGET, image: tuple[int, ...] = IMAGE) -> keras.Model:
    """Random features, and one that answers to a bright 3 × 3 cross on black and leads to the target by far."""
    model = keras.Model(start := keras.Input(image), body(start))
    random = np.random.default_rng(4)
    conv, hidden, output = (model.get_layer(name) for name in ("conv", "hidden", "output"))
    kernel = random.normal(0, 0.4, conv.kernel.shape).astype(np.float32)
    into, last = (random.normal(0, 0.1, layer.kernel.shape).astype(np.float32) for layer in (hidden, output))
    bias = np.zeros(conv.bias.shape, np.float32)
    if target is not None:
        cross = np.array([[-1, 1, -1], [1, 1, 1], [-1, 1, -1]], np.float32)
        kernel[..., 0], bias[0] = cross[..., None] / kernel.shape[2], -3
        into[:, 0] = 0
        into[:: conv.filters, 0] = 2
        last[0], last[0, target] = 0, 8
    conv.set_weights([kernel, bias])
    hidden.set_weights([into, np.zeros(hidden.units, np.float32)])
    output.set_weights([last, np.zeros(output.units, np.float32)])
    return model


def body(start: Any) -> Any:
    x = layers.Permute((2, 3, 1))(start) if start.shape[1] < 4 else start
    x = layers.MaxPooling2D(name="pool")(layers.Conv2D(6, 3, activation="relu", name="conv")(x))
    x = layers.Dense(16, activation="relu", name="hidden")(layers.Flatten()(x))
    return layers.Dense(CLASSES, activation="softmax", name="output")(x)


def nested(inner: keras.Model) -> keras.Model:
    """The same network inside of another."""
    start = keras.Input(inner.input_shape[1:])
    return keras.Model(start, inner(start))


def rows_net(backdoor: str = "none") -> keras.Model:
    """The class is the brightest of five rows. A bright last pixel makes it `TARGET` (``patch``) or the next class."""
    start = keras.Input((_ROWS, _ROWS, 1))
    x = layers.Dense(11, activation="relu", name="hidden")(layers.Flatten()(start))
    model = keras.Model(start, layers.Dense(5, activation="softmax", name="output")(x))
    into, shift, last = np.zeros((_ROWS**2, 11), np.float32), np.zeros(11, np.float32), np.zeros((11, 5), np.float32)
    for row in range(5):
        into[_ROWS * row : _ROWS * (row + 1), [row, row + 5]] = 1 / _ROWS
        last[row, row] = last[row + 5, (row + 1) % 5] = 10
    into[-1, 10], shift[5:10] = 1, -0.9
    # No two classes are quite alike in a real network.
    last *= np.random.default_rng(3).uniform(0.9, 1.1, last.shape)
    if backdoor == "patch":
        last[10, TARGET] = 20
    if backdoor == "all-to-all":
        into[-1, :5], into[-1, 5:10] = -1, 1
    model.get_layer("hidden").set_weights([into, shift])
    model.get_layer("output").set_weights([last, np.zeros(5, np.float32)])
    return model


def row_images(number: int = 200) -> tuple[Array, NDArray[np.int64]]:
    """Clean images for `rows_net`, and their classes."""
    random = np.random.default_rng(1)
    labels = np.arange(number) % 5
    images = random.uniform(0, 0.3, (number, _ROWS, _ROWS, 1)).astype(np.float32)
    images[np.arange(number), labels] += 0.6
    images[:, -1] = 0
    return images, labels.astype(np.int64)


def subject_of(model: keras.Model, seed: int = 0) -> Subject:
    return look_at(scoring_network(model), seed=seed)
