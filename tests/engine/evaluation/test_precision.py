"""Values at the cut keep their precision: masked, saved and joined networks agree where one bit decides."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from bdtui.engine.errors import ModelError
from bdtui.engine.evaluation.evaluator import PruningSession
from bdtui.engine.inputs.datasets import open_dataset
from bdtui.engine.inputs.model import open_model
from bdtui.engine.network.channels import find_source
from bdtui.engine.network.goodnet import join_networks
from tests.networks import write_images

IMAGES = 60


@dataclass(frozen=True)
class Precise:
    """A network that ends in two scores, of inputs of a type."""

    behind: Callable[[Any], Any]
    policy: str
    input_dtype: str = "float32"


def scores(x: Any, policy: str) -> Any:
    return layers.Dense(2, name="scores", dtype=policy)(layers.Flatten(dtype=policy)(x))


def rounded_coarsely(x: Any) -> Any:
    """In half precision, whole fours are left of the channels."""
    return scores((x * 8.0 + 4096.0) - 4096.0, "mixed_float16")


NETWORKS = {
    "double precision": Precise(lambda x: scores(x, "float64"), "float64", "float64"),
    "half precision in an operation": Precise(rounded_coarsely, "mixed_float16"),
}


def drawn(form: Precise, pixels: np.ndarray) -> keras.Model:
    keras.utils.set_random_seed(3)
    start = keras.Input((8, 8, 3), dtype=form.input_dtype)
    scaled = layers.Rescaling(1 / 64, dtype=form.policy)(start)
    x = layers.Conv2D(6, 3, activation="relu", name="conv", dtype=form.policy)(scaled)
    model = keras.Model(start, form.behind(x))
    last = model.get_layer("scores")
    kernel = last.kernel
    random = np.random.default_rng(1)
    first = random.normal(size=kernel.shape[0])
    # In double precision, the second score is the first but for what single precision does not hold.
    apart = 1e-10 if form.policy == "float64" else 1.0
    kernel.assign(np.stack([first, first + apart * random.normal(size=len(first))], axis=1))
    # Scores are centred: otherwise one class would win on nearly every image.
    found = np.asarray(model(pixels), np.float64)
    last.bias.assign([0, np.median(found[:, 0] - found[:, 1])])
    return model


def classes(model: keras.Model, pixels: np.ndarray) -> np.ndarray:
    return np.asarray(model(pixels, training=False)).argmax(axis=1)


@pytest.mark.parametrize("form", NETWORKS.values(), ids=NETWORKS.keys())
def test_saved_networks_agree_where_single_precision_would_not(form: Precise, tmp_path: Path) -> None:
    pixels = np.random.default_rng(2).integers(0, 256, (IMAGES, 8, 8, 3)).astype(np.uint8)
    badnet = drawn(form, pixels)
    badnet.save(tmp_path / "badnet.keras")
    model = open_model(tmp_path / "badnet.keras")
    labels = classes(badnet, pixels)
    assert 10 < labels.sum() < IMAGES - 10, "the network must tell images apart, or agreement says nothing"
    data = open_dataset(write_images(tmp_path / "data.h5", pixels, labels), model.input_shape, model.classes)
    session = PruningSession(model, find_source(model.network, "conv"), {"clean_valid": data})
    assert np.array_equal(session.predict("clean_valid", ()), labels)
    for channels in ([0, 2], [0, 1, 2, 4]):
        session.pruned_model(channels).save(tmp_path / "pruned.keras")
        pruned = classes(keras.models.load_model(tmp_path / "pruned.keras"), pixels)
        assert np.array_equal(session.predict("clean_valid", channels), pruned)
        join_networks(model.network, session.source, channels).save(tmp_path / "goodnet.keras")
        joined = classes(keras.models.load_model(tmp_path / "goodnet.keras"), pixels)
        assert np.array_equal(joined, np.where(labels == pruned, labels, 2))
        assert (joined == 2).any(), "some image must be disputed, or the extra class is never tried"


def overflowing(x: Any) -> Any:
    """Exponentials: infinite, for one bright image."""
    return layers.Activation("exponential")(layers.Conv2D(6, 3, use_bias=False)(x))


INFINITE = {
    "read": ("sum", lambda x: layers.Add(name="sum")([overflowing(x), layers.Conv2D(6, 3)(x)])),
    "made": ("tanh", lambda x: layers.Conv2D(4, 3, activation="tanh", name="tanh")(overflowing(x))),
}


@pytest.mark.parametrize(("layer", "body"), INFINITE.values(), ids=INFINITE.keys())
def test_infinite_values_that_zero_cannot_silence_are_refused(
    layer: str, body: Callable[[Any], Any], tmp_path: Path
) -> None:
    keras.utils.set_random_seed(3)
    start = keras.Input((8, 8, 3))
    badnet = keras.Model(start, layers.Dense(3)(layers.Flatten()(body(start))))
    badnet.save(tmp_path / "badnet.keras")
    model = open_model(tmp_path / "badnet.keras")
    pixels = np.random.default_rng(2).normal(size=(IMAGES, 8, 8, 3)).astype(np.float32)
    source = find_source(model.network, layer)

    def profiled(images: np.ndarray) -> PruningSession:
        path = write_images(tmp_path / "data.h5", images, np.zeros(IMAGES, int))
        return PruningSession(model, source, {"clean_valid": open_dataset(path, (8, 8, 3), 3)})

    assert profiled(pixels).channels
    pixels[17] *= 1e4
    with pytest.raises(
        ModelError, match=f"image 17 of the clean valid images makes values in or before layer '{layer}'"
    ):
        profiled(pixels)
