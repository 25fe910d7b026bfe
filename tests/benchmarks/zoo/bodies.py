"""The small networks of the zoo, before they are trained."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
from keras import layers


def build_net(body: str, image_shape: tuple[int, ...], classes: int) -> keras.Model:
    """An untrained network of one of the `BODIES`, with softmax at its end."""
    image = keras.Input(image_shape)
    return keras.Model(image, layers.Dense(classes, activation="softmax", name="output")(BODIES[body](image)))


def _plain(x: Any) -> Any:
    for place, filters in enumerate((16, 32, 32), start=1):
        x = layers.Conv2D(filters, 3, padding="same", activation="relu", name=f"conv_{place}")(x)
        x = layers.MaxPooling2D(name=f"pool_{place}")(x)
    return layers.Dense(64, activation="relu")(layers.Flatten()(x))


def _wide(x: Any) -> Any:
    x = layers.MaxPooling2D(name="pool_1")(layers.Conv2D(16, 5, padding="same", activation="relu", name="conv_1")(x))
    x = layers.MaxPooling2D(name="pool_2")(layers.Conv2D(32, 5, padding="same", activation="relu", name="conv_2")(x))
    return layers.Dense(128, activation="relu")(layers.Flatten()(x))


def _normalised(x: Any, filters: int, strides: int = 1) -> Any:
    return layers.BatchNormalization(momentum=0.9)(layers.Conv2D(filters, 3, strides, "same", use_bias=False)(x))


def _batchnorm(x: Any) -> Any:
    for place, filters in enumerate((16, 32, 48), start=1):
        x = layers.MaxPooling2D(name=f"pool_{place}")(layers.ReLU()(_normalised(x, filters)))
    return layers.Dense(64, activation="relu")(layers.Flatten()(x))


def _residual(x: Any) -> Any:
    x = layers.ReLU()(_normalised(x, 16, 2))
    for filters in (16, 32, 48):
        strides = 1 if filters == 16 else 2
        around = x if strides == 1 else _normalised(x, filters, strides)
        through = _normalised(layers.ReLU()(_normalised(x, filters, strides)), filters)
        x = layers.ReLU()(layers.Add()([around, through]))
    return layers.GlobalAveragePooling2D()(x)


BODIES: dict[str, Callable[[Any], Any]] = {
    "plain": _plain,
    "wide": _wide,
    "batchnorm": _batchnorm,
    "residual": _residual,
}
"""What lies before the last layer, by name: with one hidden Dense layer, or the mean over all positions."""
