"""The GoodNet of B and a repaired network: two whole networks side by side, however they are wired."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers

from bdtui.engine.errors import ModelError
from bdtui.engine.network.class_scores import scoring_model
from bdtui.engine.network.copies import copy_model
from bdtui.engine.network.goodnet import build_repaired_goodnet
from bdtui.engine.network.score_runner import ScoreRunner
from tests.networks import CASES, NetworkCase, build, functional, random_images

SOME = (
    "batch normalisation before the activation",
    "residual, inner channels",
    "nested model",
    "channels first",
    "bare operations",
    "augmentation",
    "adapted normalisation",
    "units of a transformer",
)


def repaired_of(model: keras.Model) -> keras.Model:
    """Of B's architecture and names, with weights that are near B's."""
    repaired = copy_model(model)
    random = np.random.default_rng(3)
    for weight in repaired.weights:
        if weight.dtype.startswith("float") and not any(word in weight.path for word in ("mean", "variance")):
            weight.assign(np.asarray(weight) * (1 + random.normal(0, 0.2, weight.shape)))
    return repaired


def one_unit() -> keras.Model:
    return functional(lambda x: layers.Dense(1, activation="sigmoid")(layers.Flatten()(x)))


@pytest.mark.parametrize("name", [*SOME, "one unit"])
def test_the_goodnet_says_where_both_agree(name: str, tmp_path: Path) -> None:
    if name == "one unit":
        case = NetworkCase(one_unit, "dense")
        keras.utils.set_random_seed(7)
        model = one_unit()
    else:
        case = CASES[name]
        model = build(case)
    repaired = repaired_of(model)
    images = random_images(case, 80)
    first, second = (ScoreRunner(net, images.shape[1:]).scores(images).argmax(axis=1) for net in (model, repaired))
    assert 0 < np.count_nonzero(first != second) < len(images)
    goodnet = build_repaired_goodnet(model, repaired)
    goodnet.save(tmp_path / "goodnet.keras")
    reopened = keras.models.load_model(tmp_path / "goodnet.keras", compile=False, safe_mode=True)
    scores = ScoreRunner(reopened, images.shape[1:]).scores(images)
    classes = scoring_model(model).output_shape[-1]
    assert np.array_equal(scores.argmax(axis=1), np.where(first == second, first, classes))
    assert np.array_equal(np.sort(scores, axis=1)[:, -2:], np.tile([0.0, 1.0], (len(images), 1)))


def test_joining_leaves_both_networks_unchanged() -> None:
    model = build(CASES["sequential"])
    repaired = repaired_of(model)
    before = [*model.get_weights(), *repaired.get_weights()]
    build_repaired_goodnet(model, repaired)
    after = [*model.get_weights(), *repaired.get_weights()]
    assert all(np.array_equal(a, b) for a, b in zip(before, after, strict=True))


def test_networks_of_other_classes_are_refused() -> None:
    with pytest.raises(ModelError, match="same images and classes"):
        build_repaired_goodnet(build(CASES["sequential"]), functional(lambda x: layers.Dense(3)(layers.Flatten()(x))))
