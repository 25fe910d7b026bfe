"""Errors of Keras and TensorFlow come as one plain sentence that says what to do."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import pytest
from keras import layers

from bdtui.engine.errors import ModelError
from bdtui.engine.inputs.keras_errors import run_sentence
from bdtui.engine.inputs.model import open_model

SHAPE = (8, 8, 3)


@pytest.mark.parametrize(
    "raised",
    [
        "The Conv2D op currently only supports the NHWC tensor format on the CPU. The op was given the format: NCHW",
        "Generic conv implementation only supports NHWC tensor format for now. [Op:Conv2D]",
        "Default MaxPoolingOp only supports NHWC on device type CPU",
    ],
)
def test_channels_first_has_its_own_sentence(raised: str) -> None:
    assert run_sentence(ValueError(raised)).startswith(
        "TensorFlow cannot run its channels_first layers on this device; "
    )


def network(*inside: layers.Layer, **compiled: Any) -> keras.Model:
    model = keras.Sequential(
        [
            keras.Input(SHAPE, name="image"),
            layers.Conv2D(4, 3, name="conv"),
            *inside,
            layers.Flatten(name="flat"),
            layers.Dense(5, name="scores"),
        ]
    )
    if compiled:
        model.compile(**compiled)
        model.fit(np.zeros((2, *SHAPE)), np.zeros(2), verbose=0)
    return model


@keras.saving.register_keras_serializable("own")
class OwnLayer(layers.Layer):  # type: ignore[misc]
    def call(self, inputs: Any) -> Any:
        return inputs


@keras.saving.register_keras_serializable("own")
class OwnSGD(keras.optimizers.SGD):  # type: ignore[misc]
    pass


@keras.saving.register_keras_serializable("own")
class OwnModel(keras.Model):  # type: ignore[misc]
    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.dense = layers.Dense(3)

    def call(self, inputs: Any) -> Any:
        return self.dense(inputs)


@keras.saving.register_keras_serializable("own")
def own_loss(labels: Any, scores: Any) -> Any:
    return keras.losses.sparse_categorical_crossentropy(labels, scores, from_logits=True)


@pytest.mark.parametrize("suffix", ["h5", "keras"])
def test_a_layer_of_ones_own_is_named_with_what_to_do(tmp_path: Path, suffix: str) -> None:
    network(OwnLayer(name="odd")).save(tmp_path / f"model.{suffix}")
    with pytest.raises(ModelError, match=r"OwnLayer' \('odd'\), which is not a stock Keras class; .*stock layers"):
        open_model(tmp_path / f"model.{suffix}")


def test_a_model_of_ones_own_class_is_named_with_what_to_do(tmp_path: Path) -> None:
    model = OwnModel()
    model(np.zeros((1, 4)))
    model.save(tmp_path / "model.keras")
    with pytest.raises(ModelError, match=r"class 'OwnModel'; expected a Functional or Sequential model"):
        open_model(tmp_path / "model.keras")


@pytest.mark.parametrize("suffix", ["h5", "keras"])
def test_optimizer_and_loss_of_ones_own_do_not_matter(tmp_path: Path, suffix: str) -> None:
    network(optimizer=OwnSGD(), loss=own_loss).save(tmp_path / f"model.{suffix}")
    assert open_model(tmp_path / f"model.{suffix}").classes == 5


def test_several_inputs_are_named(tmp_path: Path) -> None:
    ends = [keras.Input((4,), name="left"), keras.Input((4,), name="right")]
    keras.Model(ends, layers.Dense(3)(layers.Concatenate()(ends))).save(tmp_path / "model.keras")
    with pytest.raises(ModelError, match=r"has 2 inputs \('left', 'right'\); expected exactly one, the image"):
        open_model(tmp_path / "model.keras")


def edited(path: Path, edit: Callable[[h5py.File], object]) -> Path:
    with h5py.File(path, "r+") as file:
        edit(file)
    return path


@pytest.mark.parametrize("form", ["h5", "keras", "weights.h5"])
def test_a_layer_without_its_weights_is_named(tmp_path: Path, form: str) -> None:
    model = network()
    if form == "h5":
        model.save(tmp_path / "model.h5")
        path = edited(
            tmp_path / "model.h5", lambda file: file["model_weights/scores"].attrs.__setitem__("weight_names", [])
        )
        given: dict[str, Any] = {"path": path}
    else:
        model.save_weights(tmp_path / "w.weights.h5")
        edited(tmp_path / "w.weights.h5", lambda file: file["layers"].__delitem__("dense"))
        (tmp_path / "model.json").write_text(model.to_json())
        given = {"architecture": str(tmp_path / "model.json"), "weights": tmp_path / "w.weights.h5"}
        if form == "keras":
            with zipfile.ZipFile(tmp_path / "model.keras", "w") as archive:
                archive.writestr("config.json", model.to_json())
                archive.write(tmp_path / "w.weights.h5", "model.weights.h5")
            given = {"path": tmp_path / "model.keras"}
    with pytest.raises(ModelError) as raised:
        open_model(**given)
    sentence = str(raised.value)
    assert "scores" in sentence or "1 layers" in sentence
    assert "expected" in sentence
    assert "\n" not in sentence
    assert "object at 0x" not in sentence


def test_weights_of_another_shape_are_told_with_both_shapes(tmp_path: Path) -> None:
    network().save(tmp_path / "model.h5")
    other = keras.Sequential(
        [keras.Input(SHAPE), layers.Conv2D(6, 3, name="conv"), layers.Flatten(), layers.Dense(5, name="scores")]
    )
    other.save(tmp_path / "other.h5")
    with pytest.raises(
        ModelError, match=r"other\.h5: layer 'conv' takes weights 3×3×3×4\+4 and the file has 3×3×3×6\+6 \('conv'\)"
    ):
        open_model(tmp_path / "model.h5", weights=tmp_path / "other.h5")


@pytest.mark.parametrize("form", ["h5", "weights.h5"])
def test_weights_of_another_network_are_described_with_what_to_give(tmp_path: Path, form: str) -> None:
    network().save(tmp_path / "model.h5")
    other = keras.Sequential(
        [
            keras.Input((4,)),
            layers.Dense(7, name="hidden"),
            layers.Dense(6, name="inner"),
            layers.Dense(5, name="scores"),
        ]
    )
    path = tmp_path / f"other.{form}"
    if form == "h5":
        other.save(path)
    else:
        other.save_weights(path)
    with pytest.raises(
        ModelError,
        match=r"has weights for 3 layers \((hidden|dense) 4×7\+7, .*\) and the model has 2 \(conv 3×3×3×4\+4, scores 144×5\+5\); "
        r"expected the weights of this model, or at --architecture ",
    ):
        open_model(tmp_path / "model.h5", weights=path)


def test_an_error_over_the_architecture_names_the_architecture(tmp_path: Path) -> None:
    model = network()
    model.save_weights(tmp_path / "w.weights.h5")
    config = json.loads(model.to_json())
    config["config"]["layers"][1]["config"]["padding"] = "nonsense"
    (tmp_path / "model.json").write_text(json.dumps(config))
    with pytest.raises(ModelError, match=r"model\.json: .*layer 'conv': The `padding` argument must be .*expected"):
        open_model(architecture=str(tmp_path / "model.json"), weights=tmp_path / "w.weights.h5")


def test_a_setting_that_keras_does_not_know_is_named_with_its_layers_class(tmp_path: Path) -> None:
    model = network()
    config = json.loads(model.to_json())
    config["config"]["layers"][1]["config"]["wobble"] = 3
    (tmp_path / "model.json").write_text(json.dumps(config))
    model.save_weights(tmp_path / "w.weights.h5")
    with pytest.raises(ModelError, match=r"layer of class Conv2D has settings that Keras \S+ does not know \(wobble\)"):
        open_model(architecture=str(tmp_path / "model.json"), weights=tmp_path / "w.weights.h5")
