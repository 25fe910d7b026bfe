"""Where a network is pruned when nobody says: in the feature map before its classifier."""

from __future__ import annotations

import os
from typing import Any

import keras
import pytest
from keras import layers

from bdtui.engine.network.channels import ChannelSource, find_source
from bdtui.engine.network.deepid import build_deepid
from bdtui.engine.network.graph import trace_network
from tests.networks import added, conv, functional, head, head_of_any, token_network

_POOL, _CLASSIFIER = "avg_pool", "predictions"
_UNNAMED = "global_average_pooling2d"

# Of every network of keras.applications the layer that is read, where its channels are silenced, and how many there are.
SMALLEST = {
    "ConvNeXtTiny": ("convnext_tiny_head_layernorm", "convnext_tiny_head_dense", 768),
    "DenseNet121": (_POOL, _CLASSIFIER, 1024),
    "EfficientNetB0": (_POOL, "top_conv", 1280),
    "EfficientNetV2B0": (_POOL, "top_conv", 1280),
    "InceptionResNetV2": (_POOL, "conv_7b", 1536),
    "InceptionV3": (_POOL, _CLASSIFIER, 2048),
    "MobileNet": (_UNNAMED, "conv_pw_13", 1024),
    "MobileNetV2": (_UNNAMED, "Conv_1", 1280),
    "MobileNetV3Small": (_UNNAMED, "conv_1", 576),
    "NASNetMobile": (_UNNAMED, _CLASSIFIER, 1056),
    "ResNet50": (_POOL, _CLASSIFIER, 2048),
    "ResNet50V2": (_POOL, _CLASSIFIER, 2048),
    "VGG16": ("block5_pool", "block5_conv3", 512),
    "Xception": (_POOL, "block14_sepconv2", 2048),
}
# Too large to be built at every run: `make applications` does.
LARGER = {
    **{
        f"ConvNeXt{size}": (f"convnext_{size.lower()}_head_layernorm", f"convnext_{size.lower()}_head_dense", channels)
        for size, channels in {"Small": 768, "Base": 1024, "Large": 1536, "XLarge": 2048}.items()
    },
    "DenseNet169": (_POOL, _CLASSIFIER, 1664),
    "DenseNet201": (_POOL, _CLASSIFIER, 1920),
    **{
        f"EfficientNetB{number}": (_POOL, "top_conv", channels)
        for number, channels in enumerate([1280, 1408, 1536, 1792, 2048, 2304, 2560], 1)
    },
    **{
        f"EfficientNetV2{size}": (_POOL, "top_conv", channels)
        for size, channels in {"B1": 1280, "B2": 1408, "B3": 1536, "S": 1280, "M": 1280, "L": 1280}.items()
    },
    "MobileNetV3Large": (_UNNAMED, "conv_1", 960),
    "NASNetLarge": (_UNNAMED, _CLASSIFIER, 4032),
    **{f"ResNet{depth}{version}": (_POOL, _CLASSIFIER, 2048) for depth in (101, 152) for version in ("", "V2")},
    "VGG19": ("block5_pool", "block5_conv4", 512),
}
_LEAST_SIZES = {"InceptionV3": 75, "InceptionResNetV2": 75, "Xception": 71}


def default_of(model: keras.Model) -> ChannelSource:
    return find_source(trace_network(model))


@pytest.mark.slow
@pytest.mark.parametrize("name", [*SMALLEST, *(LARGER if "BDTUI_ALL_APPLICATIONS" in os.environ else ())])
def test_the_default_of_every_keras_application_is_the_feature_map_before_the_classifier(name: str) -> None:
    keras.utils.clear_session()
    size = _LEAST_SIZES.get(name, 32)
    found = default_of(getattr(keras.applications, name)(weights=None, input_shape=(size, size, 3), classes=10))
    assert (found.profiled.name, found.pruned, found.channels) == {**SMALLEST, **LARGER}[name]


def test_the_table_has_every_network_that_keras_offers() -> None:
    assert {*SMALLEST, *LARGER} == {name for name in vars(keras.applications) if name[0].isupper()}


def residual_block(x: Any, name: str) -> Any:
    inner = conv(f"{name}_1", padding="same")(x)
    return layers.ReLU(name=f"{name}_out")(layers.Add()([x, conv(f"{name}_2", None, padding="same")(inner)]))


DEFAULTS = {
    "the deepest pooling of plain convolutions": (
        lambda x: head(
            conv("c3", padding="same")(layers.MaxPooling2D(name="p2")(conv("c2")(layers.MaxPooling2D()(conv("c1")(x)))))
        ),
        "p2",
    ),
    "residual blocks into Flatten, not the pooling of the stem": (
        lambda x: head(residual_block(residual_block(layers.MaxPooling2D()(conv("stem")(x)), "a"), "b")),
        "b_out",
    ),
    "the last convolution behind residual blocks, into Flatten": (
        lambda x: head(conv("last")(residual_block(layers.MaxPooling2D()(conv("stem")(x)), "a"))),
        "last",
    ),
    "residual blocks into pooling and a hidden layer": (
        lambda x: head_of_any(
            layers.Dense(20, activation="relu")(
                layers.GlobalMaxPooling2D(name="pool")(residual_block(conv("c")(x), "a"))
            )
        ),
        "pool",
    ),
    "a concatenation of branches": (
        lambda x: head(layers.Concatenate(name="branches")([conv("left")(x), conv("right")(x)])),
        "branches",
    ),
    "vectors that are added are no feature map": (
        lambda x: head_of_any(layers.Add()([layers.Flatten()(conv("c")(x)), layers.Dense(800)(layers.Flatten()(x))])),
        "c",
    ),
    "a sum that cannot be silenced leaves the pooling before it": (
        lambda x: head(layers.LSTM(3)(layers.Reshape((-1, 8))(added(layers.MaxPooling2D(name="pool")(conv("c")(x)))))),
        "pool",
    ),
}


@pytest.mark.parametrize("case", DEFAULTS)
def test_the_default_is(case: str) -> None:
    keras.utils.clear_session()
    body, expected = DEFAULTS[case]
    assert default_of(functional(body)).profiled.name == expected


def test_the_default_of_deepid_is_its_third_pooling() -> None:
    assert default_of(build_deepid(10)).profiled.name == "pool_3"


@pytest.mark.parametrize(
    "classifier",
    [
        lambda x: head_of_any(layers.GlobalAveragePooling1D()(x)),
        lambda x: head(layers.Dropout(0.1)(x)),
        lambda x: head_of_any(x[:, 0]),
    ],
    ids=["averaged", "flattened", "first token"],
)
def test_transformers_are_pruned_in_the_units_of_their_last_block(classifier: Any) -> None:
    keras.utils.clear_session()
    found = default_of(token_network(classifier))
    assert (found.profiled.name, found.pruned, found.channels) == ("units_1", "units_1", 16)
