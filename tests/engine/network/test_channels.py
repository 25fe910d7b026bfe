"""Which layers can be pruned, which are refused and why, and what silencing does to the weights."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from bdtui.engine.errors import ModelError
from bdtui.engine.network.channels import find_source, prunable_sources, silence, silent_channels
from bdtui.engine.network.copies import silenced_copy
from bdtui.engine.network.graph import trace_network
from tests.networks import CASES, added, build, conv, functional, head, head_of_any, joined


def names(model: keras.Model) -> list[str]:
    return [source.profiled.name for source in prunable_sources(trace_network(model))]


def shared_convolution() -> keras.Model:
    def body(x):
        twice = conv("twice", padding="same")
        x = conv("stem", padding="same")(x)
        return head(layers.MaxPooling2D(name="pool")(twice(twice(x))))

    return functional(body)


@pytest.mark.parametrize(
    ("layer", "reason"),
    [
        ("twice", "used 2 times"),
        ("pool", "shared"),
        ("flatten", "mixes channels or has none"),
        ("output", "the activation of 'output' mixes its channels"),
        ("nowhere", "there is no layer 'nowhere'"),
    ],
)
def test_what_cannot_be_pruned_soundly_is_refused_with_the_layers_that_can(layer: str, reason: str) -> None:
    keras.utils.clear_session()
    with pytest.raises(ModelError, match="layers that can be pruned: stem") as refusal:
        find_source(trace_network(shared_convolution()), layer)
    assert reason in str(refusal.value)


@pytest.mark.parametrize(
    ("layer", "finding"),
    [
        ("conv_170", "41 layers can be pruned, the closest of them: conv_17, "),
        ("Conv-30", "the closest of them: conv_30, "),
        ("quux", "41 layers can be pruned, the last of them: conv_36, conv_37, conv_38, conv_39, hidden"),
        ("x" * 10_000, "there is no layer 'x{77}…' in the model; 41 layers can be pruned, the last of them: "),
    ],
)
def test_of_many_layers_those_of_close_names_are_named(layer: str, finding: str) -> None:
    def body(x):
        for number in range(40):
            x = conv(f"conv_{number}", padding="same")(x)
        return head(layers.Dense(4, name="hidden")(x))

    with pytest.raises(ModelError, match=finding) as refusal:
        find_source(trace_network(functional(body)), layer)
    assert str(refusal.value).rpartition(": ")[2].count(",") < 5


def test_channels_that_are_the_classes_are_refused() -> None:
    model = functional(
        lambda x: layers.Softmax()(layers.GlobalAveragePooling2D(name="scores")(conv("last")(conv("first")(x))))
    )
    assert names(model) == ["first"]
    with pytest.raises(ModelError, match="no weighted layer behind it"):
        find_source(trace_network(model), "scores")


@pytest.mark.parametrize(
    ("case", "layer", "readers"),
    [
        ("sum, read behind a pooling", "end", "output"),
        ("sum, read by two convolutions", "both", "inner, around"),
        ("densely connected", "concat_1", "output"),
        ("squeeze and excite", "multiply", "output"),
        ("concatenation, read by a kernel", "branches", "last"),
        ("sum in a nested model", "pool", "dense"),
    ],
)
def test_channels_of_several_layers_are_silenced_in_the_kernels_that_read_them(
    case: str, layer: str, readers: str
) -> None:
    keras.utils.clear_session()
    assert find_source(trace_network(CASES[case].build()), layer).pruned == readers


def test_channels_put_side_by_side_are_silenced_where_they_are_made_if_something_else_reads_them() -> None:
    source = find_source(trace_network(CASES["concatenation, read by a product"].build()), "branches")
    assert (source.pruned, source.readers, source.channels) == ("left, middle, right", (), 20)


@pytest.mark.parametrize(
    "piece",
    [
        lambda x, c: layers.Concatenate(name="pieces")([c, c]),
        lambda x, c: layers.Concatenate(name="pieces")([added(x), c]),
        lambda x, c: layers.Concatenate(name="pieces")([c * 2.0, conv("d", padding="same")(x)]),
        lambda x, c: layers.Add()(
            [layers.Concatenate(name="pieces")([c, conv("d", padding="same")(x)]), layers.Concatenate()([c, c])]
        ),
    ],
    ids=["twice", "of a sum", "of an operation", "read elsewhere"],
)
def test_channels_side_by_side_that_are_more_than_that_are_refused(piece: Callable[[Any, Any], Any]) -> None:
    def body(x: Any) -> Any:
        return head(layers.LSTM(2)(layers.Reshape((-1, 16))(piece(x, conv("c", padding="same")(x)))))

    with pytest.raises(ModelError, match=r"'pieces' cannot be pruned: (LSTM|Add|Reshape) '.*' reads its channels"):
        find_source(trace_network(functional(body)), "pieces")


@pytest.mark.parametrize(
    ("behind", "reason"),
    [
        (lambda x: head(layers.Add()([x, conv("conv", padding="same")(x)])), "Add '.*' reads its channels"),
        (lambda x: head(layers.BatchNormalization(axis=1)(x)), "BatchNormalization '.*' reads its channels"),
        (lambda x: head(layers.LSTM(4)(layers.Reshape((-1, 8))(x))), "LSTM 'lstm' reads its channels"),
        (lambda x: head(layers.Dense(3, name="mixes")(layers.Permute((3, 1, 2))(x))), "several of its channels as one"),
        (lambda x: layers.Softmax()(layers.GlobalAveragePooling2D()(x)), "Softmax 'softmax' reads its channels"),
        (layers.GlobalAveragePooling2D(), "its channels are the classes"),
        (lambda x: twice_read(x, layers.Dense(3, name="shared")), "'shared' reads its channels and is used several"),
    ],
    ids=["goes around", "other axis", "recurrent", "mixed before", "softmax", "classes", "shared"],
)
def test_sums_that_no_kernel_alone_reads_are_refused(behind: Callable[[Any], Any], reason: str) -> None:
    keras.utils.clear_session()
    with pytest.raises(ModelError, match=f"layer 'both' cannot be pruned: .*{reason}"):
        find_source(trace_network(joined(behind)), "both")


def test_channels_that_images_of_any_size_mix_are_refused() -> None:
    def behind(x: Any) -> Any:
        # Of an image of one pixel, and of none else, each row would be a channel.
        rows = layers.Permute((2, 1))(layers.Reshape((8, -1))(x))
        return head_of_any(layers.GlobalAveragePooling1D()(layers.Dense(3, name="mixes")(rows)))

    with pytest.raises(ModelError, match="'mixes' reads several of its channels as one input"):
        find_source(trace_network(joined(behind, (None, None, 3))), "both")


def test_an_adapted_kernel_is_refused() -> None:
    model = functional(lambda x: head(conv("adapted")(conv("plain")(x))))
    model.get_layer("adapted").enable_lora(2)
    assert names(model) == ["plain"]
    with pytest.raises(ModelError, match=r"the kernel of 'adapted' is quantized or adapted \(LoRA\)"):
        find_source(trace_network(model), "adapted")


def twice_read(x: Any, dense: layers.Layer) -> Any:
    return head(layers.Concatenate()([dense(x), dense(layers.ReLU()(x))]))


def test_images_put_side_by_side_are_no_channels() -> None:
    model = functional(
        lambda x: head(conv("last")(layers.Concatenate(axis=1, name="side")([conv("left")(x), conv("right")(x)])))
    )
    with pytest.raises(ModelError, match="Concatenate 'side' mixes channels"):
        find_source(trace_network(model), "side")


@pytest.mark.parametrize(
    ("case", "expected"),
    [
        ("sequential", "pool"),
        ("residual, inner channels", "end"),
        ("dense logits", "dense"),
        ("nested model", "functional/pool"),
    ],
)
def test_default_is_the_deepest_pooling_behind_a_convolution_else_the_last_convolution(
    case: str, expected: str
) -> None:
    keras.utils.clear_session()
    assert find_source(trace_network(CASES[case].build())).profiled.name == expected


def changed_weights(model: keras.Model, layer: str, channels: list[int]) -> int:
    pairs = zip(model.get_weights(), silenced_copy(model, layer, channels).get_weights(), strict=True)
    return sum(int((before != after).sum()) for before, after in pairs)


@pytest.mark.parametrize("case", CASES)
def test_silencing_zeroes_one_channel_and_touches_no_other(case: str) -> None:
    model, layer = build(CASES[case]), CASES[case].layer
    copy = silenced_copy(model, layer, [2])
    source = find_source(trace_network(copy), layer)
    assert np.flatnonzero(silent_channels(source)).tolist() == [2]
    others = [channel for channel in range(source.channels) if channel != 2]
    one, rest = changed_weights(model, layer, [2]), changed_weights(model, layer, others)
    assert one > 0
    assert one + rest == changed_weights(model, layer, [2, *others]), "no weight belongs to two channels"
    silence(source, range(source.channels))
    assert silent_channels(source).all()


def test_batch_normalisation_loses_gamma_and_beta_of_the_channel() -> None:
    copy = silenced_copy(build(CASES["batch normalisation before the activation"]), "pool", [5])
    (normalisation,) = [layer for layer in copy.layers if isinstance(layer, layers.BatchNormalization)]
    assert normalisation.gamma[5] == 0
    assert normalisation.beta[5] == 0
    assert np.count_nonzero(normalisation.gamma) == 7
    image = np.random.default_rng(0).normal(size=(1, 12, 12, 3)).astype(np.float32)
    read = keras.Model(copy.inputs, copy.get_layer("pool").output)(image)
    assert np.count_nonzero(np.asarray(read)[..., 5]) == 0


def test_normalisation_over_another_axis_mixes_channels_and_is_left_alone() -> None:
    model = functional(
        lambda x: head(layers.MaxPooling2D(name="pool")(layers.BatchNormalization(axis=1)(conv("conv")(x))))
    )
    assert [call.name for call in find_source(trace_network(model), "conv").region] == ["conv"]
    with pytest.raises(ModelError, match="do not reach it one by one"):
        find_source(trace_network(model), "pool")


def test_a_channel_out_of_range_is_refused() -> None:
    with pytest.raises(ModelError, match="has no channel 8; expected 0 to 7"):
        silenced_copy(build(CASES["sequential"]), "pool", [8])


@pytest.mark.parametrize(
    "behind", [layers.Cropping1D(1, name="behind"), layers.UpSampling1D(2, name="behind")], ids=["crop", "repeat"]
)
def test_a_channels_last_layer_mixes_channels_on_the_second_axis(behind: layers.Layer) -> None:
    convolution = layers.Conv1D(8, 3, name="conv", data_format="channels_first")
    pool = layers.MaxPooling1D(name="pool", data_format="channels_first")
    model = functional(lambda x: head(pool(behind(convolution(x)))), (3, 24))
    with pytest.raises(ModelError, match="do not reach it one by one"):
        find_source(trace_network(model), "pool")
    # Where the channels come last it crops places, and every channel stays itself.
    last = functional(
        lambda x: head(type(behind).from_config(behind.get_config())(layers.Conv1D(8, 3, name="conv")(x))), (24, 3)
    )
    assert find_source(trace_network(last), "behind").pruned == "conv"
