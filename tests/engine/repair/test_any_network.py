"""Whatever opens can be repaired: every wiring, every way to end, every range of pixels."""

from __future__ import annotations

import random
from itertools import count
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest
from keras import layers

from bdtui.engine.errors import ModelError
from bdtui.engine.inputs.datasets import open_dataset
from bdtui.engine.inputs.preprocessing import PreprocessingMode
from bdtui.engine.inputs.sampling import find_stored_range
from bdtui.engine.network.class_scores import scoring_model
from bdtui.engine.network.logits import Logits
from bdtui.engine.network.score_runner import ScoreRunner
from bdtui.engine.repair.clean_images import CleanImages, Parts, read_clean_images, split_images
from bdtui.engine.repair.method import RepairInput, RepairOptions
from bdtui.engine.repair.methods import METHODS
from bdtui.engine.repair.student import all_learning, begin_student, layers_of
from bdtui.engine.repair.training import _seed_random_layers
from bdtui.engine.repair.transfer import TransferBank
from tests.engine.repair.small_badnet import bars
from tests.networks import CASES, IMAGE, NetworkCase, build, functional, random_images

SOME = (
    "batch normalisation before the activation",
    "residual, inner channels",
    "dense logits",
    "nested model",
    "bare operations",
    "augmentation",
    "layers told to train",
    "adapted normalisation",
    "channels first",
    "one dimension",
    "three dimensions",
    "units of a transformer",
)


def head(units: int, activation: str | None) -> NetworkCase:
    return NetworkCase(lambda: functional(lambda x: layers.Dense(units, activation)(layers.Flatten()(x))), "dense")


def planes() -> keras.Model:
    start = keras.Input((3, 12, 12))
    x = layers.Conv2D(8, 3, activation="relu", data_format="channels_first", name="conv")(start)
    x = layers.MaxPooling2D(name="pool", data_format="channels_first")(x)
    return keras.Model(start, layers.Dense(5, activation="softmax")(layers.Flatten()(x)))


ENDS = {
    "sigmoid unit": head(1, "sigmoid"),
    "logit": head(1, None),
    "hard sigmoid unit": head(1, "hard_sigmoid"),
    "logits": head(4, None),
    "softmax": head(4, "softmax"),
    "softmax layer": NetworkCase(
        lambda: functional(lambda x: layers.Softmax()(layers.Dense(4)(layers.Flatten()(x)))), "dense"
    ),
    "whole numbers": NetworkCase(
        lambda: keras.Sequential(
            [
                keras.Input(IMAGE, dtype="uint8"),
                layers.Rescaling(1 / 255),
                layers.Flatten(),
                layers.Dense(4, "softmax"),
            ]
        ),
        "dense",
    ),
    "reads channels first": NetworkCase(planes, "pool", (3, 12, 12)),
}

PERTURBED = ("dense logits", "one dimension", "reads channels first", "whole numbers", "hard sigmoid unit")
"""Where perturbations are looked for as well: other axes, a slope that has to go through a rounding."""


def parts_of(case: NetworkCase, model: keras.Model) -> Parts:
    pixels = np.abs(random_images(case, 60)) * 60
    labels = ScoreRunner(model, pixels.shape[1:]).scores(pixels).argmax(axis=1)
    ends = [np.full(pixels.shape[1:], end, np.float32) for end in (0, 255)]
    return split_images(CleanImages(pixels.astype(np.float32), labels, *ends), 0.2, 0)


def names_of(model: keras.Model) -> list[object]:
    """What somebody who knows B looks for in the repaired network."""
    made = [
        (type(layer).__name__, layer.name, [tuple(weight.shape) for weight in layer.weights]) for layer in model.layers
    ]
    return [type(model).__name__, model.name, *made, model.inputs[0].name, model.output_shape]


