"""Poisoned images made with a trigger are those that a file of them would hold."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers
from PIL import Image

from bdtui.engine.errors import DataError, InputError, OptionError
from bdtui.engine.events import ClassesNamed, DataOpened, Event, Notice
from bdtui.engine.inputs.opening import OpenedInputs, open_inputs
from bdtui.engine.inputs.recipe import read_recipe
from bdtui.engine.inputs.thumbnails import take_pictures
from bdtui.engine.inputs.trigger import read_target
from bdtui.engine.machine.files import file_sha256
from bdtui.engine.reporter import Reporter
from bdtui.engine.runs.preparation import prepare_run
from bdtui.engine.runs.run import execute_run
from bdtui.engine.settings import MissingOption, RunSettings
from tests.networks import write_images

CLASSES = 4
RANDOM = np.random.default_rng(7)
PIXELS = RANDOM.integers(0, 256, (24, 10, 8, 3)).astype(np.uint8)
LABELS = np.arange(24) % CLASSES
SMALL = RANDOM.integers(0, 256, (4, 3, 4)).astype(np.uint8)
WHOLE = RANDOM.integers(0, 256, (10, 8, 4)).astype(np.uint8)
NAMES = ("cat", "dog", "eel", "fox")


def stamped(
    pixels: np.ndarray, picture: np.ndarray, row: int, column: int, low: float = 0, high: float = 255
) -> np.ndarray:
    """The images with the picture over them, in their own type, pixel by pixel in plain arithmetic."""
    result = pixels.copy()
    for y, x in np.ndindex(picture.shape[:2]):
        alpha = picture[y, x, 3] / 255
        for channel in range(pixels.shape[-1]):
            colour = low + picture[y, x, channel] / 255 * (high - low)
            below = pixels[:, row + y, column + x, channel].astype(np.float64)
            blended = (1 - alpha) * below + alpha * colour
            result[:, row + y, column + x, channel] = np.round(blended) if pixels.dtype.kind == "u" else blended
    return result


def save(path: Path, picture: np.ndarray) -> Path:
    Image.fromarray(picture).save(path)
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network, clean images, names of their classes, and triggers."""
    folder = tmp_path_factory.mktemp("trigger")
    for name, channels in (("net", 3), ("grey", 1)):
        keras.utils.set_random_seed(2)
        keras.Sequential(
            [
                keras.Input((10, 8, channels)),
                layers.Conv2D(6, 3, activation="relu", name="conv"),
                layers.MaxPooling2D(name="pool"),
                layers.Flatten(),
                layers.Dense(CLASSES),
            ]
        ).save(folder / f"{name}.keras")
    write_images(folder / "clean.h5", PIXELS, LABELS)
    write_images(folder / "test.h5", PIXELS[::-1], LABELS[::-1])
    save(folder / "small.png", SMALL)
    save(folder / "whole.png", WHOLE)
    (folder / "names.txt").write_text("\n".join(NAMES))
    return folder


def opened(folder: Path, heard: list[Event] | None = None, **settings: Any) -> OpenedInputs:
    given = {"model": folder / "net.keras", "clean_valid": folder / "clean.h5", "trigger": folder / "small.png"}
    reporter = Reporter((heard if heard is not None else []).append)
    return open_inputs(RunSettings(**{**given, "preprocess": "raw", "target": "2", **settings}), reporter)


def poisoned(inputs: OpenedInputs) -> np.ndarray:
    return np.concatenate(list(inputs.data["poisoned_valid"].batches(7)))


UNIT = (PIXELS / 255).astype(np.float32)


@pytest.mark.parametrize("trigger", ["small", "whole"])
@pytest.mark.parametrize("layout", ["nhwc", "nchw"])
@pytest.mark.parametrize(
    ("pixels", "low", "high"),
    [(PIXELS, 0, 255), (UNIT, 0, 1), (PIXELS.astype(np.float64), 0, 255), (UNIT * 2 - 1, -1, 1)],
    ids=["bytes", "0 to 1", "0 to 255 in floats", "-1 to 1"],
)
def test_stamped_images_are_those_that_a_file_of_them_would_hold(
    tmp_path: Path, folder: Path, trigger: str, layout: str, pixels: np.ndarray, low: float, high: float
) -> None:
    stored = np.moveaxis(pixels, -1, 1) if layout == "nchw" else pixels
    clean = write_images(tmp_path / "clean.h5", stored, LABELS)
    picture, row, column = (SMALL, 6, 5) if trigger == "small" else (WHOLE, 0, 0)
    made = poisoned(opened(folder, clean_valid=clean, trigger=folder / f"{trigger}.png"))
    expected = stamped(pixels, picture, row, column, low, high)
    if pixels.dtype == np.uint8:
        np.testing.assert_array_equal(made, expected)
    else:
        np.testing.assert_allclose(made, expected, rtol=1e-6, atol=1e-6 * high)


