"""Models saved by older versions of Keras open and predict as before."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest
from keras import layers

from bdtui.engine.errors import ModelError
from bdtui.engine.inputs.model import OpenedModel, open_model
from bdtui.engine.network.copies import copy_model
from bdtui.engine.network.deepid import INPUT_SHAPE, build_deepid
from bdtui.engine.network.graph import run_calls, trace_network

LEGACY = Path(__file__).parents[2] / "data" / "legacy"
CASES = {
    "keras22_sequential.h5": "sequential",
    "keras20_sequential_bare_list.h5": "sequential",
    "tfkeras_sequential.keras": "sequential",
    "tfkeras_functional.h5": "functional",
    "tfkeras_functional.keras": "functional",
    "tfkeras_nested.h5": "nested",
    "tfkeras_nested.keras": "nested",
}
SHAPE = (8, 8, 3)


def predictions(model: keras.Model, images: np.ndarray) -> np.ndarray:
    return np.asarray(model(images.astype(np.float32), training=False))


def assert_predicts(opened: OpenedModel, name: str) -> None:
    """Compare a reopened model's predictions with those recorded when it was saved."""
    with np.load(LEGACY / f"{name}.npz") as kept:
        np.testing.assert_allclose(predictions(opened.keras_model, kept["X"]), kept["P"], atol=1e-5)


@pytest.fixture(scope="module")
def model() -> keras.Model:
    keras.utils.set_random_seed(2)
    start = keras.Input(SHAPE, name="image")
    x = layers.Conv2D(4, 3, activation="relu", name="conv")(start)
    x = layers.BatchNormalization(name="norm")(layers.MaxPooling2D(name="pool")(x))
    return keras.Model(start, layers.Dense(5, activation="softmax", name="scores")(layers.Flatten(name="flat")(x)))


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    return np.random.default_rng(4).normal(size=(10, *SHAPE)).astype(np.float32)


@pytest.mark.parametrize(("file", "name"), CASES.items(), ids=CASES.keys())
def test_an_older_model_predicts_as_when_saved(file: str, name: str) -> None:
    opened = open_model(LEGACY / file)
    assert (opened.classes, opened.input_shape) == (4, (10, 10, 3))
    assert_predicts(opened, name)


def test_an_older_architecture_with_weights_predicts_as_when_saved() -> None:
    opened = open_model(
        architecture=str(LEGACY / "tfkeras_functional.json"), weights=LEGACY / "tfkeras_functional_weights.h5"
    )
    assert opened.path.name == "tfkeras_functional_weights.h5"
    assert_predicts(opened, "functional")


@pytest.mark.parametrize("order", [slice(None, None, -1), slice(1, None)], ids=["reversed", "turned"])
@pytest.mark.parametrize("whole", [True, False], ids=["whole model", "weights only"])
def test_weights_listed_in_another_order_go_to_their_own_layers(tmp_path: Path, order: slice, whole: bool) -> None:
    source = "tfkeras_functional.h5" if whole else "tfkeras_functional_weights.h5"
    path = Path(shutil.copy(LEGACY / source, tmp_path))
    with h5py.File(path, "r+") as file:
        group = file["model_weights"] if whole else file
        names = list(group.attrs["layer_names"])
        group.attrs["layer_names"] = names[order] + (names[:1] if order.start else [])
    given = {} if whole else {"architecture": str(LEGACY / "tfkeras_functional.json"), "weights": path}
    assert_predicts(open_model(path if whole else None, **given), "functional")


@pytest.mark.parametrize("name", ["MODEL.H5", "model.hdf5", "model.Keras", "model", "model.keras.h5"])
def test_the_content_decides_and_not_the_suffix(
    tmp_path: Path, model: keras.Model, images: np.ndarray, name: str
) -> None:
    for suffix in ("h5", "keras"):
        model.save(tmp_path / f"saved.{suffix}")
        path = (tmp_path / f"saved.{suffix}").replace(tmp_path / name)
        opened = open_model(path)
        assert opened.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
        np.testing.assert_allclose(predictions(opened.keras_model, images), predictions(model, images), atol=1e-6)


