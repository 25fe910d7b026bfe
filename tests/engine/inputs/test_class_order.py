"""Labels in another order than the network's classes are noticed, also where a preprocessing hides it."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers
from PIL import Image

from bdtui.engine.events import Event, Notice
from bdtui.engine.inputs.class_order import find_other_order
from bdtui.engine.inputs.doubts import is_doubt
from bdtui.engine.inputs.opening import open_inputs
from bdtui.engine.reporter import Reporter
from bdtui.engine.settings import RunSettings
from tests.networks import write_images

NAMES = ("blue", "grass", "rose")
COLOURS = ((20, 30, 220), (30, 200, 40), (220, 30, 20))
"""Of the classes; red is class 2, so that BGR makes blue of it."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network of 0…255 that knows blue, green and red, and pictures of them in folders and in a file."""
    folder = tmp_path_factory.mktemp("order")
    inputs = keras.Input((8, 8, 3))
    kept = layers.Conv2D(3, 1, name="conv", use_bias=False)
    pooled = layers.MaxPooling2D(8, name="pool")(kept(inputs))
    scores = layers.Dense(3, use_bias=False)
    model = keras.Model(inputs, scores(layers.Flatten()(pooled)))
    kept.set_weights([np.eye(3, dtype=np.float32)[None, None]])
    scores.set_weights([np.eye(3, dtype=np.float32)[::-1]])
    model.save(folder / "net.keras")
    random = np.random.default_rng(1)
    labels = np.arange(60) % 3
    pixels = np.array(COLOURS)[labels][:, None, None] + random.integers(-20, 21, (60, 8, 8, 3))
    for number, (picture, label) in enumerate(zip(pixels.astype(np.uint8), labels, strict=True)):
        path = folder / "pictures" / NAMES[label] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture).save(path)
    two = labels < 2
    write_images(folder / "right.h5", pixels.astype(np.uint8), labels)
    write_images(folder / "from one.h5", pixels[two].astype(np.uint8), labels[two] + 1)
    (folder / "right.txt").write_text("\n".join(NAMES))
    (folder / "wrong.txt").write_text("\n".join(NAMES[::-1]))
    return folder


def orders(folder: Path, clean: str, names: str = "", **settings: str) -> list[str]:
    heard: list[Event] = []
    named = {"class_names": folder / names} if names else {}
    open_inputs(
        RunSettings(model=folder / "net.keras", clean_valid=folder / clean, **named, **settings), Reporter(heard.append)
    )
    return [event.text for event in heard if isinstance(event, Notice) and "another order" in event.text]


@pytest.mark.parametrize("preprocess", ["auto", "raw", "caffe"])
def test_a_wrong_order_of_class_names_is_told_with_the_right_one(folder: Path, preprocess: str) -> None:
    """To read the colours from blue to red makes it right again; a network that was trained so is as likely."""
    (told,) = orders(folder, "pictures", "wrong.txt", preprocess=preprocess)
    assert told.endswith(
        "classes in another order (right for 100.0 % with --preprocess raw); give --class-names FILE with blue, grass, rose"
    )
    assert is_doubt(told) == (preprocess == "raw")


def test_the_right_order_is_worth_no_word(folder: Path) -> None:
    assert not orders(folder, "pictures", "right.txt")
    assert not orders(folder, "pictures")
    assert not orders(folder, "right.h5")


def test_numbers_from_1_that_lack_the_last_class_are_noticed_by_the_predictions(folder: Path) -> None:
    (told,) = orders(folder, "from one.h5", preprocess="raw")
    assert told.endswith(": 1 is classified as 0; do they count from 1? Store them from 0")


@pytest.mark.parametrize(
    ("labels", "predicted"),
    [
        ([1] * 20, [2] * 20),
        ([0, 1] * 3, [1, 0] * 3),
        ([0, 1] * 20, [1, 1] * 20),
        ([0, 1, 2] * 20, [1, 0, 0] * 20),
        ([0, 1] * 20, [1, 0] * 14 + [0, 1] * 6),
    ],
)
def test_one_class_few_images_or_half_an_agreement_make_no_order(labels: list[int], predicted: list[int]) -> None:
    assert find_other_order(np.array(labels), np.array(predicted)) is None