@pytest.mark.parametrize("name", [*SOME, *ENDS])
def test_any_network_is_repaired_into_one_of_its_kind(name: str, tmp_path: Path) -> None:
    keras.utils.set_random_seed(1)
    case = CASES[name] if name in CASES else ENDS[name]
    model = build(case) if name in CASES else case.build()
    # As it is opened: only then do its input's layer and tensor have one name.
    model.save(tmp_path / "badnet.keras")
    model = keras.models.load_model(tmp_path / "badnet.keras", compile=False, safe_mode=True)
    before = model.get_weights()
    parts = parts_of(case, model)
    given = RepairInput(model, parts.fit, parts.held_out, options=RepairOptions(steps=2, batch=8))
    network = METHODS["shrink-distil+universal" if name in PERTURBED else "shrink-distil"].run(given).network
    assert names_of(network) == names_of(model)
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))
    assert all(np.isfinite(weight).all() for weight in network.get_weights())
    network.save(tmp_path / "repaired.keras")
    reopened = keras.models.load_model(tmp_path / "repaired.keras", compile=False, safe_mode=True)
    ours, theirs = (ScoreRunner(each, parts.fit.image_shape).scores(parts.fit.pixels) for each in (network, reopened))
    assert np.array_equal(ours, theirs)
    if name in PERTURBED:
        assert TransferBank(model, parts.fit, parts.held_out, 0).measure(network).images > 0


@pytest.mark.parametrize("dtype", ["float16", "float64"])
@pytest.mark.parametrize(
    "name", ["shrink-distil", "fine-pruning", "adversarial-unlearning", "ft-sam", "anp", "clp", "nad"]
)
def test_weights_of_any_precision_are_repaired(name: str, dtype: str) -> None:
    keras.utils.set_random_seed(1)
    start = keras.Input((12, 12, 1), dtype=dtype)
    x = layers.Conv2D(6, 3, activation="relu", dtype=dtype)(start)
    model = keras.Model(start, layers.Dense(4, "softmax", dtype=dtype)(layers.Flatten(dtype=dtype)(x)))
    images = bars(60, 1)
    given = RepairInput(model, images, images.some(slice(0)), options=RepairOptions(steps=2, batch=8))
    network = METHODS[name].run(given).network
    assert [weight.dtype for weight in network.weights] == [weight.dtype for weight in model.weights]
    assert all(np.isfinite(weight).all() for weight in network.get_weights())


@pytest.mark.parametrize("name", [name for name in METHODS if name not in ("anp", "clp", "shrink-distil+reversed")])
def test_layers_that_draw_at_random_draw_by_the_seed_of_the_repair(name: str) -> None:
    """And not by how many layers Keras has built before."""
    keras.utils.set_random_seed(1)
    dropping = layers.Dropout(0.5)
    inner = keras.Sequential([keras.Input((10, 10, 6)), layers.GaussianNoise(0.5), layers.Flatten(), dropping])
    x = layers.Conv2D(6, 3, activation="relu")(start := keras.Input((12, 12, 1)))
    model = keras.Model(start, layers.Dense(4, "softmax")(inner(x)))
    images = bars(60, 1)
    given = RepairInput(model, images, images.some(slice(0)), options=RepairOptions(steps=2, batch=8))
    networks = []
    for seed in (1, 2):
        keras.utils.set_random_seed(seed)
        networks.append(METHODS[name].run(given).network)
    pairs = zip(*(network.get_weights() for network in networks), strict=True)
    assert all(np.array_equal(one, other) for one, other in pairs)


def test_a_fresh_beginning_is_that_of_the_seed_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not of other threads that draw from Python's numbers, as the app does; nor B's own, where B's initialisers have seeds."""
    inner = keras.Sequential([keras.Input((12, 12, 1)), layers.Conv2D(6, 3), layers.Flatten()])
    seeded = layers.Dense(4, "softmax", kernel_initializer=keras.initializers.GlorotUniform(seed=1))
    model = keras.Model(start := keras.Input((12, 12, 1)), seeded(inner(start)))
    of_config, elsewhere = layers.Conv2D.from_config, count()

    def while_another_thread_draws(config: dict[str, object]) -> layers.Conv2D:
        random.seed(next(elsewhere))
        return of_config(config)

    monkeypatch.setattr(layers.Conv2D, "from_config", while_another_thread_draws)
    networks = [begin_student(model, 0, seed) for seed in (1, 2, 2)]
    begun = [[kernel for kernel in network.get_weights() if kernel.ndim > 1] for network in networks]
    own = [kernel for kernel in model.get_weights() if kernel.ndim > 1]
    for begun_at_1, begun_at_2, again, of_b in zip(*begun, own, strict=True):
        assert np.array_equal(begun_at_2, again)
        assert not np.array_equal(begun_at_1, begun_at_2)
        assert not np.array_equal(begun_at_2, of_b)