def test_a_trigger_on_grey_images_is_grey(tmp_path: Path, folder: Path) -> None:
    clean = write_images(tmp_path / "clean.h5", PIXELS[..., :1], LABELS)
    made = poisoned(opened(folder, model=folder / "grey.keras", clean_valid=clean, trigger_at=(1, 2)))
    grey = np.asarray(Image.fromarray(SMALL[..., :3]).convert("L"))
    expected = stamped(PIXELS[..., :1], np.stack([grey, SMALL[..., 3], SMALL[..., 3], SMALL[..., 3]], axis=-1), 1, 2)
    np.testing.assert_array_equal(made, expected)


@pytest.mark.parametrize("mode", ["RGB", "L", "LA", "P", "1", "RGBA"])
def test_a_picture_of_any_colours_is_laid_over(tmp_path: Path, folder: Path, mode: str) -> None:
    picture = Image.fromarray(SMALL).convert(mode)
    picture.save(tmp_path / "t.png")
    seen = np.asarray(picture.convert("RGBA"))
    made = poisoned(opened(folder, trigger=tmp_path / "t.png"))
    np.testing.assert_array_equal(made, stamped(PIXELS, seen, 6, 5))


def test_a_run_with_a_trigger_measures_what_a_run_on_files_of_its_images_does(tmp_path: Path, folder: Path) -> None:
    settings = RunSettings(
        model=folder / "net.keras",
        clean_valid=folder / "clean.h5",
        clean_test=folder / "test.h5",
        trigger=folder / "small.png",
        target="eel",
        class_names=folder / "names.txt",
        thresholds=(10.0,),
    )
    made = execute_run(settings, tmp_path / "made", reporter=Reporter()).results
    for name, pixels, labels in (("bd", PIXELS, LABELS), ("bd_test", PIXELS[::-1], LABELS[::-1])):
        write_images(tmp_path / f"{name}.h5", stamped(pixels, SMALL, 6, 5), np.full(24, 2), true_label=labels)
    files = replace(
        settings,
        trigger=None,
        target=None,
        poisoned_valid=tmp_path / "bd.h5",
        poisoned_test=tmp_path / "bd_test.h5",
    )
    given = execute_run(files, tmp_path / "given", reporter=Reporter()).results
    for key in ("input", "order", "mean_activation", "baseline", "curve", "thresholds"):
        assert made[key] == given[key], key
    assert made["baseline"]["valid"]["attack_images"] == 18
    assert made["model"]["class_names"] == list(NAMES)
    assert made["data"]["poisoned_valid"] == {
        "path": str((folder / "clean.h5").resolve()),
        "sha256": file_sha256(folder / "clean.h5"),
        "images": 24,
        "range": [0.0, 255.0],
        "trigger": {
            "path": str((folder / "small.png").resolve()),
            "sha256": file_sha256(folder / "small.png"),
            "at": [6, 5],
            "target": 2,
        },
    }
    assert given["data"]["poisoned_valid"].keys() == {"path", "sha256", "images", "range"}
    report = (tmp_path / "made" / "report.md").read_text()
    assert "small.png` at row 6, column 5" in report
    assert "The images with the trigger are labelled as class 2 (eel)." in report
    _replays(tmp_path, made)


def _replays(folder: Path, results: dict[str, Any]) -> None:
    recipe = read_recipe(folder / "made" / "recipe.toml")
    assert recipe.sha256["trigger"] == results["data"]["poisoned_valid"]["trigger"]["sha256"]
    again = execute_run(
        RunSettings(**recipe.settings), folder / "again", reporter=Reporter(), expected_sha256=recipe.sha256
    ).results
    assert {**again, "seconds": None} == {**results, "seconds": None}
    with pytest.raises(DataError, match=r"small\.png: has changed since the recipe was written"):
        open_inputs(RunSettings(**recipe.settings), Reporter(), {**recipe.sha256, "trigger": "ab"})


