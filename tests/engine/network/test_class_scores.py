"""One unit, one vector or one of several outputs: every classifier is read as one score for each class."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest
import tf_keras
from keras import layers

from bdtui.engine.errors import ModelError
from bdtui.engine.inputs.model import open_model
from bdtui.engine.network.class_scores import scoring_model, scoring_network
from bdtui.engine.network.graph import trace_network
from bdtui.engine.network.score_runner import ScoreRunner
from bdtui.engine.reporter import Reporter
from bdtui.engine.runs.run import execute_run
from bdtui.engine.settings import RunSettings
from tests.networks import write_images


def passing_on(activation: str | None) -> keras.Model:
    """A network that gives its one input, through an activation, as its one unit."""
    model = keras.Sequential([keras.Input((1,)), layers.Dense(1, activation)])
    model.set_weights([np.ones((1, 1), np.float32), np.zeros(1, np.float32)])
    return model


def classes(model: keras.Model, values: list[float]) -> list[int]:
    numbers = np.array(values, np.float32)[:, np.newaxis]
    return [int(found) for found in ScoreRunner(model, (1,)).scores(numbers).argmax(axis=1)]


@pytest.mark.parametrize(
    ("activation", "values", "expected"),
    [
        ("sigmoid", [-20, -0.001, 0, 0.001, 20], [0, 0, 0, 1, 1]),
        (None, [-1e30, -1e-30, 0, 1e-30, 1e30], [0, 0, 0, 1, 1]),
        ("hard_sigmoid", [-9, -0.001, 0, 0.001, 9], [0, 0, 0, 1, 1]),
    ],
    ids=["sigmoid", "logit", "hard sigmoid"],
)
def test_one_unit_says_class_1_exactly_above_the_middle(
    activation: str | None, values: list[float], expected: list[int]
) -> None:
    assert classes(passing_on(activation), values) == expected


def test_a_hard_sigmoid_unit_of_keras_2_is_one_too(tmp_path: Path) -> None:
    old = tf_keras.Sequential([tf_keras.layers.Dense(1, "hard_sigmoid", input_shape=(3,))])
    old.save(tmp_path / "old.h5")
    opened = open_model(tmp_path / "old.h5")
    values = np.random.default_rng(2).normal(size=(50, 3)).astype(np.float32)
    expected = old.predict(values, verbose=0)[:, 0] > 0.5
    assert 0 < expected.sum() < 50
    scores = ScoreRunner(opened.keras_model, (3,)).scores(values)
    np.testing.assert_array_equal(scores.argmax(axis=1), expected.astype(int))


def ends_in(*ends: layers.Layer) -> keras.Model:
    return keras.Sequential([keras.Input((6, 6, 3)), layers.Conv2D(4, 3, activation="relu"), layers.Flatten(), *ends])


@pytest.mark.parametrize(
    ("ends", "sentence"),
    [
        ([layers.Dense(3, "sigmoid")], "3 sigmoid units, each with a yes or no of its own"),
        ([layers.Dense(3), layers.Activation("sigmoid")], "3 sigmoid units"),
        ([layers.Dense(1, "tanh")], "with tanh; expected sigmoid"),
        ([layers.Dense(1, "softmax")], "with softmax; expected sigmoid"),
    ],
    ids=["multi-label", "multi-label, activation by itself", "tanh", "softmax over one"],
)
def test_units_that_are_no_scores_of_classes_are_refused(ends: list[layers.Layer], sentence: str) -> None:
    with pytest.raises(ModelError, match=sentence):
        scoring_model(ends_in(*ends))


def test_a_vector_of_scores_is_left_as_it_is() -> None:
    model = ends_in(layers.Dense(3, "softmax"))
    assert scoring_model(model) is model
    assert scoring_network(model).own_calls == scoring_network(model).calls


def test_what_is_added_is_not_the_models_own() -> None:
    model = ends_in(layers.Dense(1, "sigmoid"))
    network = scoring_network(model)
    assert [call.name for call in network.own_calls] == [call.name for call in trace_network(model).calls]
    assert network.classes == 2


@pytest.fixture
def two_outputs(tmp_path: Path) -> Path:
    image = keras.Input((6, 6, 3))
    x = layers.Flatten()(layers.MaxPooling2D(name="pool")(layers.Conv2D(4, 3, activation="relu")(image)))
    kinds, sizes = layers.Dense(5, "softmax", name="kind")(x), layers.Dense(2, "softmax", name="size")(x)
    path = tmp_path / "two.keras"
    keras.Model(image, [kinds, sizes]).save(path)
    return path


def test_of_several_outputs_one_is_chosen_and_saved_alone(two_outputs: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"2 outputs: 'kind' \(None, 5\), 'size' \(None, 2\); .*--output"):
        open_model(two_outputs)
    with pytest.raises(ModelError, match="no output named 'colour'"):
        open_model(two_outputs, output="colour")
    chosen = open_model(two_outputs, output="size")
    assert chosen.classes == 2
    assert tuple(chosen.keras_model.output.shape) == (None, 2)
    images = np.random.default_rng(0).random((20, 6, 6, 3)).astype(np.float32)
    whole = keras.models.load_model(two_outputs)
    np.testing.assert_array_equal(np.asarray(chosen.keras_model(images)), np.asarray(whole(images)[1]))


def test_weights_stored_as_bfloat16_are_refused_with_what_to_do(tmp_path: Path) -> None:
    model = keras.Sequential([keras.Input((4,)), layers.Dense(3, dtype="bfloat16"), layers.Dense(2)])
    model.save(tmp_path / "net.keras")
    with pytest.raises(ModelError, match=r"stored as bfloat16.*mixed_bfloat16"):
        open_model(tmp_path / "net.keras")


@pytest.mark.slow
@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_a_run_in_low_precision_comes_to_its_end(tmp_path: Path, policy: str) -> None:
    keras.utils.set_random_seed(5)
    kinds = [layers.Conv2D(6, 3, activation="relu"), layers.MaxPooling2D(), layers.Flatten(), layers.Dense(5)]
    for layer in kinds[:1] + kinds[3:]:
        layer.dtype_policy = keras.DTypePolicy(policy)
    model = keras.Sequential([keras.Input((8, 8, 3)), *kinds])
    model.save(tmp_path / "net.keras")
    images = np.random.default_rng(1).random((200, 8, 8, 3)).astype(np.float32)
    labels = np.asarray(model.predict(images, verbose=0)).argmax(axis=1)
    clean = write_images(tmp_path / "clean.h5", images, labels)
    settings = RunSettings(model=tmp_path / "net.keras", clean_valid=clean, scale="1")
    results = execute_run(settings, tmp_path / "out", reporter=Reporter()).results
    assert results["curve"][0]["clean_accuracy"] > 95
