"""Networks with layers that `keras.applications` define for themselves open, and nobody else's open under their names."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
import tf_keras
from keras import layers
from tf_keras.src.applications import convnext, inception_resnet_v2

from bdtui.engine.errors import ModelError
from bdtui.engine.inputs.application_layers import APPLICATION_LAYERS
from bdtui.engine.inputs.model import open_model
from bdtui.engine.network.channels import find_source
from bdtui.engine.network.copies import copy_with_pruned
from bdtui.engine.network.goodnet import join_networks
from tests.engine.inputs.keras2 import L, assert_opens_alike, draw_weights


def scaled() -> keras.Model:
    start = keras.Input((8, 8, 3))
    x = layers.Conv2D(4, 3, name="conv")(start)
    scale, add = APPLICATION_LAYERS["LayerScale"], APPLICATION_LAYERS["CustomScaleLayer"]
    x = add(0.3)([x, scale(0.5, 4)(layers.Conv2D(4, 1)(x))])
    x = layers.LayerNormalization(name="normalised")(layers.GlobalAveragePooling2D()(x))
    return keras.Model(start, layers.Dense(3, name="scores")(x))


@pytest.mark.parametrize("suffix", ["h5", "keras"])
def test_layers_of_keras_applications_open_and_are_pruned_and_saved(tmp_path: Path, suffix: str) -> None:
    model = scaled()
    model.save(tmp_path / f"model.{suffix}")
    images = np.random.default_rng(0).normal(size=(20, 8, 8, 3)).astype(np.float32)
    opened = open_model(tmp_path / f"model.{suffix}")
    assert np.array_equal(opened.keras_model(images), model(images))
    source = find_source(opened.network)
    assert (source.profiled.name, source.pruned) == ("normalised", "scores")
    pruned = copy_with_pruned(opened.keras_model, source, [1])
    pruned.save(tmp_path / f"pruned.{suffix}")
    assert np.array_equal(open_model(tmp_path / f"pruned.{suffix}").keras_model(images), pruned(images))
    join_networks(opened.network, source, [1]).save(tmp_path / "goodnet.keras")
    keras.models.load_model(tmp_path / "goodnet.keras", compile=False, safe_mode=True)


@pytest.mark.parametrize(
    "module", ["os", "keras.src.applications", "keras.src.applications.resnet", "convnext", "keras.layers"]
)
def test_a_layer_of_that_name_from_elsewhere_is_refused(tmp_path: Path, module: str) -> None:
    scaled().save(tmp_path / "sound.keras")
    with zipfile.ZipFile(tmp_path / "sound.keras") as sound, zipfile.ZipFile(tmp_path / "model.keras", "w") as forged:
        for name in sound.namelist():
            content = sound.read(name)
            if name == "config.json":
                config = json.loads(content)
                for layer in config["config"]["layers"]:
                    if layer["class_name"] == "LayerScale":
                        layer["module"] = module
                content = json.dumps(config).encode()
            forged.writestr(name, content)
    with pytest.raises(ModelError, match="names module"):
        open_model(tmp_path / "model.keras")


@pytest.mark.parametrize("name", ["model.h5", "model.keras", "model"])
def test_the_same_layers_of_keras_2_open_and_predict_as_there(tmp_path: Path, name: str) -> None:
    start = L.Input((8, 8, 3))
    # EfficientNetV2 of Keras 2 sets TensorFlow's own initialiser.
    x = L.Conv2D(4, 3, kernel_initializer=tf.initializers.VarianceScaling())(start)
    scaled = convnext.LayerScale(0.5, 4)(L.Conv2D(4, 1)(x))
    x = L.GlobalAveragePooling2D()(inception_resnet_v2.CustomScaleLayer(0.3)([x, scaled]))
    model = draw_weights(tf_keras.Model(start, L.Dense(3)(x)))
    assert_opens_alike(model, tmp_path / name)