def test_labels_are_the_attackers_and_true_labels_the_clean_ones(folder: Path) -> None:
    heard: list[Event] = []
    inputs = opened(folder, heard, clean_test=folder / "test.h5", target="dog", class_names=folder / "names.txt")
    assert list(inputs.data) == ["clean_valid", "poisoned_valid", "clean_test", "poisoned_test"]
    for part, labels in (("valid", LABELS), ("test", LABELS[::-1])):
        images = inputs.data[f"poisoned_{part}"]
        np.testing.assert_array_equal(images.labels, np.full(24, 1))
        np.testing.assert_array_equal(images.true_labels, labels)
    assert ClassesNamed(NAMES) in heard
    made = [event.made_with for event in heard if isinstance(event, DataOpened)]
    assert made == ["", "", *["small.png at 6,5 → class 1 (dog)"] * 2]


def test_next_is_an_attack_on_all_classes(folder: Path) -> None:
    heard: list[Event] = []
    images = opened(folder, heard, target="next").data["poisoned_valid"]
    np.testing.assert_array_equal(images.labels, (LABELS + 1) % CLASSES)
    assert not [event for event in heard if isinstance(event, Notice) and "different labels" in event.text]


def test_a_trigger_that_hides_much_of_the_images_is_noted(folder: Path) -> None:
    heard: list[Event] = []
    save(folder / "large.png", np.full((6, 5, 4), 255, np.uint8))
    for trigger, noted in (("large", True), ("small", False)):
        heard.clear()
        prepare_run(
            RunSettings(
                model=folder / "net.keras",
                clean_valid=folder / "clean.h5",
                trigger=folder / f"{trigger}.png",
                target="2",
                preprocess="raw",
            ),
            Reporter(heard.append),
        )
        found = [event.text for event in heard if isinstance(event, Notice) and "of an image" in event.text]
        assert bool(found) is noted
        assert all("large.png covers 38 % of an image" in text for text in found)


def test_pictures_show_the_trigger(folder: Path) -> None:
    inputs = opened(folder)
    shown = take_pictures(inputs.data["poisoned_valid"], range(2))
    expected = stamped(PIXELS[:2], SMALL, 6, 5)
    for picture, pixels, label in zip(shown, expected, LABELS[:2], strict=True):
        assert picture.rgb == pixels.tobytes()
        assert (picture.label, picture.true_label) == (2, label)


@pytest.mark.parametrize(
    ("text", "names", "target"),
    [("3", (), 3), ("eel", NAMES, 2), ("1", NAMES, 1), ("next", NAMES, None), ("3", ("0", "1", "2", "3"), 3)],
)
def test_a_target_is_a_number_a_name_or_next(text: str, names: tuple[str, ...], target: int | None) -> None:
    assert read_target(text, CLASSES, names) == target


@pytest.mark.parametrize(
    ("text", "names", "finding"),
    [
        (
            "4",
            (),
            "'4' is no class of the network; expected a class from 0 to 3, a name with --class-names FILE, or next",
        ),
        ("-1", (), "is no class"),
        ("9" * 5000, (), "is no class"),
        ("²", (), "is no class"),
        ("cow", NAMES, f"expected a class from 0 to 3, one of {', '.join(NAMES)}, or next"),
        ("1", ("1", "2", "3", "4"), r"is the number of class 1 \(2\) and the name of class 0; expected 0, or the name"),
    ],
)
def test_a_target_that_is_no_class_or_two_is_refused(text: str, names: tuple[str, ...], finding: str) -> None:
    with pytest.raises(OptionError, match=finding):
        read_target(text, CLASSES, names)


