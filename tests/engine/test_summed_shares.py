"""The shorter way through the back: it never decides what the whole back would decide otherwise."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from keras import layers

from bdtui.engine.channels import find_source
from bdtui.engine.cut import cut_network
from bdtui.engine.datasets import open_dataset
from bdtui.engine.graph import run_calls, trace_network
from bdtui.engine.kept_sums import KeptSums
from bdtui.engine.models import OpenedModel
from bdtui.engine.pruning import PruningSession
from bdtui.engine.sensitivity import NoBound, radius_at, slope, spectral_norm
from bdtui.engine.split import CutRunner
from tests.networks import CASES, build, functional, write_images

IMAGES, CHANNELS, CLASSES = 90, 12, 70
IMAGE = (10, 10, 3)


def two_ways_to_the_classes(x: Any, classes: int = CLASSES) -> Any:
    """Like DeepID: a dense and a convolutional layer read the channels, and their ways meet again."""
    x = layers.MaxPooling2D(name="pool")(layers.Conv2D(CHANNELS, 3, activation="relu", name="conv")(x))
    short = layers.Dense(24, name="short")(layers.Flatten()(x))
    long = layers.Dense(24)(layers.Flatten()(layers.Conv2D(9, 2, activation="relu", name="long")(x)))
    return layers.Dense(classes, activation="softmax", name="output")(layers.ReLU()(layers.Add()([short, long])))


def with_random_weights(model: keras.Model, seed: int = 0) -> keras.Model:
    random = np.random.default_rng(seed)
    for weight in model.weights:
        weight.assign(random.normal(0, 0.4, weight.shape))
    return model


def pixels(images: int = IMAGES) -> np.ndarray:
    return np.random.default_rng(1).normal(0, 3, (images, *IMAGE)).astype(np.float32)


@pytest.fixture(scope="module")
def model() -> keras.Model:
    return with_random_weights(functional(two_ways_to_the_classes, IMAGE))


def open_session(model: keras.Model, folder: Path, *, keep_sums: bool) -> PruningSession:
    images = pixels()
    labels = np.asarray(model(images, training=False)).argmax(axis=1)
    path = write_images(folder / "data.h5", images, labels)
    classes = model.output_shape[-1]
    opened = OpenedModel(model, trace_network(model), path, "", classes)
    data = open_dataset(path, opened.input_shape, classes)
    return PruningSession(opened, {"clean_valid": data}, layer="pool", batch_size=32, keep_sums=keep_sums)


@pytest.fixture(scope="module")
def sessions(model: keras.Model, tmp_path_factory: pytest.TempPathFactory) -> list[PruningSession]:
    """The shorter way, and the whole back."""
    return [open_session(model, tmp_path_factory.mktemp("s"), keep_sums=keep) for keep in (True, False)]


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(path=st.lists(st.sets(st.integers(0, CHANNELS - 1)), min_size=1, max_size=8))
def test_both_ways_give_the_same_classes_whatever_channels_come_and_go(
    sessions: list[PruningSession], path: list[set[int]]
) -> None:
    short, whole = sessions
    for mask in path:
        assert np.array_equal(short.predict("clean_valid", mask), whole.predict("clean_valid", mask)), mask


def runner_of(model: keras.Model) -> CutRunner:
    network = trace_network(model)
    return CutRunner(cut_network(network, find_source(network, "pool")), IMAGE, 32)


def sums_of(model: keras.Model) -> tuple[CutRunner, KeptSums]:
    runner = runner_of(model)
    assert runner.kept_sums is not None
    return runner, runner.kept_sums


def test_sums_are_never_farther_off_than_they_are_said_to_be(model: keras.Model) -> None:
    runner, sums = sums_of(model)
    values = runner.front(pixels(32))
    block = sums.begun([values.sums])
    random = np.random.default_rng(2)
    everything, firing = np.arange(32), np.ones(CHANNELS, bool)
    silenced = np.zeros(CHANNELS, bool)
    for step in range(25):
        silenced = silenced.copy()
        silenced[random.integers(CHANNELS)] ^= True
        block, _, _ = sums.classes(block, values.frontier, everything, silenced, firing)
        exact = sums._begun_anew(values.frontier, silenced)
        for kept, fresh, error, own in zip(block.sums, exact.sums, block.errors, exact.errors, strict=True):
            away = np.linalg.norm(kept.numpy().astype(np.float64) - fresh.numpy(), axis=1)
            assert (away <= error + own).all(), step
            assert (error < 1e-3 * np.linalg.norm(fresh, axis=1) + 1e-3).all(), "a bound that says nothing"
    assert block.shares == 25


def test_scores_that_lie_too_close_are_left_to_the_whole_back(model: keras.Model, tmp_path: Path) -> None:
    twins = keras.models.clone_model(model)
    twins.set_weights(model.get_weights())
    output = twins.get_layer("output")
    kernel, bias = output.get_weights()
    # Every class has a twin that scores the same but for a rounding.
    half = CLASSES // 2
    kernel[:, half:] = kernel[:, :half] * (1 + 1e-7)
    bias[half:] = bias[:half]
    output.set_weights([kernel, bias])
    runner, sums = sums_of(twins)
    values = runner.front(pixels(32))
    silenced = np.zeros(CHANNELS, bool)
    silenced[3] = True
    _, _, certain = sums.classes(
        sums.begun([values.sums]), values.frontier, np.arange(32), silenced, np.ones(CHANNELS, bool)
    )
    assert not certain.any()
    short, whole = (open_session(twins, tmp_path, keep_sums=keep) for keep in (True, False))
    for step in range(CHANNELS + 1):
        assert np.array_equal(short.predict("clean_valid", range(step)), whole.predict("clean_valid", range(step)))


def test_most_images_are_decided_the_shorter_way(model: keras.Model) -> None:
    runner, sums = sums_of(model)
    values = runner.front(pixels(32))
    silenced = np.zeros(CHANNELS, bool)
    silenced[[2, 5]] = True
    block = sums.begun([values.sums])
    for rows in (np.arange(32), np.arange(0, 32, 4)):
        _, classes, certain = sums.classes(block, values.frontier, rows, silenced, np.ones(CHANNELS, bool))
        assert certain.mean() > 0.9
        expected = runner.back([tensor[rows] for tensor in values.frontier], silenced)
        assert np.array_equal(classes[certain], expected[certain])


@pytest.mark.parametrize("poison", [np.nan, np.inf, 3e38])
def test_values_without_bounds_decide_nothing(model: keras.Model, poison: float) -> None:
    runner, sums = sums_of(model)
    values = runner.front(pixels(32))
    frontier = [tensor.copy() for tensor in values.frontier]
    frontier[0][7, 0, 0, 4] = poison
    silenced = np.zeros(CHANNELS, bool)
    firing = np.ones(CHANNELS, bool)
    block = sums._begun_anew(frontier, silenced)
    silenced = silenced.copy()
    silenced[4] = True
    _, _, certain = sums.classes(block, frontier, np.arange(32), silenced, firing)
    assert not certain[7]
    assert np.delete(certain, 7).any()


@pytest.mark.parametrize("name", CASES)
def test_networks_without_such_a_way_take_the_whole_back(name: str) -> None:
    case = CASES[name]
    network = trace_network(build(case))
    runner = CutRunner(cut_network(network, find_source(network, case.layer)), case.image, 16)
    linear = {layers.Dense, layers.Conv1D, layers.Conv2D, layers.Conv3D, layers.Flatten}
    carriers = set(runner.cut.frontier[: runner.cut.carriers])
    readers = [call for call in runner.cut.back if carriers & set(call.inputs)]
    if any(type(call.layer) not in {*linear, layers.Reshape, layers.Permute, layers.Dropout} for call in readers):
        assert runner.kept_sums is None


def test_the_lab_network_has_such_a_way(model: keras.Model) -> None:
    runner, sums = sums_of(model)
    assert sums.bytes_per_image == 4 * (24 + 3 * 3 * 9)
    assert CutRunner(runner.cut, IMAGE, 32, keep_sums=False).kept_sums is None


@pytest.mark.parametrize("weight", ["bias", "kernel"])
def test_weights_that_are_not_numbers_allow_no_bound(model: keras.Model, weight: str) -> None:
    broken = keras.models.clone_model(model)
    broken.set_weights(model.get_weights())
    variable = getattr(broken.get_layer("output"), weight)
    values = variable.numpy().copy()
    values.flat[0] = np.nan
    variable.assign(values)
    assert runner_of(broken).kept_sums is None


# How far scores can move.


@st.composite
def tails(draw: Any) -> keras.Model:
    """A random network of layers that have a bound."""

    def body(x: Any) -> Any:
        for _ in range(draw(st.integers(1, 4))):
            kind = draw(st.sampled_from(["conv", "strided", "dilated", "pool", "norm", "act", "two"]))
            if kind == "conv":
                x = layers.Conv2D(4, 3, padding="same", activation=draw(st.sampled_from([None, "relu", "gelu"])))(x)
            elif kind == "strided":
                x = layers.Conv2D(3, 3, strides=2, padding="same")(x)
            elif kind == "dilated":
                x = layers.Conv2D(3, 2, dilation_rate=2, padding="same")(x)
            elif kind == "pool":
                x = draw(st.sampled_from([layers.MaxPooling2D, layers.AveragePooling2D]))(3, 2, padding="same")(x)
            elif kind == "norm":
                x = layers.BatchNormalization()(x)
            elif kind == "act":
                x = layers.Activation(draw(st.sampled_from(["selu", "tanh", "silu", "sigmoid", "mish", "hard_silu"])))(
                    x
                )
            else:
                join = draw(st.sampled_from([layers.Add, layers.Concatenate, layers.Average, layers.Maximum]))()
                x = join([layers.Conv2D(4, 1)(x), layers.Conv2D(4, 1, activation="relu")(x)])
        return layers.Dense(5)(layers.Flatten()(x))

    model = functional(body, (6, 6, 2))
    generator = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    for weight in model.weights:
        values = generator.normal(0, 0.7, weight.shape)
        weight.assign(np.abs(values) + 0.2 if "variance" in weight.path else values)
    return model


@settings(max_examples=30, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(model=tails(), seed=st.integers(0, 1000), size=st.sampled_from([1e-2, 1.0, 30.0]))
def test_scores_never_move_farther_than_the_bound(model: keras.Model, seed: int, size: float) -> None:
    network = trace_network(model)
    random = np.random.default_rng(seed)
    here = random.normal(0, 2, (16, 6, 6, 2)).astype(np.float32)
    there = here + random.normal(0, size, here.shape).astype(np.float32)
    scores = []
    for images in (here, there):
        values = {network.input: tf.constant(images)}
        run_calls(network.calls, values)
        scores.append(values[network.output].numpy().astype(np.float64))
    apart = np.linalg.norm((here - there).reshape(16, -1), axis=1)
    moved = np.linalg.norm(scores[0] - scores[1], axis=1)
    bound = radius_at(network.calls, {network.input: 1.0}, network.output)
    assert (moved <= bound * apart * 1.001 + 1e-4).all()


@pytest.mark.parametrize(
    "layer", [layers.Conv2D(1, 3, padding="same"), layers.Conv2D(1, 2, dilation_rate=2), layers.MaxPooling2D(3, 1)]
)
def test_the_bound_holds_where_windows_overlap(layer: keras.Layer) -> None:
    """Every value is read by as many windows as can be, and all of them add up."""
    model = functional(layer, (9, 9, 1))
    for weight in model.weights:
        weight.assign(np.ones(weight.shape) if "kernel" in weight.path else np.zeros(weight.shape))
    network = trace_network(model)
    images = np.ones((1, 9, 9, 1), np.float32)
    if isinstance(layer, layers.MaxPooling2D):
        images[:] = 0
        images[0, 4, 4] = 1
    values = {network.input: tf.constant(images)}
    run_calls(network.calls, values)
    reached = float(np.linalg.norm(values[network.output]) / np.linalg.norm(images))
    bound = radius_at(network.calls, {network.input: 1.0}, network.output)
    assert reached <= bound
    assert reached > 0.6 * bound, "a bound that says little"


@pytest.mark.parametrize("layer", [layers.UpSampling2D(), layers.LayerNormalization(), layers.ReLU(threshold=0.5)])
def test_layers_without_a_bound_are_told(layer: keras.Layer) -> None:
    network = trace_network(functional(lambda x: layers.Dense(3)(layers.Flatten()(layer(x))), (4, 4, 2)))
    with pytest.raises(NoBound):
        radius_at(network.calls, {network.input: 1.0}, network.output)


def test_activations_without_a_bound_are_told() -> None:
    with pytest.raises(NoBound):
        slope(keras.activations.exponential)
    assert slope(keras.activations.relu) == slope(None) == 1.0


@pytest.mark.parametrize("shape", [(7, 30), (30, 7), (12, 12), (2100, 2060)])
def test_the_spectral_norm_is_no_smaller_than_it_is(shape: tuple[int, int]) -> None:
    matrix = np.random.default_rng(4).normal(size=shape)
    direction = np.random.default_rng(5).normal(size=shape[1])
    for _ in range(30):
        direction = matrix.T @ (matrix @ direction)
        direction /= np.linalg.norm(direction)
    reached = np.linalg.norm(matrix @ direction)
    assert reached <= spectral_norm(matrix) * (1 + 1e-9)
    if min(shape) < 100:
        assert spectral_norm(matrix) == pytest.approx(np.linalg.norm(matrix, 2), rel=1e-3)
