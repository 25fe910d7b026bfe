"""The masked network, the saved pruned model and the GoodNet agree, on every wiring."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
import pytest

from bdtui.engine.inputs.datasets import LabelledImages, open_dataset
from bdtui.engine.inputs.model import OpenedModel, open_model
from bdtui.engine.network.goodnet import build_goodnet
from bdtui.engine.pruning.prune import PruningResult, prune
from tests.networks import CASES, NetworkCase, build, on_any_processor, random_images, write_images

IMAGES = 60
BATCH = 16


@dataclass(frozen=True)
class Pruned:
    case: NetworkCase
    images: np.ndarray
    model: OpenedModel
    data: LabelledImages
    result: PruningResult


@pytest.fixture(scope="module", params=CASES.values(), ids=CASES.keys())
def pruned(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Pruned:
    case: NetworkCase = request.param
    folder = tmp_path_factory.mktemp("case")
    model = build(case)
    images = random_images(case, IMAGES)
    labels = classes(model, images)
    assert len(np.unique(labels)) >= 3, "the network must tell images apart, or agreement says nothing"
    path = folder / f"model.{case.suffix}"
    model.save(path)
    opened = open_model(path)
    data = open_dataset(write_images(folder / "data.h5", images, labels), opened.input_shape, opened.classes)
    return Pruned(case, images, opened, data, prune(opened, data, layer=case.layer, batch_size=BATCH))


def classes(model: keras.Model, images: np.ndarray) -> np.ndarray:
    model = on_any_processor(model)
    return np.concatenate(
        [np.asarray(model(images[i : i + BATCH], training=False)).argmax(axis=1) for i in range(0, len(images), BATCH)]
    )


def test_masked_curve_equals_pruned_models_in_every_prediction(pruned: Pruned) -> None:
    seen = set()
    for step in pruned.result.curve:
        channels = pruned.result.order[: step.step]
        expected = classes(pruned.result.session.pruned_model(channels), pruned.images)
        assert np.array_equal(pruned.result.session.predict("clean_valid", channels), expected), f"step {step.step}"
        seen.add(expected.tobytes())
    assert len(seen) > 3, "pruning must change predictions, or agreement says nothing"


def test_channels_may_come_and_go_in_any_order(pruned: Pruned) -> None:
    random = np.random.default_rng(1)
    session = pruned.result.session
    for _ in range(6):
        channels = np.flatnonzero(random.random(session.channels) < 0.5).tolist()
        expected = classes(session.pruned_model(channels), pruned.images)
        assert np.array_equal(session.predict("clean_valid", channels), expected), channels


def test_saved_goodnet_is_the_class_both_agree_on_or_the_extra_one(pruned: Pruned, tmp_path: Path) -> None:
    channels = pruned.result.order[: len(pruned.result.order) * 3 // 4]
    badnet = classes(pruned.model.keras_model, pruned.images)
    other = classes(pruned.result.session.pruned_model(channels), pruned.images)
    assert (badnet != other).any(), "some image must be disputed, or the extra class is never tried"
    goodnet = build_goodnet(pruned.model.keras_model, pruned.case.layer, channels)
    goodnet.save(tmp_path / "goodnet.keras")
    reopened = keras.models.load_model(tmp_path / "goodnet.keras", compile=False)
    scores = np.asarray(on_any_processor(reopened)(pruned.images, training=False))
    assert scores.shape == (IMAGES, pruned.model.classes + 1)
    assert np.array_equal(scores.argmax(axis=1), np.where(badnet == other, badnet, pruned.model.classes))
    assert np.array_equal(scores.sum(axis=1), np.ones(IMAGES)), "each row is one-hot"
    predicted = pruned.result.session.predict_goodnet("clean_valid", channels)
    assert np.array_equal(scores.argmax(axis=1), predicted)


def test_saved_pruned_model_survives_its_file(pruned: Pruned, tmp_path: Path) -> None:
    channels = pruned.result.order[: len(pruned.result.order) // 2]
    model = pruned.result.session.pruned_model(channels)
    path = tmp_path / f"b.{pruned.case.suffix}"
    model.save(path)
    expected = pruned.result.session.predict("clean_valid", channels)
    assert np.array_equal(classes(open_model(path).keras_model, pruned.images), expected)


def test_the_opened_badnet_is_left_as_it_was(pruned: Pruned) -> None:
    labels = classes(pruned.model.keras_model, pruned.images)
    assert np.array_equal(labels, pruned.data.labels)


def test_curve_and_order_do_not_depend_on_the_batch_size(pruned: Pruned) -> None:
    other = prune(pruned.model, pruned.data, layer=pruned.case.layer, batch_size=IMAGES)
    assert other.order == pruned.result.order
    assert other.curve == pruned.result.curve
    assert other.thresholds == pruned.result.thresholds


def test_mean_activation_is_that_of_the_named_layer(pruned: Pruned) -> None:
    session = pruned.result.session
    if "/" in session.source.profiled.name:
        inner = pruned.model.keras_model.layers[1]
        read = keras.Model(inner.inputs, inner.get_layer(pruned.case.layer).output)(pruned.images * 0.5, training=False)
    else:
        model = keras.Model(pruned.model.keras_model.inputs, pruned.model.keras_model.outputs)
        model = on_any_processor(keras.Model(model.inputs, model.get_layer(pruned.case.layer).output))
        read = model(pruned.images, training=False)
    activations = np.moveaxis(np.asarray(read, np.float64), session.source.axis, -1)
    expected = activations.reshape(-1, session.channels).mean(axis=0)
    assert np.allclose(session.statistics["clean_valid"].mean_activation, expected, rtol=1e-5, atol=1e-7)
    assert pruned.result.order == tuple(np.argsort(session.statistics["clean_valid"].mean_activation, kind="stable"))