@pytest.mark.parametrize(
    ("settings", "finding"),
    [
        (
            {"trigger_at": (7, 5)},
            r"--trigger-at 7,5 puts the trigger of 4×3 pixels outside .* 10×8; expected at most 6,5",
        ),
        ({"trigger": "large"}, r"has 11×8 pixels and the images have 10×8; expected a picture that is no larger"),
        ({"trigger": "opaque"}, r"covers images of 10×8 wholly; expected a smaller picture, or one with transparency"),
        ({"trigger": "empty"}, r"is wholly transparent; expected"),
        ({"trigger": "sixteen"}, r"is animated, or has 16 bits a colour; expected"),
        ({"trigger": "moving"}, r"is animated, or has 16 bits a colour; expected"),
        (
            {"trigger": "jpeg"},
            r"is a JPEG, which .*; expected the trigger as a PNG: save the original as one, or convert this",
        ),
        ({"trigger": "webp"}, r"is a WebP picture, not a PNG; expected the trigger as a PNG"),
        ({"trigger": "text"}, r"is no sound PNG \(it does not begin like one, or has no size\); expected"),
        ({"trigger": "half"}, r"is no sound PNG \(.*truncated.*\); expected"),
        ({"trigger": "none"}, r"no such file; expected a PNG picture"),
        ({"poisoned_test": Path("bd.h5")}, "--trigger makes the poisoned .* but --poisoned-test was given as well"),
    ],
)
def test_a_trigger_that_cannot_be_laid_over_the_images_is_refused(
    tmp_path: Path, folder: Path, settings: dict[str, Any], finding: str
) -> None:
    save(tmp_path / "large.png", np.zeros((11, 8, 4), np.uint8))
    save(tmp_path / "opaque.png", np.full((10, 8, 3), 9, np.uint8))
    save(tmp_path / "empty.png", WHOLE * np.array([1, 1, 1, 0], np.uint8))
    Image.fromarray(np.zeros((4, 4), np.uint16)).save(tmp_path / "sixteen.png")
    first, second = (Image.fromarray(np.full((4, 4, 3), grey, np.uint8)) for grey in (1, 2))
    first.save(tmp_path / "moving.png", save_all=True, append_images=[second])
    Image.fromarray(SMALL[..., :3]).save(tmp_path / "jpeg.png", format="JPEG")
    Image.fromarray(SMALL[..., :3]).save(tmp_path / "webp.png", format="WEBP")
    (tmp_path / "text.png").write_text("a trigger")
    whole = (folder / "whole.png").read_bytes()
    (tmp_path / "half.png").write_bytes(whole[: len(whole) // 2])
    if isinstance(settings.get("trigger"), str):
        settings = {"trigger": tmp_path / f"{settings['trigger']}.png"}
    with pytest.raises(InputError, match=finding):
        opened(folder, **settings)


def test_a_trigger_on_pixels_of_no_known_range_is_refused(tmp_path: Path, folder: Path) -> None:
    clean = write_images(tmp_path / "clean.h5", (UNIT - 0.45) / 0.22, LABELS)
    with pytest.raises(
        DataError, match="where a trigger's colours mean nothing; expected pixels in 0…255, 0…1 or −1…1"
    ):
        opened(folder, clean_valid=clean)


@pytest.mark.parametrize(
    ("settings", "missing", "finding"),
    [
        (
            {"target": None},
            "target",
            "a trigger was given without the class it leads to; expected --target CLASS, or next",
        ),
        (
            {"trigger": None},
            "trigger",
            "--target belongs to a trigger, and none was given; expected --trigger FILE.png",
        ),
        ({"trigger": None, "target": None, "trigger_at": (0, 0)}, "trigger", "--trigger-at belongs to a trigger"),
    ],
)
def test_a_trigger_and_its_target_belong_together(
    folder: Path, settings: dict[str, Any], missing: str, finding: str
) -> None:
    with pytest.raises(MissingOption, match=finding) as problem:
        opened(folder, **settings)
    assert problem.value.option == missing


def test_the_trigger_is_in_the_manifest_and_its_place_in_the_recipe(tmp_path: Path, folder: Path) -> None:
    settings = RunSettings(
        model=folder / "net.keras",
        clean_valid=folder / "clean.h5",
        trigger=folder / "small.png",
        target="next",
        trigger_at=(2, 0),
        thresholds=(100.0,),
    )
    results = execute_run(settings, tmp_path / "run", reporter=Reporter()).results
    assert results["data"]["poisoned_valid"]["trigger"]["target"] == "next"
    assert results["data"]["poisoned_valid"]["trigger"]["at"] == [2, 0]
    manifest = json.loads((tmp_path / "run" / "manifest.json").read_text())
    assert manifest["inputs"].keys() == {"model", "clean_valid", "trigger"}
    recipe = read_recipe(tmp_path / "run" / "recipe.toml").settings
    assert (recipe["target"], recipe["trigger_at"], "poisoned_valid" in recipe) == ("next", (2, 0), False)
    assert "labelled as the class after their true one." in (tmp_path / "run" / "report.md").read_text()
