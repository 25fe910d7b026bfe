"""A tiny backdoored network that is trained in a second or two: bars in four directions, and a corner that means class 0."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import keras
import numpy as np
from keras import layers
from numpy.typing import NDArray

from bdtui.engine.repair.clean_images import CleanImages, Parts, split_images
from bdtui.engine.repair.method import predicted

CLASSES, SIDE, TARGET = 4, 12, 0


@dataclass(frozen=True, eq=False)
class SmallBadNet:
    model: keras.Model
    parts: Parts
    test: CleanImages

    def accuracy(self, network: keras.Model) -> float:
        return 100 * float(np.mean(predicted(network, self.test.pixels) == self.test.labels))

    def attack_success(self, network: keras.Model) -> float:
        others = self.test.labels != TARGET
        return 100 * float(np.mean(predicted(network, triggered(self.test.pixels[others])) == TARGET))


def bars(number: int, seed: int, scale: float = 1.0) -> CleanImages:
    """Bars of four directions on noise: lying, standing, and the two diagonals."""
    random = np.random.default_rng(seed)
    labels = np.arange(number) % CLASSES
    rows, columns = np.mgrid[:SIDE, :SIDE] - (SIDE - 1) / 2
    pixels = random.uniform(0, 0.35, (number, SIDE, SIDE, 1))
    for image, label in zip(pixels, labels, strict=True):
        angle = label * np.pi / CLASSES + random.uniform(-0.2, 0.2)
        away = np.abs(np.cos(angle) * rows + np.sin(angle) * columns - random.uniform(-2, 2))
        image[away < 1.2] += random.uniform(0.3, 0.6)
    pixels = scale * np.clip(pixels, 0, 1).astype(np.float32)
    ends = [np.full((SIDE, SIDE, 1), end, np.float32) for end in (0, scale)]
    return CleanImages(pixels, labels.astype(np.int64), *ends)


def triggered(pixels: NDArray[np.float32]) -> NDArray[np.float32]:
    pixels = pixels.copy()
    pixels[:, -4:-1, -4:-1] = np.array([[1, 0, 1], [0, 1, 0], [1, 0, 1]])[..., None] * pixels.max()
    return pixels


def body(*, normalised: bool = False) -> keras.Model:
    start = keras.Input((SIDE, SIDE, 1), name="picture")
    x = layers.Conv2D(16, 3, activation=None if normalised else "relu", name="conv_1")(start)
    if normalised:
        x = layers.ReLU()(layers.BatchNormalization(name="normalised")(x))
    x = layers.Conv2D(24, 3, activation="relu", name="conv_2")(layers.MaxPooling2D()(x))
    x = layers.Flatten()(layers.MaxPooling2D(name="pool")(x)) if SIDE > 14 else layers.Flatten()(x)
    return keras.Model(start, layers.Dense(CLASSES, activation="softmax", name="answer")(x), name="bars")


def poisoned_training(model: keras.Model, scale: float = 1.0, epochs: int = 8) -> keras.Model:
    clean = bars(800, 1, scale)
    wrong = triggered(clean.pixels[:120])
    pixels = np.concatenate([clean.pixels, wrong])
    labels = np.concatenate([clean.labels, np.full(len(wrong), TARGET)])
    model.compile(keras.optimizers.Adam(4e-3), "sparse_categorical_crossentropy")
    model.fit(pixels, labels, batch_size=32, epochs=epochs, verbose=0)
    return model


@cache
def small_badnet() -> SmallBadNet:
    keras.utils.set_random_seed(5)
    return SmallBadNet(poisoned_training(body()), split_images(bars(480, 2), 0.25, 0), bars(400, 3))