def test_every_layer_that_draws_at_random_has_a_seed_of_its_own() -> None:
    def seeds(seed: int) -> list[int]:
        network = keras.Sequential([keras.Input((4,)), layers.Dropout(0.5), layers.GaussianNoise(1.0, seed=3)])
        _seed_random_layers(network, seed)
        return [int(np.asarray(variable)[0]) for variable in network.variables]

    assert seeds(1) == seeds(1)
    assert len({*seeds(1), *seeds(2)}) == 4


def test_what_has_no_convolution_is_not_distilled_by_attention() -> None:
    model = keras.Sequential([keras.Input((12, 12, 1)), layers.Flatten(), layers.Dense(4, "softmax")])
    images = bars(20, 1)
    with pytest.raises(ModelError, match="the network has none"):
        METHODS["nad"].run(RepairInput(model, images, images.some(slice(0))))


@pytest.mark.parametrize("name", [*ENDS, "nested model", "channels first", "bare operations"])
def test_logits_order_the_classes_as_the_scores_do(name: str) -> None:
    keras.utils.set_random_seed(1)
    case = CASES[name] if name in CASES else ENDS[name]
    model = build(case) if name in CASES else case.build()
    images = np.abs(random_images(case, 50)).astype(np.float32)
    if name == "whole numbers":
        images = np.round(images * 60)
    scores = ScoreRunner(scoring_model(model), images.shape[1:]).scores(images)
    logits = np.asarray(Logits(model)(images))
    assert logits.shape == scores.shape
    assert np.array_equal(logits.argmax(axis=1), scores.argmax(axis=1))
    exact = np.exp(logits - logits.max(axis=1, keepdims=True))
    if "softmax" in name:
        assert np.allclose(exact / exact.sum(axis=1, keepdims=True), scores, atol=1e-5)


def test_the_last_activation_is_still_there_afterwards() -> None:
    model = ENDS["softmax"].build()
    logits = Logits(model)
    logits(np.zeros((1, *IMAGE), np.float32))
    assert logits.leaves_off == "softmax"
    assert model.layers[-1].activation is keras.activations.softmax


def test_a_student_begins_between_b_and_a_fresh_network() -> None:
    model = build(CASES["adapted normalisation"])
    whole, half, fresh = (begin_student(model, share, 3) for share in (1, 0.5, 0))
    for weight in model.weights:
        ours, middle, new = (
            np.asarray(next(each for each in student.weights if each.path == weight.path))
            for student in (whole, half, fresh)
        )
        assert np.array_equal(ours, np.asarray(weight))
        assert np.allclose(middle, (ours + new) / 2, atol=1e-6) or "normalization" in weight.path
        if "normalization" in weight.path:
            assert np.array_equal(new, np.asarray(weight))


def test_frozen_layers_learn_and_are_frozen_again() -> None:
    model = build(CASES["nested model"])
    inner = next(layer for layer in layers_of(model) if layer.name == "conv")
    inner.trainable = False
    number = len(model.trainable_variables)
    with all_learning(model):
        assert len(model.trainable_variables) == number + 2
    assert len(model.trainable_variables) == number


@pytest.mark.parametrize("stored", ["bytes", "unit"])
@pytest.mark.parametrize("mode", ["raw", "unit", "tf", "torch", "caffe"])
def test_black_and_white_are_what_the_network_reads_for_them(stored: str, mode: str, tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    pixels = random.integers(0, 256, (20, 6, 6, 3)).astype(np.uint8)
    pixels[0], pixels[1] = 0, 255
    values = pixels if stored == "bytes" else (pixels / 255).astype(np.float32)
    with h5py.File(tmp_path / "clean.h5", "w") as file:
        file["data"], file["label"] = values, np.arange(20) % 4
    images = open_dataset(tmp_path / "clean.h5", (6, 6, 3), 4)
    images = images.prepared(PreprocessingMode(mode).of(find_stored_range(images)))
    read = read_clean_images(images)
    assert np.array_equal(read.pixels[0], read.low)
    assert np.array_equal(read.pixels[1], read.high)
    assert (read.low < read.high).all()
    assert np.array_equal(read.labels, np.arange(20) % 4)
