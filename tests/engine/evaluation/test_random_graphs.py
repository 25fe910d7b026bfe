"""Whatever layers follow one another, at random: masked, saved and joined networks agree."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from bdtui.engine.evaluation.evaluator import PruningSession
from bdtui.engine.inputs.datasets import open_dataset
from bdtui.engine.inputs.model import open_model
from bdtui.engine.network.channels import prunable_sources
from bdtui.engine.network.goodnet import join_networks
from bdtui.engine.network.score_runner import ScoreRunner
from bdtui.engine.reports.reopen_check import ReopenCheck
from tests.networks import write_images

IMAGES = 32
ACTIVATIONS = ("relu", "relu", "tanh", "sigmoid", "elu", "gelu", "hard_sigmoid", "softplus", None)
PRECISIONS = ("float32", "float32", "mixed_float16", "float64")


class Drawing:
    """Draws a network: blocks of layers on feature maps, then a classifier."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._first = self._random.random() < 0.25
        self._axis = 1 if self._first else -1
        self._place = {"data_format": "channels_first" if self._first else "channels_last"}
        self._precision = {"dtype": self._random.choice(PRECISIONS)}
        self.image = (3, 9, 9) if self._first else (9, 9, 3)

    def network(self) -> keras.Model:
        start = keras.Input(self.image)
        x = self._convolved(start)
        for _ in range(self._random.randrange(2, 5)):
            x = self._random.choice(self._blocks)(x)
        return keras.Model(start, self._scores(self._vector(x)))

    @property
    def _blocks(self) -> list[Callable[[Any], Any]]:
        place, precision = self._place, self._precision
        return [
            self._convolved,
            layers.BatchNormalization(axis=self._axis, scale=self._random.random() < 0.7, **precision),
            layers.MaxPooling2D(2, padding="same", **place, **precision),
            layers.ZeroPadding2D(1, **place, **precision),
            layers.Activation(self._random.choice(ACTIVATIONS[:-1]), **precision),
            layers.DepthwiseConv2D(3, padding="same", activation="tanh", **place, **precision),
            lambda x: layers.Add(**precision)([x, self._convolved(x, x.shape[self._axis])]),
            lambda x: layers.Add(**precision)([self._convolved(x), self._convolved(x)]),
            lambda x: layers.Concatenate(axis=self._axis, **precision)([self._convolved(x), self._convolved(x, 2)]),
            lambda x: layers.Concatenate(axis=self._axis, **precision)([x, self._convolved(x)]),
            lambda x: x + self._convolved(x, x.shape[self._axis]) * 0.5,
        ]

    def _convolved(self, x: Any, filters: int = 4) -> Any:
        activation, bias = self._random.choice(ACTIVATIONS), self._random.random() < 0.7
        convolution = layers.Conv2D(
            filters, 3, padding="same", activation=activation, use_bias=bias, **self._place, **self._precision
        )
        return convolution(x)

    def _vector(self, x: Any) -> Any:
        place, precision = self._place, self._precision
        pooled = layers.GlobalAveragePooling2D(**place, **precision)
        brightest = layers.GlobalMaxPooling2D(**place, **precision)
        ends = [
            layers.Flatten(**place, **precision),
            pooled,
            lambda x: layers.Concatenate(**precision)([pooled(x), brightest(x)]),
        ]
        return self._random.choice(ends)(x)

    def _scores(self, x: Any) -> Any:
        units, activation = self._random.choice([(4, "softmax"), (4, None), (1, "sigmoid"), (1, None)])
        return layers.Dense(units, activation=activation, **self._precision)(x)


def centred(model: keras.Model, images: np.ndarray, seed: int) -> None:
    """Draw weights that tell images apart: otherwise one class would win on nearly every image."""
    drawn = np.random.default_rng(seed)
    for weight in model.trainable_weights:
        fan_in = max(1, int(np.prod(weight.shape[:-1])))
        kernel = "kernel" in weight.path
        weight.assign(drawn.normal(0 if kernel else 0.05, 1.4 / np.sqrt(fan_in) if kernel else 0.2, weight.shape))
    last = model.layers[-1]
    activation, last.activation = last.activation, keras.activations.linear
    scores = ScoreRunner(model, images.shape[1:], compiled=False).scores(images)
    last.activation = activation
    last.bias.assign(np.asarray(last.bias) - np.median(scores[:, -last.units :], axis=0))


@pytest.mark.parametrize("seed", range(8))
def test_masked_saved_and_joined_networks_agree(seed: int, tmp_path: Path) -> None:
    keras.utils.set_random_seed(seed)
    drawing = Drawing(seed)
    badnet = drawing.network()
    drawn = np.random.default_rng(seed)
    images = drawn.normal(size=(IMAGES, *drawing.image)).astype(np.float32)
    centred(badnet, images, seed)
    badnet.save(tmp_path / "badnet.keras")
    model = open_model(tmp_path / "badnet.keras")
    path = write_images(tmp_path / "data.h5", images, np.zeros(IMAGES, int))
    data = open_dataset(path, model.input_shape, model.classes)
    reopened = ReopenCheck(model.keras_model, images)
    sources = prunable_sources(model.network)
    for source in drawn.choice(np.array(sources, object), min(2, len(sources)), replace=False):
        session = PruningSession(model, source, {"clean_valid": data})
        channels = drawn.permutation(source.channels)[: drawn.integers(1, source.channels + 1)].tolist()
        check = reopened.of(session.predict("clean_valid", channels), session.predict_goodnet("clean_valid", channels))
        session.pruned_model(channels).save(tmp_path / "pruned.keras")
        check.check_pruned(tmp_path / "pruned.keras")
        join_networks(model.network, source, channels).save(tmp_path / "goodnet.keras")
        check.check_goodnet(tmp_path / "goodnet.keras")
