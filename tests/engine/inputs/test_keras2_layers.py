"""Every layer of Keras 2 opens and predicts as it did there, or is refused by its name."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import tensorflow as tf
import tf_keras

from bdtui.engine.errors import ModelError
from bdtui.engine.inputs.model import open_model
from tests.engine.inputs.keras2 import L, assert_opens_alike, draw_weights, images_for, save_keras2

IMAGE, SERIES, VOLUME, VECTOR, FILM = (8, 8, 3), (8, 3), (6, 6, 6, 2), (6,), (4, 6, 6, 2)

Make = Callable[[Any], Any]


def two(join: Any, **settings: Any) -> Make:
    return lambda x: join(**settings)([L.Conv2D(3, 1)(x), x])


LAYERS: dict[str, tuple[tuple[int, ...], Make]] = {
    "Activation": (IMAGE, L.Activation("tanh")),
    "ActivityRegularization": (IMAGE, L.ActivityRegularization(0.1)),
    "Add": (IMAGE, two(L.Add)),
    "AdditiveAttention": (SERIES, lambda x: L.AdditiveAttention()([x, L.Dense(3)(x)])),
    "AlphaDropout": (IMAGE, L.AlphaDropout(0.3)),
    "Attention": (SERIES, lambda x: L.Attention(use_scale=True)([x, L.Dense(3)(x)])),
    "Average": (IMAGE, two(L.Average)),
    "AveragePooling1D": (SERIES, L.AveragePooling1D(3, 2, "same")),
    "AveragePooling2D": (IMAGE, L.AveragePooling2D(3, 2, "same")),
    "AveragePooling3D": (VOLUME, L.AveragePooling3D()),
    "BatchNormalization": (IMAGE, L.BatchNormalization()),
    "Bidirectional": (SERIES, L.Bidirectional(L.LSTM(3))),
    "CategoryEncoding": (VECTOR, lambda x: L.CategoryEncoding(9, "count")(L.ReLU(8)(x))),
    "CenterCrop": (IMAGE, L.CenterCrop(4, 5)),
    "Concatenate": (IMAGE, two(L.Concatenate)),
    "Conv1D": (SERIES, L.Conv1D(4, 3, activation="relu")),
    "Conv1DTranspose": (SERIES, L.Conv1DTranspose(4, 3, strides=2)),
    "Conv2D": (IMAGE, L.Conv2D(4, 3, dilation_rate=2)),
    "Conv2DTranspose": (IMAGE, L.Conv2DTranspose(4, 3, strides=2, padding="same", output_padding=1)),
    "Conv3D": (VOLUME, L.Conv3D(4, 3)),
    "Conv3DTranspose": (VOLUME, L.Conv3DTranspose(4, 3)),
    "ConvLSTM1D": ((4, 6, 2), L.ConvLSTM1D(3, 3)),
    "ConvLSTM2D": (FILM, L.ConvLSTM2D(3, 3)),
    "ConvLSTM3D": ((3, 4, 4, 4, 2), L.ConvLSTM3D(2, 2)),
    "Cropping1D": (SERIES, L.Cropping1D(2)),
    "Cropping2D": (IMAGE, L.Cropping2D(((1, 2), (0, 1)))),
    "Cropping3D": (VOLUME, L.Cropping3D(1)),
    "Dense": (VECTOR, L.Dense(4, activation="relu")),
    "DepthwiseConv1D": (SERIES, L.DepthwiseConv1D(3, depth_multiplier=2)),
    "DepthwiseConv2D": (IMAGE, L.DepthwiseConv2D(3, depth_multiplier=2)),
    "Discretization": (VECTOR, L.Discretization([-1.0, 0.0, 1.0])),
    "Dot": (SERIES, lambda x: L.Dot(2, normalize=True)([x, L.Dense(3)(x)])),
    "Dropout": (IMAGE, L.Dropout(0.3)),
    "ELU": (IMAGE, L.ELU(0.7)),
    "EinsumDense": (SERIES, L.EinsumDense("abc,cd->abd", (8, 4), bias_axes="d")),
    "Embedding": (VECTOR, lambda x: L.Embedding(9, 4)(L.ReLU(8)(x))),
    "Flatten": (IMAGE, L.Flatten()),
    "GRU": (SERIES, L.GRU(4)),
    "GaussianDropout": (IMAGE, L.GaussianDropout(0.3)),
    "GaussianNoise": (IMAGE, L.GaussianNoise(0.3)),
    "GlobalAveragePooling1D": (SERIES, L.GlobalAveragePooling1D()),
    "GlobalAveragePooling2D": (IMAGE, L.GlobalAveragePooling2D(keepdims=True)),
    "GlobalAveragePooling3D": (VOLUME, L.GlobalAveragePooling3D()),
    "GlobalMaxPooling1D": (SERIES, L.GlobalMaxPooling1D()),
    "GlobalMaxPooling2D": (IMAGE, L.GlobalMaxPooling2D()),
    "GlobalMaxPooling3D": (VOLUME, L.GlobalMaxPooling3D()),
    "GroupNormalization": (IMAGE, L.GroupNormalization(3)),
    "Hashing": (VECTOR, lambda x: L.Hashing(5)(tf.cast(x, tf.int32))),
    "Identity": (IMAGE, L.Identity()),
    "LSTM": (SERIES, L.LSTM(4, return_sequences=True)),
    "LayerNormalization": (IMAGE, L.LayerNormalization()),
    "LeakyReLU": (IMAGE, L.LeakyReLU(0.2)),
    "Masking": (SERIES, lambda x: L.LSTM(3)(L.Masking(0.0)(x))),
    "MaxPooling1D": (SERIES, L.MaxPooling1D()),
    "MaxPooling2D": (IMAGE, L.MaxPooling2D(3, 2, "same")),
    "MaxPooling3D": (VOLUME, L.MaxPooling3D()),
    "Maximum": (IMAGE, two(L.Maximum)),
    "Minimum": (IMAGE, two(L.Minimum)),
    "MultiHeadAttention": (SERIES, lambda x: L.MultiHeadAttention(2, 3)(x, L.Dense(3)(x))),
    "Multiply": (IMAGE, two(L.Multiply)),
    "Normalization": (IMAGE, L.Normalization(mean=[1.0, 2.0, 3.0], variance=[1.0, 4.0, 2.0])),
    "PReLU": (IMAGE, L.PReLU(shared_axes=[1, 2])),
    "Permute": (IMAGE, L.Permute((3, 1, 2))),
    "RNN": (SERIES, L.RNN(L.LSTMCell(3))),
    "RandomBrightness": (IMAGE, L.RandomBrightness(0.3)),
    "RandomContrast": (IMAGE, L.RandomContrast(0.3)),
    "RandomCrop": (IMAGE, L.RandomCrop(8, 8)),
    "RandomFlip": (IMAGE, L.RandomFlip()),
    "RandomHeight": (IMAGE, lambda x: L.GlobalMaxPooling2D()(L.RandomHeight(0.3)(x))),
    "RandomRotation": (IMAGE, L.RandomRotation(0.3)),
    "RandomTranslation": (IMAGE, L.RandomTranslation(0.3, 0.3)),
    "RandomWidth": (IMAGE, lambda x: L.GlobalMaxPooling2D()(L.RandomWidth(0.3)(x))),
    "RandomZoom": (IMAGE, L.RandomZoom(0.3)),
    "ReLU": (IMAGE, L.ReLU(2.0, 0.1, 0.3)),
    "RepeatVector": (VECTOR, L.RepeatVector(3)),
    "Rescaling": (IMAGE, L.Rescaling(1 / 127.5, -1)),
    "Reshape": (IMAGE, L.Reshape((-1, 3))),
    "Resizing": (IMAGE, L.Resizing(5, 11)),
    "SeparableConv1D": (SERIES, L.SeparableConv1D(4, 3)),
    "SeparableConv2D": (IMAGE, L.SeparableConv2D(4, 3, depth_multiplier=2)),
    "SimpleRNN": (SERIES, L.SimpleRNN(4)),
    "Softmax": (IMAGE, L.Softmax()),
    "SpatialDropout1D": (SERIES, L.SpatialDropout1D(0.3)),
    "SpatialDropout2D": (IMAGE, L.SpatialDropout2D(0.3)),
    "SpatialDropout3D": (VOLUME, L.SpatialDropout3D(0.3)),
    "StackedRNNCells": (SERIES, L.RNN(L.StackedRNNCells([L.GRUCell(3), L.SimpleRNNCell(2)]))),
    "Subtract": (IMAGE, two(L.Subtract)),
    "ThresholdedReLU": (IMAGE, L.ThresholdedReLU(0.6)),
    "TimeDistributed": (FILM, L.TimeDistributed(L.Conv2D(3, 3, activation="relu"))),
    "UnitNormalization": (IMAGE, L.UnitNormalization()),
    "UpSampling1D": (SERIES, L.UpSampling1D()),
    "UpSampling2D": (IMAGE, L.UpSampling2D(2, interpolation="bilinear")),
    "UpSampling3D": (VOLUME, L.UpSampling3D()),
    "ZeroPadding1D": (SERIES, L.ZeroPadding1D(2)),
    "ZeroPadding2D": (IMAGE, L.ZeroPadding2D(((1, 2), (0, 1)))),
    "ZeroPadding3D": (VOLUME, L.ZeroPadding3D(1)),
}

REFUSED: dict[str, tuple[tuple[int, ...], Make, str]] = {
    "Lambda": (VECTOR, L.Lambda(lambda x: x + 1), "Lambda layer .* runs code"),
    "LocallyConnected1D": (SERIES, L.LocallyConnected1D(3, 3), "'LocallyConnected1D'.* not a stock Keras class"),
    "LocallyConnected2D": (IMAGE, L.LocallyConnected2D(3, 3), "'LocallyConnected2D'.* not a stock Keras class"),
}

NO_LAYERS_OF_A_NETWORK = set(
    # Ancestors of other layers, cells that other cases hold, and what reads tables or text.
    "AbstractRNNCell DenseFeatures GRUCell HashedCrossing InputLayer IntegerLookup LSTMCell Layer SimpleRNNCell "
    # This one Keras 2 itself cannot build any more.
    "SpectralNormalization StringLookup TextVectorization Wrapper".split()
)


def network(image: tuple[int, ...], layer: Make) -> Any:
    start = L.Input(image)
    x = layer(start)
    x = x if len(x.shape) == 2 else L.Flatten()(x)
    return draw_weights(tf_keras.Model(start, L.Dense(3)(x)))


def test_the_table_holds_every_layer_of_keras_2() -> None:
    classes = {found.__name__ for found in vars(L).values() if inspect.isclass(found) and issubclass(found, L.Layer)}
    assert classes == {*LAYERS, *REFUSED, *NO_LAYERS_OF_A_NETWORK}


@pytest.mark.parametrize("suffix", ["h5", "keras"])
@pytest.mark.parametrize("name", LAYERS)
def test_a_layer_of_keras_2_predicts_as_there(tmp_path: Path, name: str, suffix: str) -> None:
    model = network(*LAYERS[name])
    # The mask of a sequence, and an index, need zeros.
    images = images_for(model).round() if name in ("Masking", "Embedding") else None
    assert_opens_alike(model, tmp_path / f"model.{suffix}", images)


@pytest.mark.parametrize("suffix", ["h5", "keras"])
@pytest.mark.parametrize("name", REFUSED)
def test_a_layer_that_keras_3_does_not_have_is_refused_by_name(tmp_path: Path, name: str, suffix: str) -> None:
    image, layer, finding = REFUSED[name]
    path = save_keras2(network(image, layer), tmp_path / f"model.{suffix}")
    with pytest.raises(ModelError, match=finding):
        open_model(path)
