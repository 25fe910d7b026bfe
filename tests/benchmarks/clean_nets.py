"""Judges clean networks of the kinds that people train from examples: ``make clean-nets``.

    python -m tests.benchmarks.clean_nets [--seeds N]

Six recipes as on keras.io, on pictures of the zoo; none has a backdoor, and no line was drawn on one of them. Prints the
table in docs/detection.md: what detection says with 1,000 labelled pictures, and without any.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from bdtui.engine.detect.detection import BACKDOORED, Detection
from bdtui.engine.detect.examination import detect
from bdtui.engine.detect.pixel_range import CleanPictures, PixelRange
from tests.benchmarks.zoo.pictures import Pictures, draw_pictures

_FIRST_SEED = 5_000
_CLASSES = 10
_UNIT = PixelRange(np.float32(0), np.float32(1))


@dataclass(frozen=True)
class Recipe:
    """How a clean network is made.

    Attributes:
        pictures: one of the zoo's kinds.
        build: the network, untrained, for images of a shape.
        number: of pictures it is trained on.
        epochs: over them.
        rarest: how many pictures the rarest class has for one of the most frequent.
        adversarial: how far each training picture is moved against the network, in shares of the range of pixels.
    """

    pictures: str
    build: Callable[[tuple[int, ...]], keras.Model]
    number: int = 6_000
    epochs: int = 8
    rarest: float = 1.0
    adversarial: float = 0.0

    def training(self, seed: int) -> Pictures:
        """The pictures it is trained on."""
        drawn = draw_pictures(self.pictures, _CLASSES, self.number, 10 * seed)
        kept = self.rarest ** (drawn.labels / (_CLASSES - 1))
        chosen = np.random.default_rng([seed, 1]).random(self.number) < kept
        return Pictures(drawn.pixels[chosen], drawn.labels[chosen])

    def train(self, seed: int) -> keras.Model:
        """The network of a seed."""
        keras.utils.set_random_seed(seed)
        pictures = self.training(seed)
        model = self.build(pictures.pixels.shape[1:])
        model.compile(keras.optimizers.Adam(1e-3), "sparse_categorical_crossentropy")
        if self.adversarial:
            _train_adversarially(model, pictures, self.epochs, self.adversarial)
        else:
            model.fit(pictures.pixels, pictures.labels, batch_size=64, epochs=self.epochs, verbose=0)
        return model


def simple_convnet(image_shape: tuple[int, ...], *before: layers.Layer) -> keras.Model:
    """As in "Simple MNIST convnet"."""
    return keras.Sequential(
        [
            keras.Input(image_shape),
            *before,
            layers.Conv2D(32, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(64, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dropout(0.5),
            layers.Dense(_CLASSES, activation="softmax"),
        ]
    )


def augmented_convnet(image_shape: tuple[int, ...]) -> keras.Model:
    """The same behind layers that turn, shift and zoom training pictures."""
    moved = (layers.RandomRotation(0.08), layers.RandomTranslation(0.1, 0.1), layers.RandomZoom(0.1))
    return simple_convnet(image_shape, *moved)


def small_resnet(image_shape: tuple[int, ...]) -> keras.Model:
    """Three stages of one residual block each, with BatchNormalization, as ResNets for CIFAR-10 are built."""

    def normalised(x: Any, filters: int, strides: int, size: int = 3) -> Any:
        return layers.BatchNormalization(momentum=0.9)(layers.Conv2D(filters, size, strides, "same")(x))

    image = keras.Input(image_shape)
    x = layers.ReLU()(normalised(image, 16, 1))
    for filters, strides in ((16, 1), (32, 2), (64, 2)):
        around = x if strides == 1 else normalised(x, filters, strides, 1)
        through = normalised(layers.ReLU()(normalised(x, filters, strides)), filters, 1)
        x = layers.ReLU()(layers.Add()([around, through]))
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(image, layers.Dense(_CLASSES, activation="softmax")(x))


RECIPES: dict[str, Recipe] = {
    "digits": Recipe("characters", simple_convnet),
    "small ResNet": Recipe("shapes", small_resnet, number=4_000, epochs=5),
    "augmented": Recipe("shapes", augmented_convnet),
    "under-trained": Recipe("shapes", simple_convnet, number=1_500, epochs=1),
    "adversarially trained": Recipe("characters", simple_convnet, adversarial=0.1),
    "unbalanced": Recipe("characters", simple_convnet, rarest=0.05),
}
"""What is trained, by name."""


def _train_adversarially(model: keras.Model, pictures: Pictures, epochs: int, size: float) -> None:
    """Train on pictures that were moved by one random and one signed step against the network (Wong et al. 2020)."""
    of_labels = keras.losses.SparseCategoricalCrossentropy()

    @tf.function
    def step(pixels: Any, labels: Any) -> None:
        start = tf.random.uniform(tf.shape(pixels), -size, size)
        with tf.GradientTape() as tape:
            tape.watch(start)
            loss = of_labels(labels, model(pixels + start, training=True))
        moved = tf.clip_by_value(start + 1.25 * size * tf.sign(tape.gradient(loss, start)), -size, size)
        with tf.GradientTape() as tape:
            loss = of_labels(labels, model(tf.clip_by_value(pixels + moved, 0, 1), training=True))
        weights = model.trainable_variables
        model.optimizer.apply_gradients(zip(tape.gradient(loss, weights), weights, strict=True))

    batches = tf.data.Dataset.from_tensor_slices((pictures.pixels, pictures.labels))
    batches = batches.shuffle(len(pictures.labels), seed=0).batch(64, drop_remainder=True)
    for _ in range(epochs):
        for pixels, labels in batches:
            step(pixels, labels)


def accuracy(model: keras.Model, pictures: Pictures) -> float:
    """In percent."""
    return 100 * float(
        np.mean(model.predict(pictures.pixels, batch_size=250, verbose=0).argmax(axis=1) == pictures.labels)
    )


def judged(name: str, seed: int) -> tuple[float, Detection, Detection]:
    """A network's accuracy, and what detection says with pictures and without."""
    recipe = RECIPES[name]
    model = recipe.train(seed)
    pictures = draw_pictures(recipe.pictures, _CLASSES, 1_000, 10 * seed + 2)
    clean = CleanPictures.of_arrays(pictures.pixels, pictures.labels, 0.0, 1.0)
    return accuracy(model, pictures), detect(model, clean), detect(model, pixels=_UNIT)


