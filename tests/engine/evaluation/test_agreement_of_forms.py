"""Whatever a network ends in, reads, or computes with: masked, saved and joined it predicts the same."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from bdtui.engine.inputs.datasets import open_dataset
from bdtui.engine.inputs.model import OpenedModel, open_model
from bdtui.engine.network.goodnet import join_networks
from bdtui.engine.pruning.prune import PruningResult, prune
from tests.networks import conv, functional, on_any_processor, write_images

IMAGES = 48
BATCH = 16
FIRST = {"data_format": "channels_first"}


@dataclass(frozen=True)
class Form:
    """A network, the layer to prune, and how Keras' output (images, …) tells the classes."""

    build: Callable[[], keras.Model]
    layer: str = "pool"
    classes_of: Callable[[np.ndarray], np.ndarray] = lambda scores: scores.reshape(len(scores), -1).argmax(axis=1)
    image: tuple[int, ...] = (10, 10, 3)
    suffix: str = "h5"
    pixels: str = "float32"


def above(threshold: float) -> Callable[[np.ndarray], np.ndarray]:
    return lambda scores: (scores.reshape(len(scores)) > threshold).astype(int)


def ends_in(*last: layers.Layer, image: tuple[int | None, ...] = (10, 10, 3), first: Any = None) -> keras.Model:
    def body(x: Any) -> Any:
        x = layers.MaxPooling2D(name="pool")(conv("conv")(x if first is None else first(x)))
        for layer in last:
            x = layer(x)
        return x

    return functional(body, image)


def nested_unit() -> keras.Model:
    base = functional(lambda x: layers.MaxPooling2D(name="pool")(conv("conv")(x)), (10, 10, 3))
    top = keras.Sequential([layers.Flatten(), layers.Dense(6, activation="relu"), layers.Dense(1, "sigmoid")])
    return keras.Sequential([keras.Input((10, 10, 3)), base, top])


def convolutions(*, first: bool, **policy: Any) -> Callable[[Any], Any]:
    place = FIRST if first else {}

    def body(x: Any) -> Any:
        x = layers.Conv2D(8, 3, use_bias=False, name="conv", **place, **policy)(x)
        x = layers.ReLU(**policy)(layers.BatchNormalization(axis=1 if first else -1, **policy)(x))
        x = layers.MaxPooling2D(name="pool", **place, **policy)(x)
        return layers.Conv2D(6, 3, activation="relu", name="behind", **place, **policy)(x)

    return body


def first_and_flattened() -> keras.Model:
    behind = convolutions(first=True)
    return functional(lambda x: layers.Dense(5, "softmax")(layers.Flatten(**FIRST)(behind(x))), (3, 10, 10))


def first_and_averaged() -> keras.Model:
    behind = convolutions(first=True)
    return functional(lambda x: layers.Dense(5)(layers.GlobalAveragePooling2D(**FIRST)(behind(x))), (3, 10, 10))


def of_precision(policy: str) -> keras.Model:
    behind = convolutions(first=False, dtype=policy)

    def body(x: Any) -> Any:
        x = behind(x)
        x = x + layers.Conv2D(6, 1, dtype=policy)(x) * 0.5
        x = layers.Dense(5, dtype=policy)(layers.GlobalAveragePooling2D(dtype=policy)(x))
        return layers.Activation("softmax", dtype="float64" if policy == "float64" else "float32")(x)

    start = keras.Input((10, 10, 3), dtype="float64" if policy == "float64" else "float32")
    return keras.Model(start, body(start))


def of_bytes() -> keras.Model:
    start = keras.Input((10, 10, 3), dtype="uint8")
    x = layers.MaxPooling2D(name="pool")(conv("conv")(layers.Rescaling(1 / 64, -2.0)(start)))
    return keras.Model(start, layers.Dense(5)(layers.Flatten()(x)))


def normalised() -> keras.Model:
    normalisation = layers.Normalization()
    normalisation.adapt(np.random.default_rng(2).normal(3, 4, size=(50, 10, 10, 3)).astype(np.float32))
    return ends_in(layers.Flatten(), layers.Dense(1, "sigmoid"), first=normalisation)


def resized() -> keras.Model:
    return ends_in(layers.Flatten(), layers.Dense(5, "softmax"), image=(None, None, 3), first=layers.Resizing(10, 10))


