"""Image sets that are probably a mistake are each worth one plain sentence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from bdtui.engine.events import Event, Notice
from bdtui.engine.inputs.doubts import is_doubt
from bdtui.engine.reporter import Reporter
from bdtui.engine.runs.preparation import prepare_run
from bdtui.engine.settings import RunSettings
from tests.networks import write_images

CLASSES = 4
PIXELS = np.random.default_rng(7).integers(0, 256, (300, 8, 8, 3)).astype(np.uint8)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network that knows its images, and never predicts class 3."""
    folder = tmp_path_factory.mktemp("warnings")
    keras.utils.set_random_seed(2)
    model = keras.Sequential(
        [
            keras.Input((8, 8, 3)),
            layers.Rescaling(1 / 255, offset=-0.5),
            layers.Conv2D(6, 3, activation="relu", name="conv"),
            layers.MaxPooling2D(name="pool"),
            layers.Flatten(),
            layers.Dense(CLASSES),
        ]
    )
    kernel, _ = model.layers[-1].get_weights()
    model.layers[-1].set_weights([kernel, np.array([0, 0, 0, -99], np.float32)])
    model.save(folder / "net.keras")
    labels = model.predict(PIXELS.astype(np.float32), verbose=0).argmax(axis=1)
    assert len(np.unique(labels)) == 3
    write_images(folder / "clean.h5", PIXELS, labels)
    write_images(folder / "few.h5", PIXELS[:100], labels[:100])
    write_images(folder / "one.h5", PIXELS[:1], labels[:1])
    write_images(folder / "one class.h5", PIXELS[labels == 1], labels[labels == 1])
    write_images(folder / "poisoned.h5", PIXELS, np.full(300, 1))
    write_images(folder / "impossible.h5", PIXELS, np.full(300, 3))
    (folder / "names.txt").write_text("cat\ndog\neel\nfox")
    return folder


def notices(folder: Path, **settings: Any) -> list[str]:
    heard: list[Event] = []
    files = {name: folder / f"{file}.h5" for name, file in settings.items() if name != "class_names"}
    names = {"class_names": folder / "names.txt"} if "class_names" in settings else {}
    prepare_run(RunSettings(model=folder / "net.keras", preprocess="raw", **files, **names), Reporter(heard.append))
    return [event.text for event in heard if isinstance(event, Notice)]


def test_sets_that_are_as_they_ought_to_be_are_worth_no_word(folder: Path) -> None:
    assert notices(folder, clean_valid="clean", poisoned_valid="poisoned", clean_test="clean") == []


def test_clean_and_poisoned_images_that_are_swapped(folder: Path) -> None:
    (text, *others) = notices(folder, clean_valid="poisoned", poisoned_valid="clean")
    assert text.startswith("--clean-valid and --poisoned-valid look swapped: all images of ")
    assert text.endswith("clean.h5 have 3; give them the other way round")
    assert is_doubt(text)
    assert [other for other in others if "clean accuracy is" not in other] == []
    (text,) = notices(folder, clean_valid="clean", clean_test="poisoned", poisoned_test="clean")
    assert text.startswith("--clean-test and --poisoned-test look swapped")


def test_the_same_images_as_clean_and_as_poisoned(folder: Path) -> None:
    (text, *_) = notices(folder, clean_valid="clean", poisoned_valid="clean")
    assert text.startswith("--clean-valid and --poisoned-valid are the same images: ")
    assert is_doubt(text)


def test_one_image_is_a_hundred_points(folder: Path) -> None:
    (text,) = (text for text in notices(folder, clean_valid="one") if "interval" in text)
    assert text.endswith("one image is 100 points of a threshold")


def test_clean_images_of_one_class(folder: Path) -> None:
    (text,) = (text for text in notices(folder, clean_valid="one class", class_names=True) if "interval" not in text)
    assert "one class.h5 are of class 1 (dog): its clean accuracy says nothing about other classes" in text
    assert is_doubt(text)


def test_a_target_that_is_never_predicted(folder: Path) -> None:
    (text,) = notices(folder, clean_valid="clean", poisoned_valid="impossible", class_names=True)
    assert text.startswith("the network never predicts class 3 (fox), which all poisoned images are to get")
    assert "of 300) are classified as " in text
    assert is_doubt(text)


def test_a_hundred_images_are_said_to_be_few(folder: Path) -> None:
    (text,) = notices(folder, clean_valid="few")
    assert text == (
        "only 100 clean validation images: clean accuracy 100.00 % means 96 to 100 % (95 % interval), and one image is 1 "
        "points of a threshold"
    )
    assert not is_doubt(text)
