"""The GoodNet where it is hard: ties, extreme scores, shared fronts."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from bdtui.engine.network.copies import silenced_copy
from bdtui.engine.network.goodnet import build_goodnet
from tests.networks import CASES, build, conv, functional, random_images


def scorer(scale: float = 1, softmax: bool = False) -> keras.Model:
    """A network whose scores are its hidden units, so that a test can choose them."""
    model = keras.Sequential(
        [
            keras.Input((4,)),
            layers.Dense(4, name="hidden"),
            layers.Dense(4, activation="softmax" if softmax else None, name="scores"),
        ]
    )
    model.get_layer("hidden").set_weights([np.eye(4, dtype=np.float32), np.zeros(4, np.float32)])
    model.get_layer("scores").set_weights([scale * np.eye(4, dtype=np.float32), np.zeros(4, np.float32)])
    return model


HARD = np.array(
    [
        [1, 1, 0, 0],
        [0, 0, 0, 0],
        [-1, -1, -2, -1],
        [3, 2, 3, 3],
        [1, np.nextafter(np.float32(1), np.float32(2)), 0, 1],
        [1e-30, 0, 2e-30, 0],
        [-1e30, 1e30, 1e30, 0],
        [0, 5, 1, 2],
    ],
    np.float32,
)


@pytest.mark.parametrize("softmax", [False, True], ids=["logits", "softmax"])
@pytest.mark.parametrize("channels", [[], [1], [0, 2]])
def test_ties_and_extremes_follow_the_lower_index(channels: list[int], softmax: bool) -> None:
    model = scorer(softmax=softmax)
    pruned = silenced_copy(model, "hidden", channels)
    first, second = (np.asarray(net(HARD)).argmax(axis=1) for net in (model, pruned))
    scores = np.asarray(build_goodnet(model, "hidden", channels)(HARD))
    assert np.array_equal(scores.argmax(axis=1), np.where(first == second, first, 4))
    assert np.array_equal(np.sort(scores, axis=1)[:, -2:], np.tile([0.0, 1.0], (len(HARD), 1)))


def test_scores_far_apart_do_not_overflow() -> None:
    scores = np.asarray(build_goodnet(scorer(scale=1e30), "hidden", [])(HARD[-1:] * 1e6))
    assert scores.tolist() == [[0, 1, 0, 0, 0]]


def test_the_front_occurs_once_in_the_goodnet() -> None:
    model = build(CASES["residual, inner channels"])
    goodnet = build_goodnet(model, "last", [0, 1])
    stems = [layer.name for layer in goodnet.layers if "stem" in layer.name]
    assert stems == ["stem"]
    assert {"badnet_conv_2", "pruned_conv_2"} <= {layer.name for layer in goodnet.layers}


def test_only_stock_layers_are_used() -> None:
    goodnet = build_goodnet(build(CASES["nested model"]), "pool", [0])
    assert all(type(layer) is getattr(layers, type(layer).__name__) for layer in goodnet.layers)


def test_building_the_goodnet_leaves_the_badnet_unchanged() -> None:
    model = build(CASES["sequential"])
    before = model.get_weights()
    build_goodnet(model, "pool", [0, 3])
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))


def test_channels_first_flatten_keeps_channels_apart() -> None:
    model = functional(
        lambda x: head_behind(
            layers.Flatten(data_format="channels_first"), layers.MaxPooling2D(name="pool")(conv("conv")(x))
        )
    )
    images = random_images(CASES["sequential"], 60)
    silenced = [0, 1, 2, 5]
    badnet = np.asarray(model(images)).argmax(axis=1)
    pruned = np.asarray(silenced_copy(model, "pool", silenced)(images)).argmax(axis=1)
    found = np.asarray(build_goodnet(model, "pool", silenced)(images)).argmax(axis=1)
    assert np.array_equal(found, np.where(badnet == pruned, badnet, model.output_shape[-1]))
    assert 0 < np.count_nonzero(badnet != pruned) < 60


def head_behind(flatten: layers.Layer, x: Any) -> Any:
    return layers.Dense(7, activation="softmax")(flatten(x))
