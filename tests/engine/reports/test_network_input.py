"""What a model card says of a network's input: its Python gives a network what bdtui gave it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from PIL import Image

from bdtui.engine.inputs.preprocessing import PreprocessingMode
from bdtui.engine.inputs.stored_range import StoredRange
from bdtui.engine.reports.network_input import example_code, input_sentences
from bdtui.engine.reports.record import RunRecord
from bdtui.engine.reports.results import record_from_json
from bdtui.engine.reports.verdict import results_json
from tests.engine.reports.pages import full_run

PIXELS = np.random.default_rng(3).integers(0, 256, (4, 5, 3), np.uint8)
BYTES, SHARES = (0.0, 255.0), (0.0, 1.0)


def reading(
    shape: tuple[int | None, ...], preprocess: str, ends: tuple[float, float] | None = BYTES, **more: Any
) -> RunRecord:
    run = full_run()
    data = {role: replace(images, ends=ends) for role, images in run.data.items()}
    return replace(run, model=replace(run.model, input_shape=shape), data=data, preprocess=preprocess, **more)


def fed(run: RunRecord, folder: Path, monkeypatch: pytest.MonkeyPatch, pixels: np.ndarray = PIXELS) -> np.ndarray:
    """What the card's Python gives to a network that hands its input on."""
    start = keras.Input(run.model.input_shape)
    keras.Model(start, keras.layers.Flatten()(start)).save(folder / "recommended.keras")
    Image.fromarray(pixels).save(folder / "picture.png")
    monkeypatch.chdir(folder)
    names: dict[str, Any] = {}
    exec(example_code(run, "recommended.keras"), names)
    return np.asarray(names["scores"]).reshape(run.model.input_shape)


@pytest.mark.parametrize("preprocess", ["raw", "unit", "bytes", "tf", "torch", "caffe", "mean-std"])
@pytest.mark.parametrize("ends", [BYTES, SHARES])
def test_the_code_prepares_a_picture_as_the_run_did(
    preprocess: str, ends: tuple[float, float], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers = {"mean": (0.5, 0.4, 0.3), "deviation": (0.2, 0.25, 0.3)} if preprocess == "mean-std" else {}
    run = reading((4, 5, 3), preprocess, ends, **numbers)
    stored = StoredRange(*ends, is_whole=ends == BYTES)
    in_file = PIXELS.astype(np.float32) / (255 if ends == SHARES else 1)
    expected = PreprocessingMode(preprocess, run.mean, run.deviation).of(stored).apply(in_file[np.newaxis])[0]
    np.testing.assert_allclose(fed(run, tmp_path, monkeypatch), expected, rtol=1e-4, atol=1e-4)


def test_the_code_fits_grey_pictures_and_channels_in_front(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    grey = PIXELS[..., 0]
    np.testing.assert_array_equal(fed(reading((4, 5, 1), "raw"), tmp_path, monkeypatch, grey)[..., 0], grey)
    front = fed(reading((3, 4, 5), "raw"), tmp_path, monkeypatch)
    np.testing.assert_array_equal(front, np.moveaxis(PIXELS, -1, 0))


def test_the_words_say_shape_colours_and_values() -> None:
    assert list(input_sentences(reading((None, None, 3), "caffe"))) == [
        "Shape (images, any, any, 3): height, width, colour; any number of images. Type float32.",
        "Colours: blue, green, red (BGR), if the data files of the run hold RGB; bdtui cannot see that.",
        "Values: pixels of 0 to 255 are less 103.939, 116.779, 123.68.",
    ]
    assert list(input_sentences(reading((28, 28, 1), "tf")))[1:] == [
        "Values: pixels of 0 to 255 are divided by 127.5, then less 1, so that they lie in −1 to 1."
    ]
    assert list(input_sentences(reading((784,), "raw", None))) == [
        "Shape (images, 784); any number of images. Type float32.",
        "Values: as the data files hold them; nothing is divided or subtracted.",
    ]
    whole = reading((8, 8, 3), "raw")
    whole = replace(whole, model=replace(whole.model, input_dtype="uint8"))
    assert '.astype("uint8")' in example_code(whole, "recommended.keras")


def test_what_the_input_was_is_in_the_results() -> None:
    run = reading((8, 8, 3), "raw", SHARES)
    run = replace(run, model=replace(run.model, input_dtype="float16"))
    written = results_json(run)
    assert written["model"]["input_dtype"] == "float16"
    assert written["data"]["clean_valid"]["range"] == [0.0, 1.0]
    again = record_from_json(written)
    assert (again.model, again.data) == (run.model, run.data)
    written["data"]["clean_valid"]["range"] = [1, 0]
    with pytest.raises(ValueError, match="between 1"):
        record_from_json(written)
