"""A whole model has the rates that the cut network has for it, in batches that fit into memory."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from bdtui.engine.errors import Interrupted, OutOfMemory
from bdtui.engine.evaluation.counting import count_rates
from bdtui.engine.evaluation.evaluator import PruningSession
from bdtui.engine.evaluation.whole_model import whole_model_predictions, whole_model_rates
from bdtui.engine.events import Event, Notice, Progress
from bdtui.engine.inputs.datasets import LabelledImages, open_dataset
from bdtui.engine.inputs.model import open_model
from bdtui.engine.inputs.preprocessing import Preprocessing
from bdtui.engine.network.channels import find_source
from bdtui.engine.network.goodnet import join_networks
from bdtui.engine.network.score_runner import ScoreRunner
from bdtui.engine.pruning.rankings import order_channels
from bdtui.engine.rates import NO_RATES, Rates, Share
from bdtui.engine.reporter import Reporter
from tests.networks import CASES, IMAGE, build, functional, head, on_any_processor, random_images, write_images

SETS = {"clean_valid": "cl/valid.h5", "poisoned_valid": "bd/bd_valid.h5", "poisoned_test": "bd/bd_test.h5"}
IMAGES = 300
"""More than one batch."""


@pytest.mark.slow
def test_whole_models_have_the_rates_of_the_cut_network(tmp_path: Path) -> None:
    folder = Path(str(files("bdtui.sample_data")))
    badnet = open_model(folder / "bd_net.h5")
    data = {role: open_dataset(folder / name, badnet.input_shape, badnet.classes) for role, name in SETS.items()}
    session = PruningSession(badnet, find_source(badnet.network), data)
    channels = order_channels(session)[:54]
    session.pruned_model(channels).save(tmp_path / "pruned.h5")
    join_networks(badnet.network, session.source, channels).save(tmp_path / "goodnet.keras")
    pruned, goodnet = (open_model(tmp_path / name).keras_model for name in ("pruned.h5", "goodnet.keras"))
    for part in ("valid", "test"):
        expected = {
            badnet.keras_model: session.rates(part),
            pruned: session.rates(part, channels),
            goodnet: session.goodnet_rates(part, channels),
        }
        assert len({str(rates) for rates in expected.values()}) == 3, "three networks of different rates"
        for model, rates in expected.items():
            assert whole_model_rates(model, data, part, badnet.classes) == rates, part


def dataset(folder: Path, images: np.ndarray, classes: int) -> LabelledImages:
    path = write_images(folder / "images.h5", images, np.zeros(len(images), int))
    return open_dataset(path, images.shape[1:], classes)


@pytest.mark.parametrize("case", ["channels first", "nested model", "dense logits", "bare operations"])
def test_every_kind_of_network_predicts_what_keras_says(case: str, tmp_path: Path) -> None:
    model, pixels = build(CASES[case]), 255 * random_images(CASES[case], IMAGES)
    images = dataset(tmp_path, pixels, model.output_shape[-1])
    expected = np.asarray(on_any_processor(model)(pixels / np.float32(255), training=False)).argmax(axis=1)
    assert len(np.unique(expected)) > 1
    assert np.array_equal(whole_model_predictions(model, images.prepared(Preprocessing(255))), expected)


def test_image_sets_that_were_not_given_have_no_rates() -> None:
    assert whole_model_rates(build(CASES["sequential"]), {}, "valid", 5) == NO_RATES


def test_rates_count_labels_true_labels_and_flags(tmp_path: Path) -> None:
    pixels, true = np.zeros((4, *IMAGE)), np.array([0, 1, 2, 2])
    clean = write_images(tmp_path / "clean.h5", pixels, true)
    poisoned = write_images(tmp_path / "poisoned.h5", pixels, np.full(4, 1), true_label=true)
    data = {f"{kind.stem}_test": open_dataset(kind, IMAGE, 3) for kind in (clean, poisoned)}
    predictions = {"clean_test": np.array([0, 1, 3, 0]), "poisoned_test": np.array([1, 3, 3, 2])}
    assert count_rates("test", predictions, data, 3) == Rates(
        clean=Share(2, 4),
        attack=Share(1, 4),
        recovered=Share(1, 4),
        clean_flagged=Share(1, 4),
        poisoned_flagged=Share(2, 4),
    )
    assert count_rates("valid", predictions, data, 3) == NO_RATES


class Hungry(layers.Layer):
    """Takes five images at once and no more."""

    most = 5

    def call(self, images: Any) -> Any:
        def checked(values: np.ndarray) -> np.ndarray:
            if len(values) > self.most:
                raise MemoryError
            return values

        return tf.ensure_shape(tf.numpy_function(checked, [images], tf.float32), images.shape)

    def compute_output_shape(self, shape: Any) -> Any:
        return shape


def test_batches_that_do_not_fit_are_halved(tmp_path: Path) -> None:
    model = functional(lambda x: head(Hungry()(layers.Conv2D(8, 3)(x))), IMAGE)
    images = dataset(tmp_path, random_images(CASES["sequential"], 40), 5)
    heard: list[Event] = []
    found = whole_model_predictions(model, images, reporter=Reporter(heard.append))
    assert [event.text for event in heard if isinstance(event, Notice)][-1].endswith("continuing with 5 at a time")
    model.layers[2].most = 40
    assert np.array_equal(found, whole_model_predictions(model, images))
    model.layers[2].most = 0
    with pytest.raises(OutOfMemory):
        whole_model_predictions(model, images)


def test_a_stop_is_looked_for_between_batches(tmp_path: Path) -> None:
    images = dataset(tmp_path, random_images(CASES["sequential"], 1000), 5)
    model, heard = build(CASES["sequential"]), list[Event]()
    with pytest.raises(Interrupted):
        whole_model_predictions(model, images, reporter=Reporter(heard.append, lambda: len(heard) > 2))
    size = ScoreRunner(model, images.image_shape).batch_size
    assert heard == [Progress("images", number * size, 1000, "images") for number in range(3)]


def test_weights_that_change_change_the_scores() -> None:
    model, images = build(CASES["sequential"]), random_images(CASES["sequential"], 10)
    runner = ScoreRunner(model, IMAGE)
    before = runner.scores(images)
    model.set_weights([0.5 * weight for weight in model.get_weights()])
    assert not np.array_equal(runner.scores(images), before)
    assert np.allclose(runner.scores(images), keras.ops.convert_to_numpy(model(images)), atol=1e-6)
