"""Pruned channels really removed: the same classes from fewer weights, or a reason why not."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import layers

from bdtui.engine.network.channels import find_source
from bdtui.engine.network.class_scores import scoring_network
from bdtui.engine.network.compaction import compact_model, narrow_layers
from bdtui.engine.network.copies import silenced_copy
from bdtui.engine.network.goodnet import join_compact
from bdtui.engine.network.graph import run_network, trace_network
from tests.networks import CASES, IMAGE, build, conv, functional, head, head_of_any, random_images

PRUNED = [0, 2, 3, 6]
COMPACT = (
    "batch normalisation before the activation",
    "batch normalisation without scale",
    "residual, inner channels",
    "two frontier tensors",
    "dense logits",
    "nested model",
    "adapted normalisation",
    "channels first",
    "images of any size",
    "separable",
    "transposed",
    "units of a transformer",
)
LEFT = {
    "sigmoid into zero padding": "not 0",
    "residual, channels that go around": "Add 'add' reads its channels",
    "depthwise": "each of its channels of another",
    "sum, read behind a pooling": "no layer makes the channels of 'end' alone",
    "concatenation, read by a kernel": "no layer makes the channels of 'pool' alone",
    "grouped": "in groups",
}


def scores(model: keras.Model, images: np.ndarray) -> np.ndarray:
    return np.asarray(run_network(trace_network(model), images))


@pytest.mark.parametrize("name", COMPACT)
def test_what_is_left_gives_every_image_the_same_class(name: str) -> None:
    case = CASES[name]
    model, images = build(case), random_images(case, 60)
    small = compact_model(model, case.layer, PRUNED, images.shape[1:])
    assert not isinstance(small, str)
    expected = scores(silenced_copy(model, case.layer, PRUNED), images)
    found = scores(small, images)
    assert np.array_equal(found.argmax(axis=1), expected.argmax(axis=1))
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert small.count_params() < model.count_params()
    network = scoring_network(model)
    source = find_source(network, case.layer)
    narrow = narrow_layers(network, source, PRUNED, images.shape[1:])
    assert not isinstance(narrow, str)
    badnet, pruned = scores(model, images).argmax(axis=1), expected.argmax(axis=1)
    joined = scores(join_compact(network, source, narrow), images).argmax(axis=1)
    assert np.array_equal(joined, np.where(badnet == pruned, badnet, network.classes))
    assert len(set(badnet)) > 1
    assert np.any(badnet != pruned)


@pytest.mark.parametrize("name", LEFT)
def test_a_graph_that_does_not_allow_it_is_left_with_a_reason(name: str) -> None:
    case = CASES[name]
    why = compact_model(build(case), case.layer, PRUNED, case.image)
    assert isinstance(why, str)
    assert LEFT[name] in why


def test_a_depthwise_layer_behind_and_a_fixed_shape_are_reasons() -> None:
    behind = functional(lambda x: head(layers.DepthwiseConv2D(3, name="each")(conv("conv")(x))))
    why = compact_model(behind, "conv", PRUNED, IMAGE)
    assert isinstance(why, str)
    assert "DepthwiseConv2D 'each'" in why
    fixed = functional(
        lambda x: head_of_any(
            layers.Reshape((8,), name="fixed")(layers.GlobalMaxPooling2D(keepdims=True)(conv("conv")(x)))
        )
    )
    why = compact_model(fixed, "conv", PRUNED, IMAGE)
    assert isinstance(why, str)
    assert "'fixed' counts its channels" in why


def test_a_layer_without_a_channel_is_not_made() -> None:
    case = CASES["sequential"]
    why = compact_model(build(case), "pool", range(8), case.image)
    assert isinstance(why, str)
    assert "all channels of 'conv' are pruned" in why


@pytest.mark.parametrize("shared", [None, [1, 2]], ids=["own", "shared"])
def test_slopes_of_a_prelu_go_with_their_channels(shared: list[int] | None) -> None:
    model = functional(lambda x: head(layers.PReLU(shared_axes=shared, name="slopes")(conv("conv", None)(x))))
    slopes = model.get_layer("slopes").alpha
    slopes.assign(np.random.default_rng(0).normal(size=slopes.shape))
    images = np.random.default_rng(1).normal(size=(20, *IMAGE)).astype(np.float32)
    small = compact_model(model, "slopes", PRUNED, IMAGE)
    assert not isinstance(small, str)
    np.testing.assert_allclose(scores(small, images), scores(silenced_copy(model, "slopes", PRUNED), images), atol=1e-5)