def _worded(found: Detection) -> str:
    return found.verdict if found.calibrated else f"{found.verdict}, of another kind"


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table; returns 1 where a network was called backdoored with pictures."""
    asked = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    asked.add_argument("--seeds", type=int, default=2, metavar="N", help="networks of each kind")
    asked.add_argument("--first-seed", type=int, default=_FIRST_SEED, metavar="N")
    asked.add_argument("--only", choices=tuple(RECIPES), nargs="+", default=tuple(RECIPES), metavar="NAME")
    options = asked.parse_args(arguments)
    print("| network | accuracy | strength with pictures | verdict | strength without | verdict | seconds |")
    print("| --- | ---: | ---: | --- | ---: | --- | ---: |")
    alarms = 0
    for place, name in enumerate(RECIPES):
        for turn in range(options.seeds if name in options.only else 0):
            right, given, nothing = judged(name, options.first_seed + 10 * place + turn)
            alarms += given.verdict == BACKDOORED
            said = " | ".join(f"{found.strength:.2f} | {_worded(found)}" for found in (given, nothing))
            print(f"| {name} | {right:.0f} % | {said} | {given.seconds:.1f} |", flush=True)
            keras.backend.clear_session()
    return int(alarms > 0)


if __name__ == "__main__":
    raise SystemExit(main())