@pytest.mark.parametrize("suffix", ["h5", "keras"])
@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_a_trained_model_opens_as_it_was_saved(
    tmp_path: Path, model: keras.Model, images: np.ndarray, suffix: str, optimizer: str
) -> None:
    trained = copy_model(model)
    trained.compile(optimizer, keras.losses.SparseCategoricalCrossentropy(), metrics=["accuracy"])
    trained.fit(images, np.arange(10) % 5, verbose=0)
    trained.save(tmp_path / f"trained.{suffix}")
    opened = open_model(tmp_path / f"trained.{suffix}")
    np.testing.assert_allclose(predictions(opened.keras_model, images), predictions(trained, images), atol=1e-6)


@pytest.mark.parametrize("weights", ["new.weights.h5", "whole.h5", "whole.keras"])
@pytest.mark.parametrize("over", ["model", "architecture"])
def test_weights_are_laid_over_a_model_or_an_architecture(
    tmp_path: Path, model: keras.Model, images: np.ndarray, weights: str, over: str
) -> None:
    other = copy_model(model)
    for variable in other.trainable_variables:
        variable.assign(np.asarray(variable) + 0.25)
    save: Callable[..., None] = other.save_weights if "weights" in weights else other.save
    save(tmp_path / weights)
    model.save(tmp_path / "model.keras")
    (tmp_path / "model.json").write_text(model.to_json())
    if over == "model":
        opened = open_model(tmp_path / "model.keras", weights=tmp_path / weights)
    else:
        opened = open_model(architecture=str(tmp_path / "model.json"), weights=tmp_path / weights)
    np.testing.assert_allclose(predictions(opened.keras_model, images), predictions(other, images), atol=1e-6)


@pytest.mark.parametrize("name", ["deepid.h5", "deepid.weights.h5"])
def test_deepid_takes_its_number_of_classes_from_the_weights(tmp_path: Path, name: str) -> None:
    model = build_deepid(7)
    save: Callable[..., None] = model.save_weights if "weights" in name else model.save
    save(tmp_path / name)
    faces = np.random.default_rng(0).random((3, *INPUT_SHAPE)).astype(np.float32)
    opened = open_model(architecture="deepid", weights=tmp_path / name)
    assert opened.classes == 7
    np.testing.assert_allclose(predictions(opened.keras_model, faces), predictions(model, faces), atol=1e-6)


def test_opening_changes_nothing_in_the_file(tmp_path: Path, model: keras.Model) -> None:
    path = tmp_path / "model.h5"
    model.save(path)
    before = path.read_bytes()
    path.chmod(0o400)
    open_model(path)
    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["model.h5"]


@pytest.mark.parametrize("suffix", ["h5", "keras"])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_non_finite_weights_are_refused_by_name(tmp_path: Path, model: keras.Model, suffix: str, value: float) -> None:
    broken = copy_model(model)
    bias = broken.get_layer("scores").bias
    bias.assign(np.full(bias.shape, value))
    broken.save(tmp_path / f"model.{suffix}")
    with pytest.raises(ModelError, match=r"scores/bias.*NaN or infinite"):
        open_model(tmp_path / f"model.{suffix}")


@pytest.mark.parametrize(
    "layer",
    [
        layers.RandomFlip(),
        layers.RandomRotation(0.3),
        layers.RandomContrast(0.9),
        layers.RandomBrightness(0.9),
        layers.RandomTranslation(0.3, 0.3),
        layers.Dropout(0.9),
        layers.GaussianNoise(0.9),
    ],
    ids=lambda layer: type(layer).__name__,
)
def test_layers_for_training_do_nothing_when_the_calls_of_a_network_are_run(
    layer: layers.Layer, images: np.ndarray
) -> None:
    model = keras.Sequential(
        [keras.Input(SHAPE), layer, layers.Conv2D(4, 3), layers.Flatten(), layers.Dense(5)], name="augmented"
    )
    network = trace_network(model)
    values = {network.input: keras.ops.convert_to_tensor(images)}
    run_calls(network.calls, values)
    np.testing.assert_allclose(np.asarray(values[network.output]), predictions(model, images), atol=1e-5)
