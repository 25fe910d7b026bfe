"""The shorter way through the back never contradicts the whole back."""

from __future__ import annotations

from math import sqrt
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from keras import layers

from bdtui.engine.errors import Interrupted
from bdtui.engine.evaluation import evaluator
from bdtui.engine.evaluation.cut_runner import CutRunner
from bdtui.engine.evaluation.evaluator import PruningSession
from bdtui.engine.evaluation.predictions import predict_states
from bdtui.engine.incremental import channel_sums
from bdtui.engine.incremental.channel_sums import Decided, SummedShares
from bdtui.engine.incremental.error_bounds import NoBound, score_gains, slope, spectral_norm
from bdtui.engine.incremental.tail import Tail, best_two, product_of_awake
from bdtui.engine.inputs.datasets import open_dataset
from bdtui.engine.inputs.model import OpenedModel
from bdtui.engine.network.channels import find_source
from bdtui.engine.network.cut import cut_network
from bdtui.engine.network.cut_values import FrontierBlock
from bdtui.engine.network.graph import run_calls, trace_network
from bdtui.engine.pruning.rankings import order_channels
from bdtui.engine.reporter import Reporter
from tests.networks import CASES, build, functional, random_images, write_images

WHOLE_BACK_ONLY = {
    "residual, channels that are added",
    "residual, channels that go around",
    "two frontier tensors",
    "bare operations",
    "sum, read by every kind of layer",
    "sum, images of any size",
    "sum, channels first",
    "concatenation, read by a product",
    "units of a transformer",
}
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


def open_session(
    model: keras.Model, folder: Path, *, shorter_way: bool, images: int | np.ndarray = IMAGES
) -> PruningSession:
    images = pixels(images) if isinstance(images, int) else images
    labels = np.asarray(model(images, training=False)).argmax(axis=1)
    path = write_images(folder / "data.h5", images, labels)
    classes = model.output_shape[-1]
    opened = OpenedModel(model, trace_network(model), path, "", classes)
    data = open_dataset(path, opened.input_shape, classes)
    budget = 2**14 if len(images) > 1_000 else None
    source = find_source(opened.network, "pool")
    return PruningSession(
        opened, source, {"clean_valid": data}, batch_size=32, memory_budget=budget, shorter_way=shorter_way
    )


@pytest.fixture(scope="module")
def sessions(model: keras.Model, tmp_path_factory: pytest.TempPathFactory) -> list[PruningSession]:
    """The shorter way, and the whole back."""
    return [open_session(model, tmp_path_factory.mktemp("s"), shorter_way=keep) for keep in (True, False)]


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


def shorter_way_of(model: keras.Model) -> tuple[CutRunner, SummedShares, FrontierBlock]:
    """A cut network, its shorter way, and 32 images at the cut."""
    runner = runner_of(model)
    assert runner.shorter_way is not None
    return runner, runner.shorter_way, block_of(runner, pixels(32))


def block_of(runner: CutRunner, images: np.ndarray) -> FrontierBlock:
    values = runner.front(images)
    return runner.frontier.block(slice(0, len(images)), values.tensors, values.fires)


def by_whole_back(runner: CutRunner, block: FrontierBlock, state: np.ndarray, rows: np.ndarray) -> np.ndarray:
    masks = np.tile(state, (len(rows), 1))
    return runner.back(len(rows), lambda some: runner.frontier.tensors(block, rows[some], masks[some]))


def without(*channels: int) -> np.ndarray:
    mask = np.zeros(CHANNELS, bool)
    mask[list(channels)] = True
    return mask


def decided(way: SummedShares, block: FrontierBlock, state: np.ndarray, rows: np.ndarray | None = None) -> Decided:
    return way.decide(block, [state], [np.arange(len(block.fires)) if rows is None else rows])[0]


