"""Laws of the curve, the thresholds and the masks, on whatever hypothesis comes up with."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from keras import layers

from bdtui.engine.errors import Interrupted, OptionError
from bdtui.engine.evaluation.evaluator import PruningSession
from bdtui.engine.event_values import Threshold
from bdtui.engine.inputs.datasets import open_dataset
from bdtui.engine.inputs.model import OpenedModel
from bdtui.engine.network.channels import find_source, prunable_sources
from bdtui.engine.network.graph import trace_network
from bdtui.engine.pruning.curve import Step, find_threshold, has_dropped
from bdtui.engine.pruning.prune import prune
from bdtui.engine.rates import Rates, Share
from bdtui.engine.reporter import Reporter
from bdtui.engine.settings import check_thresholds
from tests.networks import CASES, build, functional, random_images, write_images

pytestmark = pytest.mark.slow

IMAGES = st.integers(1, 20_000)


@given(st.data(), IMAGES, st.sampled_from([0.1, 0.5, 1, 2, 2.5, 4, 10, 33.3, 100]))
def test_a_drop_is_judged_without_rounding(data: st.DataObject, images: int, drop: float) -> None:
    before = data.draw(st.integers(0, images))
    now = data.draw(st.integers(0, before))
    exact = Fraction(100 * before, images) - Fraction(100 * now, images) >= Fraction(str(drop))
    assert has_dropped(Share(before, images), Share(now, images), drop) == exact


@given(st.lists(st.integers(0, 200), min_size=1, max_size=30), st.sampled_from([1, 2, 4.5, 10, 60]))
def test_threshold_is_the_first_step_at_or_past_the_drop(hits: list[int], drop: float) -> None:
    curve = [Step(i, None, 0, Rates(clean=Share(hit, 200))) for i, hit in enumerate(hits)]
    found = find_threshold(curve, list(range(len(hits))), Threshold(drop))
    past = [i for i, hit in enumerate(hits) if (hits[0] - hit) / 2 >= drop]
    assert found.step == (past[0] if past else None)
    assert found.channels == tuple(range(past[0] if past else 0))


@pytest.mark.parametrize("wrong", [0, -2, 100.1, float("nan"), float("inf")])
def test_thresholds_outside_0_to_100_are_refused(wrong: float) -> None:
    with pytest.raises(OptionError, match="expected percentage points"):
        check_thresholds([2, wrong])


def test_thresholds_are_sorted_and_each_counts_once() -> None:
    assert check_thresholds([10, 2, 4, 2]) == (2, 4, 10)


@given(IMAGES, st.data())
def test_wilson_interval_holds_the_share_and_stays_within_0_and_100(images: int, data: st.DataObject) -> None:
    share = Share(data.draw(st.integers(0, images)), images)
    low, high = share.wilson_interval()
    assert 0 <= low <= share.percent + 1e-9
    assert share.percent - 1e-9 <= high <= 100


def test_wilson_interval_is_the_textbook_one() -> None:
    low, high = Share(8, 10).wilson_interval()
    assert (low, high) == (pytest.approx(49.0162, abs=1e-4), pytest.approx(94.3318, abs=1e-4))


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> PruningSession:
    case = CASES["two frontier tensors"]
    model = build(case)
    images = random_images(case, 40)
    labels = np.asarray(model(images)).argmax(axis=1)
    path = write_images(tmp_path_factory.mktemp("laws") / "data.h5", images, labels)
    opened = OpenedModel(model, trace_network(model), path, "", 5)
    data = {"clean_valid": open_dataset(path, opened.input_shape, 5)}
    return PruningSession(opened, find_source(opened.network, "pool"), data, batch_size=16)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(path=st.lists(st.sets(st.integers(0, 7)), min_size=1, max_size=6))
def test_the_way_to_a_mask_does_not_matter(session: PruningSession, path: list[set[int]]) -> None:
    """Undo after prune is identity, and so is every other way around."""
    for mask in path:
        session.predict("clean_valid", mask)
    assert np.array_equal(session.predict("clean_valid", ()), session.data["clean_valid"].labels)


def test_a_stop_in_the_middle_leaves_the_last_complete_state(session: PruningSession) -> None:
    before = session.predict("clean_valid", [1, 2])
    asked = iter([False, True])
    with pytest.raises(Interrupted):
        session.predict("clean_valid", range(7), Reporter(stop_requested=lambda: next(asked)))
    assert np.array_equal(session.predict("clean_valid", [1, 2]), before)


@st.composite
def graphs(draw: Any) -> keras.Model:
    """A random small classifier: convolutions, normalisations, activations, ways that meet again, two ways to the head."""

    def met(before: Any, x: Any) -> Any:
        """The two as one: a residual sum, branches side by side, channels weighted by what all of them hold, or none."""
        kind = draw(st.sampled_from(["add", "concatenate", "excite", "normalise", None, None]))
        if kind == "add" and before.shape == x.shape:
            return layers.Add()([before, x])
        if kind == "concatenate":
            return layers.Concatenate()([x, layers.Conv2D(4, 3, padding="same", activation="elu")(before)])
        if kind == "excite":
            pooled = layers.GlobalAveragePooling2D(keepdims=True)(x)
            return layers.Multiply()([x, layers.Dense(x.shape[-1], activation="sigmoid")(pooled)])
        return layers.LayerNormalization()(x) if kind == "normalise" else x

    def body(x: Any) -> Any:
        for _ in range(draw(st.integers(1, 3))):
            before = x
            activation = draw(st.sampled_from([None, "relu", "sigmoid", "elu", "tanh"]))
            kind = draw(st.sampled_from(["conv", "depthwise", "separable"]))
            if kind == "depthwise":
                x = layers.DepthwiseConv2D(3, padding="same", activation=activation)(x)
            elif kind == "separable":
                x = layers.SeparableConv2D(6, 3, padding="same", activation=activation)(x)
            else:
                x = layers.Conv2D(6, 3, padding="same", activation=activation, use_bias=draw(st.booleans()))(x)
            if draw(st.booleans()):
                x = layers.BatchNormalization(scale=draw(st.booleans()), center=draw(st.booleans()))(x)
            if draw(st.booleans()):
                x = layers.ReLU()(x)
            x = met(before, x)
        pooled = draw(st.sampled_from([layers.MaxPooling2D, layers.AveragePooling2D]))(2)(x)
        ways = [layers.Flatten(data_format=draw(st.sampled_from(["channels_last", "channels_first"])))(pooled)]
        if draw(st.booleans()):
            ways.append(layers.GlobalAveragePooling2D()(x))
        joined = layers.Concatenate()(ways) if len(ways) > 1 else ways[0]
        for _ in range(draw(st.integers(0, 2))):
            joined = layers.Dense(40, activation=draw(st.sampled_from(["relu", "gelu"])))(joined)
        return layers.Dense(4, activation=draw(st.sampled_from(["softmax", None])))(joined)

    model = functional(body, (6, 6, 3))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    for weight in model.weights:
        values = random.normal(0, 0.5, weight.shape)
        weight.assign(np.abs(values) + 0.3 if "variance" in weight.path else values)
    return model


@settings(
    max_examples=16,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(model=graphs(), data=st.data())
def test_any_layer_of_any_graph_agrees_with_its_pruned_models(
    model: keras.Model, data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    images = np.random.default_rng(3).normal(size=(24, 6, 6, 3)).astype(np.float32)
    labels = np.asarray(model(images)).argmax(axis=1)
    path: Path = write_images(tmp_path_factory.mktemp("graph") / "data.h5", images, labels)
    network = trace_network(model)
    opened = OpenedModel(model, network, path, "", 4)
    sources = prunable_sources(network)
    # Half of them where the channels are those of several layers, if the graph has any.
    several = [source for source in sources if source.readers or source.pieces]
    some = several if several and data.draw(st.booleans()) else sources
    layer = data.draw(st.sampled_from([source.profiled.name for source in some]))
    result = prune(opened, open_dataset(path, opened.input_shape, 4), layer=layer, batch_size=24)
    for step in result.curve:
        channels = result.order[: step.step]
        scores = np.asarray(result.session.pruned_model(channels)(images, training=False))
        best = np.sort(scores, axis=1)
        # Where the two best scores are one rounding apart, either is right.
        clear = best[:, -1] - best[:, -2] > 1e-5 * np.maximum(1, np.abs(best[:, -1]))
        assert np.array_equal(result.session.predict("clean_valid", channels)[clear], scores.argmax(axis=1)[clear])