FORMS = {
    "a sigmoid unit": Form(lambda: ends_in(layers.Flatten(), layers.Dense(1, "sigmoid")), classes_of=above(0.5)),
    "a sigmoid unit behind dense layers": Form(
        lambda: ends_in(layers.Flatten(), layers.Dense(9, "relu", name="units"), layers.Dense(1, "sigmoid")),
        layer="units",
        classes_of=above(0.5),
    ),
    "a sigmoid of its own, in half precision": Form(
        lambda: ends_in(
            layers.Flatten(),
            layers.Dense(7, "relu", dtype="mixed_float16"),
            layers.Dense(1, dtype="mixed_float16"),
            layers.Activation("sigmoid", dtype="mixed_float16"),
        ),
        classes_of=above(0.5),
    ),
    "a nested sigmoid unit": Form(nested_unit, classes_of=above(0.5)),
    "a logit": Form(lambda: ends_in(layers.Flatten(), layers.Dense(1)), classes_of=above(0)),
    "a convolution's averaged logit": Form(
        lambda: ends_in(layers.Conv2D(1, 3), layers.GlobalAveragePooling2D(keepdims=True)), classes_of=above(0)
    ),
    "scores between axes of length 1": Form(lambda: ends_in(layers.Conv2D(5, 4, activation="softmax"))),
    "scores in front of axes of length 1": Form(
        lambda: ends_in(layers.GlobalMaxPooling2D(), layers.Dense(5), layers.Reshape((5, 1, 1)))
    ),
    "softmax as a layer": Form(lambda: ends_in(layers.Flatten(), layers.Dense(5), layers.Softmax())),
    "channels first, flattened": Form(first_and_flattened, image=(3, 10, 10)),
    "channels first, averaged": Form(first_and_averaged, image=(3, 10, 10)),
    "mixed_float16": Form(lambda: of_precision("mixed_float16"), suffix="keras"),
    "mixed_bfloat16": Form(lambda: of_precision("mixed_bfloat16"), suffix="keras"),
    "float64": Form(lambda: of_precision("float64"), suffix="keras"),
    "bytes": Form(of_bytes, pixels="uint8"),
    "normalised inside": Form(normalised, classes_of=above(0.5)),
    "resized inside": Form(resized, image=(13, 11, 3)),
}


def drawn(form: Form, pixels: np.ndarray) -> keras.Model:
    """The form's network, with weights that tell images apart."""
    keras.utils.set_random_seed(7)
    model = form.build()
    random = np.random.default_rng(7)
    for weight in model.trainable_weights:
        fan_in = max(1, int(np.prod(weight.shape[:-1])))
        kernel = "kernel" in weight.path
        weight.assign(random.normal(0 if kernel else 0.1, 2 / np.sqrt(fan_in) if kernel else 0.3, weight.shape))
    # Scores are centred: otherwise one class would win on nearly every image.
    scores = by_keras(model, pixels).astype(np.float64).reshape(len(pixels), -1)
    # A saturated sigmoid has no logit.
    scores = scores.clip(1e-9, 1 - 1e-9) if scores.min() >= 0 and scores.max() <= 1 else scores
    if scores.min() >= 0 and scores.max() <= 1:
        scores = np.log(scores) - (np.log(1 - scores) if scores.shape[1] == 1 else 0)
    bias = [weight for weight in model.trainable_weights if weight.path.endswith("bias")][-1]
    bias.assign(np.asarray(bias, np.float32) - np.median(scores, axis=0))
    return model


def by_keras(model: keras.Model, pixels: np.ndarray) -> np.ndarray:
    """The output as Keras itself computes it."""
    made: np.ndarray = on_any_processor(model).predict(pixels, batch_size=BATCH, verbose=0)
    return made


@dataclass(frozen=True)
class Opened:
    form: Form
    pixels: np.ndarray
    model: OpenedModel
    result: PruningResult


@pytest.fixture(scope="module", params=FORMS.values(), ids=FORMS.keys())
def opened(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Opened:
    form: Form = request.param
    folder = tmp_path_factory.mktemp("form")
    random = np.random.default_rng(3)
    pixels = random.normal(size=(IMAGES, *form.image)).astype(np.float32)
    if form.pixels == "uint8":
        pixels = random.integers(0, 256, pixels.shape).astype(np.uint8)
    drawn(form, pixels).save(folder / f"model.{form.suffix}")
    model = open_model(folder / f"model.{form.suffix}")
    labels = form.classes_of(by_keras(model.keras_model, pixels))
    data = open_dataset(write_images(folder / "data.h5", pixels, labels), model.input_shape, model.classes)
    return Opened(form, pixels, model, prune(model, data, layer=form.layer, batch_size=BATCH))


def test_masked_and_saved_networks_agree_in_every_prediction(opened: Opened, tmp_path: Path) -> None:
    form, result = opened.form, opened.result
    assert result.curve[0].rates.clean_accuracy == 100
    seen = set()
    for step in result.curve:
        channels = result.order[: step.step]
        path = tmp_path / f"pruned.{form.suffix}"
        result.session.pruned_model(channels).save(path)
        pruned = keras.models.load_model(path, compile=False)
        assert pruned.output_shape == opened.model.keras_model.output_shape
        expected = form.classes_of(by_keras(pruned, opened.pixels))
        assert np.array_equal(result.session.predict("clean_valid", channels), expected), f"step {step.step}"
        seen.add(expected.tobytes())
    assert len(seen) > 3, "pruning must change predictions, or agreement says nothing"


def test_the_goodnet_has_one_output_more_than_there_are_classes(opened: Opened, tmp_path: Path) -> None:
    form, result, classes = opened.form, opened.result, opened.model.classes
    channels = result.order[: len(result.order) * 3 // 4]
    join_networks(opened.model.network, result.session.source, channels).save(tmp_path / "goodnet.keras")
    scores = by_keras(keras.models.load_model(tmp_path / "goodnet.keras", compile=False), opened.pixels)
    assert scores.shape == (IMAGES, classes + 1)
    badnet, pruned = (
        form.classes_of(by_keras(model, opened.pixels))
        for model in (opened.model.keras_model, result.session.pruned_model(channels))
    )
    assert (badnet != pruned).any(), "some image must be disputed, or the extra class is never tried"
    assert np.array_equal(scores.argmax(axis=1), np.where(badnet == pruned, badnet, classes))
    assert np.array_equal(result.session.predict_goodnet("clean_valid", channels), scores.argmax(axis=1))