@pytest.mark.parametrize("activation", ["relu", "sigmoid"], ids="silent-is-0 silent-is-half".split())
def test_sums_stay_within_their_error_bounds(model: keras.Model, activation: str) -> None:
    with_activation = keras.models.clone_model(model)
    with_activation.get_layer("conv").activation = keras.activations.get(activation)
    with_activation.set_weights(model.get_weights())
    runner, way, block = shorter_way_of(with_activation)
    silent = runner.frontier.silent[0].reshape(CHANNELS, -1).astype(np.float64)
    assert silent.any() == (activation == "sigmoid")
    for linear in way._linear:
        bias = linear.reader.call.layer.bias.numpy().astype(np.float64)
        exact = np.tile(bias, linear.matrix.shape[2] // len(bias)) + np.einsum("cp,cpu->u", silent, linear.matrix)
        exact = np.broadcast_to(exact, (32, len(exact))).copy()
        (sums,) = [kept for each, kept in zip(way._linear, way._begun(32), strict=True) if each is linear]
        everything = [sums if each is linear else kept for each, kept in zip(way._linear, way._begun(32), strict=True)]
        for channel in np.random.default_rng(2).permutation(CHANNELS):
            way._add(everything, block, channel)
            rows = np.flatnonzero(block.fires[:, channel])
            share = block.carriers[0][block.of_channel(channel)].astype(np.float64) - silent[channel]
            exact[rows] += share @ linear.matrix[channel]
            away = np.linalg.norm(sums.values - exact, axis=1)
            assert (away <= sums.error).all(), channel
            assert (np.linalg.norm(exact, axis=1) <= sums.size * (1 + 1e-9)).all(), channel
            assert (sums.error < 1e-4 * sums.size).all(), "a bound that says nothing"
        assert away.max() > 0


def test_states_of_a_stretch_equal_states_computed_alone(model: keras.Model) -> None:
    runner, way, block = shorter_way_of(model)
    order = np.random.default_rng(3).permutation(CHANNELS)
    states = [without(*order[:step]) for step in range(2, CHANNELS)]
    rows = [np.flatnonzero(block.fires[:, order[step - 1]]) for step in range(2, CHANNELS)]
    for state, wanted, together in zip(states, rows, way.decide(block, states, rows), strict=True):
        alone = decided(way, block, state, wanted)
        expected = by_whole_back(runner, block, state, wanted)
        sure = together.certain & alone.certain
        assert sure.mean() > 0.9
        assert np.array_equal(together.classes[sure], alone.classes[sure])
        assert np.array_equal(together.classes[together.certain], expected[together.certain])


def test_a_stretch_gives_the_classes_of_single_steps(sessions: list[PruningSession]) -> None:
    short, whole = sessions
    order = [int(channel) for channel in np.random.default_rng(4).permutation(CHANNELS)]
    for session in sessions:
        session.measured.clear()
        session.measure_steps(order, 3)
    assert len(short.measured) == len(whole.measured) == CHANNELS - 2
    masks = [np.isin(np.arange(CHANNELS), order[:step]) for step in range(CHANNELS + 1)]
    (together,) = predict_states([short._masked["clean_valid"]], masks)
    for step, predictions in enumerate(together):
        assert np.array_equal(predictions, whole.predict("clean_valid", order[:step])), step


def test_a_stretch_ends_at_its_work_limit(sessions: list[PruningSession], monkeypatch: pytest.MonkeyPatch) -> None:
    short, _ = sessions
    order = list(range(CHANNELS))
    short.measured.clear()
    short.measure_steps(order, 2, most=0)
    by_its_beginning = len(short.measured)
    assert 1 <= by_its_beginning < CHANNELS - 1
    monkeypatch.setattr(evaluator, "_MOST_PREDICTIONS", 0)
    short.measured.clear()
    short.measure_steps(order, 2)
    assert len(short.measured) == 1
    short.measure_steps(order, 2)
    assert len(short.measured) == 1, "what is known is not measured again"


@pytest.mark.parametrize("asked_before", [0, 5, 20])
def test_a_stop_is_obeyed_between_any_two_channels_and_states(
    model: keras.Model, monkeypatch: pytest.MonkeyPatch, asked_before: int
) -> None:
    _, way, block = shorter_way_of(model)
    added = []
    monkeypatch.setattr(way, "_add", lambda sums, block, channel: added.append(channel))
    asked = iter(range(1000))
    states = [without(*range(step)) for step in range(CHANNELS + 1)]
    rows = [np.arange(len(block.fires))] * len(states)
    with pytest.raises(Interrupted):
        way.decide(block, states, rows, Reporter(stop_requested=lambda: next(asked) == asked_before))
    assert len(added) <= asked_before < 2 * CHANNELS


def test_a_stop_is_obeyed_between_batches_of_the_whole_back(
    sessions: list[PruningSession], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, whole = sessions
    before = whole.predict("clean_valid", [1, 2])
    batches: list[int] = []
    back = whole._runner.back
    monkeypatch.setattr(
        whole._runner, "back", lambda images, tensors: (batches.append(images), back(images, tensors))[1]
    )
    monkeypatch.setattr(whole._runner, "back_batch_size", 4)
    with pytest.raises(Interrupted):
        whole.predict("clean_valid", range(3, 9), Reporter(stop_requested=lambda: bool(batches)))
    # Those under way are finished; of the others none is begun.
    assert len(batches) < 8 < IMAGES / 4
    assert np.array_equal(whole.predict("clean_valid", [1, 2]), before)


@pytest.mark.parametrize(
    "flatten", [layers.Flatten(), layers.Flatten(data_format="channels_first"), layers.Permute((3, 1, 2))]
)
def test_the_matrix_of_a_dense_layer_is_what_it_does_to_every_single_value(flatten: layers.Layer) -> None:
    def body(x: Any) -> Any:
        x = layers.MaxPooling2D(name="pool")(layers.Conv2D(CHANNELS, 3, activation="relu")(x))
        return layers.Dense(5)(layers.Flatten()(type(flatten).from_config(flatten.get_config())(x)))

    _, way, _ = shorter_way_of(with_random_weights(functional(body, IMAGE)))
    (linear,) = way._linear
    ones = np.eye(16 * CHANNELS, dtype=np.float32).reshape(-1, 4, 4, CHANNELS)
    expected = channel_sums._sums(linear.reader, ones, bias=False).reshape(16, CHANNELS, 5)
    assert np.array_equal(linear.matrix, expected.swapaxes(0, 1))


def test_close_scores_are_left_to_the_whole_back(model: keras.Model, tmp_path: Path) -> None:
    twins = keras.models.clone_model(model)
    twins.set_weights(model.get_weights())
    output = twins.get_layer("output")
    kernel, bias = output.get_weights()
    # Every class has a twin that scores the same but for a rounding.
    half = CLASSES // 2
    kernel[:, half:] = kernel[:, :half] * (1 + 1e-7)
    bias[half:] = bias[:half]
    output.set_weights([kernel, bias])
    _, way, block = shorter_way_of(twins)
    assert not decided(way, block, without(3)).certain.any()
    short, whole = (open_session(twins, tmp_path, shorter_way=keep) for keep in (True, False))
    for step in range(CHANNELS + 1):
        assert np.array_equal(short.predict("clean_valid", range(step)), whole.predict("clean_valid", range(step)))


def test_most_images_are_decided_the_shorter_way(model: keras.Model) -> None:
    runner, way, block = shorter_way_of(model)
    state = without(2, 5)
    for rows in (np.arange(32), np.arange(0, 32, 4)):
        said = decided(way, block, state, rows)
        assert said.certain.mean() > 0.9
        expected = by_whole_back(runner, block, state, rows)
        assert np.array_equal(said.classes[said.certain], expected[said.certain])


@pytest.mark.parametrize("poison", [np.nan, np.inf, 3e38])
def test_values_without_bounds_decide_nothing(model: keras.Model, poison: float) -> None:
    _, way, block = shorter_way_of(model)
    image = int(np.flatnonzero(block.fires[:, 4])[5])
    block.carriers[0][block.starts[4] + 5, 0] = poison
    certain = decided(way, block, without(3)).certain
    assert not certain[image]
    assert np.delete(certain, image).mean() > 0.9
    assert decided(way, block, without(4)).certain.mean() > 0.9, "a silent channel says nothing"


def tail_of_many_kinds(x: Any) -> Any:
    """Layers that numpy computes, and layers left to TensorFlow."""
    x = layers.MaxPooling2D(name="pool")(layers.Conv2D(CHANNELS, 3, activation="sigmoid", name="conv")(x))
    x = layers.Conv2D(6, 2, activation="gelu")(layers.Dropout(0.3)(x))
    x = layers.BatchNormalization()(layers.Conv2D(6, 2, activation="relu")(x))
    x = layers.Activation("tanh")(layers.AveragePooling2D(2)(x))
    x = layers.Dense(40, activation="silu")(layers.Flatten()(x))
    x = layers.Add()([x, layers.LeakyReLU()(x), layers.Dense(40, use_bias=False)(x)])
    return layers.Softmax()(layers.Dense(CLASSES)(layers.Concatenate()([x, layers.Activation("relu")(x)])))


def test_a_tail_of_many_kinds_of_layers_is_followed(tmp_path: Path) -> None:
    model = with_random_weights(functional(tail_of_many_kinds, IMAGE))
    variance = next(weight for weight in model.weights if "moving_variance" in weight.path)
    variance.assign(np.abs(variance.numpy()) + 0.5)
    runner, way, block = shorter_way_of(model)
    state = without(0, 7)
    said = decided(way, block, state)
    expected = by_whole_back(runner, block, state, np.arange(32))
    assert said.certain.mean() > 0.5
    assert np.array_equal(said.classes[said.certain], expected[said.certain])
    short, whole = (open_session(model, tmp_path, shorter_way=keep) for keep in (True, False))
    for step in range(CHANNELS + 1):
        assert np.array_equal(short.predict("clean_valid", range(step)), whole.predict("clean_valid", range(step)))


def cancelling(x: Any) -> Any:
    """Hidden values that are far larger than what tells the classes apart."""
    x = layers.MaxPooling2D(name="pool")(layers.Conv2D(CHANNELS, 3, activation="relu", name="conv")(x))
    x = layers.Dense(64, activation="relu", name="far")(layers.Dense(24, activation="relu")(layers.Flatten()(x)))
    return layers.Dense(CLASSES, activation="softmax", name="output")(x)


def answers_of(saved: keras.Model, images: np.ndarray) -> np.ndarray:
    """Classes from a saved model for several batch sizes and positions in the batch, shape (ways, images)."""
    run = tf.function(lambda batch: tf.argmax(saved(batch, training=False), axis=-1), reduce_retracing=True)
    ways = []
    for size in (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, len(images)):
        for shift in range(min(size, 3)):
            moved = np.roll(images, shift, axis=0)
            batches = [np.asarray(run(moved[first : first + size])) for first in range(0, len(images), size)]
            ways.append(np.roll(np.concatenate(batches), -shift))
    return np.array(ways)


@pytest.mark.parametrize(("scale", "offset"), [(0.01, 1e4), (0.1, 3e4), (1, 3e5)])
def test_under_heavy_rounding_predictions_match_the_saved_model_wherever_it_agrees_with_itself(
    tmp_path: Path, scale: float, offset: float
) -> None:
    """A row's products may round differently with the batch size or its place in the batch: other scores win."""
    model = with_random_weights(functional(cancelling, IMAGE))
    far, output = model.get_layer("far"), model.get_layer("output")
    far.set_weights([far.kernel.numpy() * scale, far.bias.numpy() + offset])
    # The classes' scores without the offset.
    output.bias.assign(-offset * output.kernel.numpy().sum(axis=0))
    session = open_session(model, tmp_path, shorter_way=True, images=600)
    runner, way, _ = shorter_way_of(model)
    block = block_of(runner, pixels(600))
    # Without the bounds, steps 1 and 2 are where the shorter way is wrong.
    for step in (0, 1, 2, 6):
        said = session.predict("clean_valid", range(step))
        answers = answers_of(session.pruned_model(range(step)), pixels(600))
        agreed = (answers == answers[0]).all(axis=0)
        assert agreed.mean() > 0.9
        alone = decided(way, block, without(*range(step)))
        assert agreed[alone.certain].all(), "the shorter way is sure of what the saved model is not"
        assert np.array_equal(alone.classes[alone.certain], answers[0][alone.certain])
        assert np.array_equal(said[agreed], answers[0][agreed])
        assert (said == answers).any(axis=0).all(), "not even one of the saved model's answers"


def flattened_by_channel(x: Any) -> Any:
    x = layers.MaxPooling2D(name="pool")(layers.Conv2D(CHANNELS, 3, activation="relu", name="conv")(x))
    x = layers.Flatten(data_format="channels_first")(layers.Conv2D(6, 2, activation="relu")(x))
    return layers.Dense(CLASSES, activation="softmax")(x)


def test_channels_first_flatten_is_followed(tmp_path: Path) -> None:
    model = with_random_weights(functional(flattened_by_channel, IMAGE))
    short = open_session(model, tmp_path, shorter_way=True)
    shorter_way_of(model)
    for step in (0, 2, 7):
        expected = np.asarray(short.pruned_model(range(step))(pixels(), training=False)).argmax(axis=1)
        assert np.array_equal(short.predict("clean_valid", range(step)), expected)


@pytest.mark.parametrize("shorter_way", [True, False])
def test_many_blocks_give_what_the_pruned_models_give(model: keras.Model, tmp_path: Path, shorter_way: bool) -> None:
    """Several blocks, the last one small and black, some of them in a file."""
    images = pixels(1_100)
    images[-30:] = 0
    session = open_session(model, tmp_path, shorter_way=shorter_way, images=images)
    assert len(session._masked["clean_valid"].blocks) == 3
    order = order_channels(session)
    session.measure_steps(order, 0)
    for step in range(0, CHANNELS + 1, 3):
        scores = np.asarray(session.pruned_model(order[:step])(images, training=False))
        best = np.sort(scores, axis=1)
        clear = best[:, -1] - best[:, -2] > 1e-6
        assert clear.mean() > 0.9
        assert np.array_equal(session.predict("clean_valid", order[:step])[clear], scores.argmax(axis=1)[clear])


@pytest.mark.parametrize("shorter_way", [True, False])
def test_a_layer_in_which_nothing_fires_can_be_pruned(model: keras.Model, tmp_path: Path, shorter_way: bool) -> None:
    dead = keras.models.clone_model(model)
    dead.set_weights(model.get_weights())
    conv = dead.get_layer("conv")
    conv.set_weights([np.zeros_like(weights) for weights in conv.get_weights()])
    session = open_session(dead, tmp_path, shorter_way=shorter_way)
    session.measure_steps(range(CHANNELS), 0)
    expected = np.asarray(dead(pixels(), training=False)).argmax(axis=1)
    for step in (0, 1, CHANNELS):
        assert np.array_equal(session.predict("clean_valid", range(step)), expected)


@pytest.mark.parametrize("awake", [0.1, 0.5, 0.95], ids="few half most".split())
def test_only_inactive_inputs_are_left_out_of_a_product(awake: float) -> None:
    random = np.random.default_rng(6)
    values = (random.normal(size=(20, 100)) * (random.random(100) < awake)).astype(np.float32)
    matrix = random.normal(size=(100, 30)).astype(np.float32)
    assert np.allclose(product_of_awake(values, matrix), values.astype(np.float64) @ matrix, atol=1e-4)
    values[3, 50] = np.nan
    assert np.isnan(product_of_awake(values, matrix)[3]).all()


def test_best_two_scores_are_found_and_ties_go_to_the_first() -> None:
    scores = np.array([[1, 5, 3], [2, 2, 1], [-3, -2, -2.5]], np.float32)
    held = scores[:]
    best, second, classes = best_two(held)
    assert (best.tolist(), second.tolist(), classes.tolist()) == ([5, 2, -2], [3, 2, -2.5], [1, 0, 1])
    assert scores.max() == 5, "what somebody else holds is left as it is"


# What is kept at the cut.


@pytest.mark.parametrize("name", CASES)
def test_stored_cut_values_restore_the_tensors(name: str) -> None:
    case = CASES[name]
    network = trace_network(build(case))
    runner = CutRunner(cut_network(network, find_source(network, case.layer)), case.image, 16)
    values = [runner.front(images) for images in np.split(random_images(case, 36), [16, 32])]
    tensors = [np.concatenate(arrays) for arrays in zip(*(each.tensors for each in values), strict=True)]
    fires = np.concatenate([each.fires for each in values])
    ends = [0, 16, 32, 36]
    parts = [
        runner.frontier.block(slice(start, stop), each.tensors, each.fires)
        for start, stop, each in zip(ends, ends[1:], values, strict=False)
    ]
    block = FrontierBlock.joined(parts, fires)
    rows = np.array([35, 3, 16, 3])
    nobody = np.zeros((4, fires.shape[1]), bool)
    for kept, tensor in zip(runner.frontier.tensors(block, rows, nobody), tensors, strict=True):
        assert np.array_equal(kept, tensor[rows])
    mask = nobody.copy()
    mask[1] = True
    silenced = runner.frontier.tensors(block, rows, mask)
    axis = runner.cut.source.axis
    for kept, silent, tensor in zip(silenced, runner.frontier.silent, tensors, strict=False):
        assert np.array_equal(np.moveaxis(kept[1:2], axis, 0)[:, 0], silent)
        assert np.array_equal(kept[3], tensor[3])


@pytest.mark.parametrize("name", CASES)
def test_the_shorter_way_is_taken_where_linear_layers_alone_read_the_channels(name: str) -> None:
    case = CASES[name]
    network = trace_network(build(case))
    runner = CutRunner(cut_network(network, find_source(network, case.layer)), case.image, 16)
    linear = {layers.Dense, layers.Conv1D, layers.Conv2D, layers.Conv3D, layers.Flatten}
    carriers = set(runner.cut.frontier[: runner.cut.carriers])
    readers = [call for call in runner.cut.back if carriers & set(call.inputs)]
    others = [
        call for call in readers if type(call.layer) not in {*linear, layers.Reshape, layers.Permute, layers.Dropout}
    ]
    assert runner.shorter_way is None or not others
    assert (runner.shorter_way is None) == (name in WHOLE_BACK_ONLY), others


def test_the_lab_network_allows_the_shorter_way(model: keras.Model) -> None:
    runner, way, _ = shorter_way_of(model)
    assert [linear.matrix.shape for linear in way._linear] == [(CHANNELS, 16, 24), (CHANNELS, 16, 3 * 3 * 9)]
    assert CutRunner(runner.cut, IMAGE, 32, shorter_way=False).shorter_way is None


@pytest.mark.parametrize("weight", ["bias", "kernel"])
def test_non_finite_weights_allow_no_bound(model: keras.Model, weight: str) -> None:
    broken = keras.models.clone_model(model)
    broken.set_weights(model.get_weights())
    variable = getattr(broken.get_layer("output"), weight)
    values = variable.numpy().copy()
    values.flat[0] = np.nan
    variable.assign(values)
    assert runner_of(broken).shorter_way is None


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
def test_scores_never_move_beyond_the_bound(model: keras.Model, seed: int, size: float) -> None:
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
    moved = scores[0] - scores[1]
    bound = score_gains(network.calls, network.output)[network.input]
    assert (moved.max(axis=1) - moved.min(axis=1) <= bound * apart * 1.001 + 1e-4).all()


@settings(max_examples=30, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(model=tails(), seed=st.integers(0, 1000), offset=st.sampled_from([0.0, 300.0]))
def test_rounding_of_scores_stays_within_its_bound(model: keras.Model, seed: int, offset: float) -> None:
    network = trace_network(model)
    gains = score_gains(network.calls, network.output)
    tail = Tail(network, network.calls, {network.input: (6, 6, 2)}, gains)
    images = np.random.default_rng(seed).normal(offset, 2, (40, 6, 6, 2)).astype(np.float32)
    values = {network.input: tf.constant(images)}
    run_calls(network.calls, values)
    scores, rounded = tail.scores({network.input: images[:7]})
    away = scores.astype(np.float64) - values[network.output].numpy()[:7]
    assert (away.max(axis=1) - away.min(axis=1) <= rounded).all()
    assert (rounded < 0.1 * (1 + gains[network.input]) * np.linalg.norm(images[:7].reshape(7, -1), axis=1)).all()


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
    # Of two scores each may move by as much.
    bound = score_gains(network.calls, network.output)[network.input] / sqrt(2)
    assert reached <= bound
    assert reached > 0.6 * bound, "a bound that says little"


@pytest.mark.parametrize("layer", [layers.UpSampling2D(), layers.LayerNormalization(), layers.ReLU(threshold=0.5)])
def test_layers_without_a_bound_are_reported(layer: keras.Layer) -> None:
    network = trace_network(functional(lambda x: layers.Dense(3)(layers.Flatten()(layer(x))), (4, 4, 2)))
    with pytest.raises(NoBound):
        score_gains(network.calls, network.output)


def test_activations_without_a_bound_are_reported() -> None:
    with pytest.raises(NoBound):
        slope(keras.activations.exponential)
    assert slope(keras.activations.relu) == slope(None) == 1.0


@pytest.mark.parametrize("shape", [(7, 30), (30, 7), (12, 12), (2100, 2060)])
def test_the_spectral_norm_is_never_underestimated(shape: tuple[int, int]) -> None:
    matrix = np.random.default_rng(4).normal(size=shape)
    direction = np.random.default_rng(5).normal(size=shape[1])
    for _ in range(30):
        direction = matrix.T @ (matrix @ direction)
        direction /= np.linalg.norm(direction)
    reached = np.linalg.norm(matrix @ direction)
    assert reached <= spectral_norm(matrix) * (1 + 1e-9)
    if min(shape) < 100:
        assert spectral_norm(matrix) == pytest.approx(np.linalg.norm(matrix, 2), rel=1e-3)
