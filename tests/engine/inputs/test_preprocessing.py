"""Pixels reach the network as in keras.applications, whatever range they are stored in, and `auto` finds which way is right."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers
from keras.src.applications.imagenet_utils import preprocess_input

from bdtui.engine.errors import DataError, OptionError
from bdtui.engine.events import Event, Notice, ScaleDecided
from bdtui.engine.inputs.opening import OpenedInputs, open_inputs
from bdtui.engine.inputs.preprocessing import Preprocessing, PreprocessingMode
from bdtui.engine.inputs.recipe import read_recipe, write_recipe_text
from bdtui.engine.inputs.stored_range import StoredRange
from bdtui.engine.reporter import Reporter
from bdtui.engine.reports.results import record_from_json
from bdtui.engine.runs.journal_folder import read_begun_recipe
from bdtui.engine.runs.run import execute_run
from bdtui.engine.settings import RunSettings, asked_preprocessing, spelled_out
from tests.networks import write_images

CLASSES = 10
BYTES, UNIT = StoredRange(0, 255, True), StoredRange(0, 1, False)
PIXELS = np.random.default_rng(3).integers(0, 256, (300, 8, 8, 3)).astype(np.uint8)


def prepared(name: str, pixels: np.ndarray, stored: StoredRange, **numbers: Any) -> np.ndarray:
    return PreprocessingMode(name, **numbers).of(stored).apply(pixels.astype(np.float32))


@pytest.mark.parametrize("name", ["tf", "torch", "caffe"])
def test_modes_are_those_of_keras_applications(name: str) -> None:
    expected = preprocess_input(PIXELS.astype(np.float32), data_format="channels_last", mode=name)
    np.testing.assert_array_equal(prepared(name, PIXELS, BYTES), expected)
    np.testing.assert_allclose(prepared(name, PIXELS / np.float32(255), UNIT), expected, atol=2e-5)


def test_pixels_in_0_to_1_are_brought_to_what_the_mode_wants() -> None:
    unit = (PIXELS / 255).astype(np.float32)
    np.testing.assert_array_equal(prepared("tf", unit, UNIT), unit * 2 - 1)
    np.testing.assert_array_equal(prepared("bytes", unit, UNIT), unit * 255)
    np.testing.assert_array_equal(prepared("unit", unit, UNIT), unit)
    np.testing.assert_array_equal(prepared("raw", unit, UNIT), unit)
    np.testing.assert_array_equal(prepared("bytes", PIXELS, BYTES), PIXELS)
    np.testing.assert_array_equal(prepared("unit", PIXELS, BYTES), PIXELS / np.float32(255))


@pytest.mark.parametrize("stored", [BYTES, UNIT])
def test_mean_and_deviation_are_of_pixels_in_0_to_1_where_none_is_above_1(stored: StoredRange) -> None:
    pixels = PIXELS / np.float32(255) if stored is UNIT else PIXELS
    in_unit = prepared("mean-std", pixels, stored, mean=(0.5, 0.4, 0.3), deviation=(0.2,))
    np.testing.assert_allclose(in_unit, (PIXELS / 255 - [0.5, 0.4, 0.3]) / 0.2, atol=1e-5)
    in_bytes = prepared("mean-std", pixels, stored, mean=(127.5,), deviation=(127.5, 1, 2))
    np.testing.assert_allclose(in_bytes, (PIXELS - 127.5) / [127.5, 1, 2], atol=1e-4)


def network(own: layers.Layer | None = None) -> keras.Model:
    """Its classes hang on the brightness and the order of the colours it is shown."""
    keras.utils.set_random_seed(4)
    return keras.Sequential(
        [
            keras.Input((8, 8, 3)),
            *([own] if own else []),
            layers.Conv2D(12, 3, activation="tanh", name="conv", bias_initializer="random_normal"),
            layers.MaxPooling2D(name="pool"),
            layers.Flatten(),
            layers.Dense(32, activation="tanh", bias_initializer="random_normal"),
            layers.Dense(CLASSES, bias_initializer="random_normal"),
        ]
    )


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("network") / "net.keras"
    network().save(path)
    return path


def labelled(folder: Path, model: Path, name: str, pixels: np.ndarray = PIXELS, file: str = "clean.h5") -> Path:
    """The images with the classes that the network gives them where their pixels are prepared in one way."""
    stored = UNIT if pixels.dtype.kind == "f" else BYTES
    scores = keras.models.load_model(model, compile=False).predict(prepared(name, pixels, stored), verbose=0)
    return write_images(folder / file, pixels, scores.argmax(axis=1))


def opened(heard: list[Event] | None = None, **settings: Any) -> OpenedInputs:
    return open_inputs(RunSettings(**settings), Reporter((heard if heard is not None else []).append))


def decision(heard: list[Event]) -> ScaleDecided:
    return next(event for event in heard if isinstance(event, ScaleDecided))


@pytest.mark.parametrize(
    ("name", "stored"),
    [(name, "bytes") for name in ("raw", "unit", "tf", "torch", "caffe")]
    + [(name, "unit") for name in ("raw", "bytes", "tf", "torch", "caffe")],
)
def test_the_right_way_is_found_by_clean_accuracy(tmp_path: Path, model: Path, name: str, stored: str) -> None:
    pixels = PIXELS if stored == "bytes" else (PIXELS / 255).astype(np.float32)
    heard: list[Event] = []
    inputs = opened(heard, model=model, clean_valid=labelled(tmp_path, model, name, pixels))
    found = decision(heard)
    assert (inputs.preprocessing.name, found.preprocess, inputs.settings.preprocess) == (name, name, name)
    assert found.accuracy_by_preprocess is not None
    assert found.accuracy_by_preprocess.pop(name) == 100 > max(found.accuracy_by_preprocess.values())
    assert f"clean accuracy is 100.0 % on 256 images with --preprocess {name}, against " in found.text
    expected = prepared(name, pixels, UNIT if stored == "unit" else BYTES)
    np.testing.assert_array_equal(np.concatenate(list(inputs.data["clean_valid"].batches(64))), expected)


def test_every_set_is_prepared_from_its_own_range(tmp_path: Path, model: Path) -> None:
    unit = (PIXELS / 255).astype(np.float32)
    for name, clean, other in (
        ("raw", PIXELS, unit),
        ("tf", PIXELS, unit),
        ("tf", unit, PIXELS),
        ("unit", unit, PIXELS),
    ):
        heard: list[Event] = []
        inputs = opened(
            heard,
            model=model,
            clean_valid=labelled(tmp_path, model, name, clean),
            poisoned_valid=write_images(tmp_path / "poisoned.h5", other, np.zeros(len(other))),
        )
        assert inputs.preprocessing.name == ("bytes" if name == "raw" else name)
        pixels = [next(images.batches(64)) for images in inputs.data.values()]
        np.testing.assert_allclose(pixels[0], pixels[1], atol=2e-5)
        assert not [event for event in heard if isinstance(event, Notice) and "stored wrongly" in event.text]


def test_of_equal_ways_the_simplest_is_taken_and_said_to_be_close(tmp_path: Path, model: Path) -> None:
    black = write_images(tmp_path / "black.h5", np.zeros((40, 8, 8, 3), np.uint8), np.arange(40) % CLASSES)
    heard: list[Event] = []
    assert opened(heard, model=model, clean_valid=black).preprocessing.name == "raw"
    assert "No way gives a good accuracy: are the labels, and --layout, those of this network?" in decision(heard).text


def test_a_way_that_makes_no_difference_is_said_to_be_close(tmp_path: Path) -> None:
    own = network(layers.LayerNormalization(axis=(1, 2, 3), epsilon=1e-9))
    own.save(tmp_path / "net.keras")
    heard: list[Event] = []
    opened(heard, model=tmp_path / "net.keras", clean_valid=labelled(tmp_path, tmp_path / "net.keras", "raw"))
    assert decision(heard).preprocess == "raw"
    assert "The two are close: add --preprocess raw or unit if you know which is right." in decision(heard).text


def test_a_network_that_prepares_pixels_itself_is_given_them_as_stored(tmp_path: Path) -> None:
    path = tmp_path / "net.keras"
    network(layers.Rescaling(1 / 127.5, offset=-1)).save(path)
    heard: list[Event] = []
    assert opened(heard, model=path, clean_valid=labelled(tmp_path, path, "raw")).preprocessing.name == "raw"
    assert "The network has a Rescaling layer of its own." in decision(heard).text


def test_few_images_are_said_to_decide_little(tmp_path: Path, model: Path) -> None:
    heard: list[Event] = []
    opened(heard, model=model, clean_valid=labelled(tmp_path, model, "tf", PIXELS[:12]))
    assert "So few images decide little: add --preprocess if you know it." in decision(heard).text


def test_a_file_is_looked_at_from_its_beginning_to_its_end(tmp_path: Path, model: Path) -> None:
    """Files are often ordered by class: the first images alone may speak for any way."""
    labels = []
    for name in ("raw", "tf", "tf"):
        path = labelled(tmp_path, model, name)
        labels.append(opened(model=model, clean_valid=path, preprocess="raw").data["clean_valid"].labels)
    write_images(path, np.tile(PIXELS, (3, 1, 1, 1)), np.concatenate(labels))
    heard: list[Event] = []
    assert opened(heard, model=model, clean_valid=path).preprocessing.name == "tf"
    assert "on 256 images" in decision(heard).text


def test_pixels_below_zero_are_used_as_stored(tmp_path: Path, model: Path) -> None:
    heard: list[Event] = []
    path = write_images(tmp_path / "clean.h5", PIXELS / np.float32(127.5) - 1, np.arange(300) % CLASSES)
    assert opened(heard, model=model, clean_valid=path).preprocessing.name == "raw"
    assert (
        "some are negative, so they were prepared before they were stored. Clean accuracy is " in decision(heard).text
    )


@pytest.mark.parametrize(
    ("settings", "meant"),
    [
        ({}, "auto"),
        ({"scale": "1"}, "raw"),
        ({"scale": "255"}, "unit"),
        ({"scale": "255", "preprocess": "unit"}, "unit"),
        ({"preprocess": "caffe"}, "caffe"),
        ({"mean": (0.5,)}, "mean-std"),
        ({"std": (0.5,)}, "mean-std"),
    ],
)
def test_scale_is_another_name_for_two_of_the_ways(settings: dict[str, Any], meant: str) -> None:
    assert asked_preprocessing(RunSettings(**settings)) == meant
    assert asked_preprocessing(spelled_out(RunSettings(**settings))) == meant
    assert spelled_out(RunSettings(**settings)).scale == "auto"


@pytest.mark.parametrize(
    ("settings", "finding"),
    [
        ({"scale": "255", "preprocess": "tf"}, "--scale 255 is the same as --preprocess unit, but --preprocess tf was"),
        ({"scale": "1", "mean": (1.0,)}, "--mean was given together with --scale; expected one of the two"),
        ({"preprocess": "tf", "std": (1.0,)}, "--std was given together with --preprocess; expected one of the two"),
    ],
)
def test_ways_that_contradict_each_other_are_refused(model: Path, settings: dict[str, Any], finding: str) -> None:
    with pytest.raises(OptionError, match=finding):
        opened(model=model, clean_valid=Path("any.h5"), **settings)


@pytest.mark.parametrize(
    ("settings", "finding"),
    [
        ({"preprocess": "caffe"}, "--preprocess caffe is for images of 3 channels, and those of .*grey.h5 have 1"),
        ({"mean": (1.0, 2.0, 3.0)}, "--mean and --std do not fit the 1 channels of .*grey.h5"),
        ({"mean": (1.0,), "std": (1.0, 2.0)}, "--mean and --std do not fit the 1 channels of .*grey.h5"),
    ],
)
def test_ways_of_three_channels_are_refused_for_grey_images(
    tmp_path: Path, settings: dict[str, Any], finding: str
) -> None:
    keras.Sequential(
        [keras.Input((8, 8, 1)), layers.Conv2D(4, 3, name="conv"), layers.Flatten(), layers.Dense(CLASSES)]
    ).save(tmp_path / "grey.keras")
    grey = write_images(tmp_path / "grey.h5", PIXELS[:20, ..., :1], np.arange(20) % CLASSES)
    with pytest.raises(OptionError, match=finding):
        opened(model=tmp_path / "grey.keras", clean_valid=grey, **settings)
    heard: list[Event] = []
    opened(heard, model=tmp_path / "grey.keras", clean_valid=grey)
    assert decision(heard).accuracy_by_preprocess is not None
    assert decision(heard).accuracy_by_preprocess.keys() == {"raw", "unit", "tf"}  # type: ignore[union-attr]


@pytest.mark.parametrize("settings", [{"mean": (0.5, 0.25, 1.0), "std": (2.0,)}, {"preprocess": "torch"}, {}])
def test_a_recipe_replays_what_was_chosen(tmp_path: Path, model: Path, settings: dict[str, Any]) -> None:
    clean = labelled(tmp_path, model, "torch")
    inputs = opened(model=model, clean_valid=clean, **settings)
    (tmp_path / "recipe.toml").write_text(write_recipe_text(inputs.settings, inputs.sha256))
    again = RunSettings(**read_recipe(tmp_path / "recipe.toml").settings)
    assert open_inputs(again, Reporter()).preprocessing == inputs.preprocessing
    assert replace(again, model=None, clean_valid=None) == replace(inputs.settings, model=None, clean_valid=None)


def test_a_run_that_is_resumed_keeps_what_was_chosen(tmp_path: Path, model: Path) -> None:
    begun = RunSettings(model=model, clean_valid=labelled(tmp_path, model, "tf"), thresholds=(100.0,))
    results = execute_run(begun, tmp_path / "run", reporter=Reporter()).results
    assert results["input"] == {"layout": "nhwc", "scale": None, "preprocess": "tf"}
    assert "pixels are brought to −1…1 (÷ 127.5 − 1)" in (tmp_path / "run" / "report.md").read_text()
    recipe = read_begun_recipe(tmp_path / "run")
    assert recipe is not None
    assert recipe.settings["preprocess"] == "tf"
    (tmp_path / "run" / "results.json").unlink()
    heard: list[Event] = []
    resumed = RunSettings(**recipe.settings)
    again = execute_run(resumed, tmp_path / "run", reporter=Reporter(heard.append), resume=True).results
    told = decision(heard).text
    assert told.startswith("Pixels are brought to −1…1 (÷ 127.5 − 1), as asked for. Clean accuracy is ")
    assert not [event for event in heard if isinstance(event, Notice) and "recomputing" in event.text]
    assert {**again, "seconds": None} == {**results, "seconds": None}


def test_numbers_given_for_mean_and_deviation_are_in_the_results_and_the_report(tmp_path: Path, model: Path) -> None:
    clean = labelled(tmp_path, model, "tf")
    settings = RunSettings(model=model, clean_valid=clean, mean=(0.5,), std=(0.5, 0.5, 0.25), thresholds=(100.0,))
    results = execute_run(settings, tmp_path / "run", reporter=Reporter()).results
    numbers = {"mean": [0.5], "std": [0.5, 0.5, 0.25]}
    assert results["input"] == {"layout": "nhwc", "scale": None, "preprocess": "mean-std", **numbers}
    report = (tmp_path / "run" / "report.md").read_text()
    assert "normalised with the mean and deviation given (0.5 and 0.5, 0.5, 0.25)" in report
    assert record_from_json(results).as_json()["input"] == results["input"]


def test_an_image_that_is_not_finite_is_refused_before_anything_is_chosen(tmp_path: Path, model: Path) -> None:
    pixels = PIXELS.astype(np.float32)
    pixels[-1, 3, 3, 1] = np.nan
    with pytest.raises(DataError, match="image 299 holds NaN"):
        opened(model=model, clean_valid=write_images(tmp_path / "clean.h5", pixels, np.arange(300) % CLASSES))


def test_a_way_to_prepare_pixels_is_a_value() -> None:
    assert Preprocessing(255) == PreprocessingMode("unit").of(BYTES)
