"""A folder of pictures, an archive and an HDF5 file of the same images are one and the same to a whole run."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest
from keras import layers
from PIL import Image

from bdtui.tui.cli import main

pytestmark = pytest.mark.slow

NAMES = ("ant", "bee", "cat", "dog")
LABELS = np.repeat(np.arange(4), 15)
TARGET = 3


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network, and clean and poisoned images in every form."""
    folder = tmp_path_factory.mktemp("sources")
    random = np.random.default_rng(1)
    kinds = random.integers(0, 256, (4, 12, 12, 3))
    clean = np.clip(kinds[LABELS] + random.normal(0, 90, (60, 12, 12, 3)), 0, 255).astype(np.uint8)
    poisoned = clean.copy()
    poisoned[:, :3, :3] = 255
    keras.utils.set_random_seed(1)
    model = keras.Sequential(
        [
            keras.Input((12, 12, 3)),
            layers.Rescaling(1 / 255),
            layers.Conv2D(6, 3, activation="relu", name="conv"),
            layers.MaxPooling2D(name="pool"),
            layers.Flatten(),
            layers.Dense(4, activation="softmax"),
        ]
    )
    model.compile(keras.optimizers.Adam(0.01), "sparse_categorical_crossentropy")
    model.fit(clean, LABELS, epochs=15, verbose=0)
    model.save(folder / "net.keras")
    for number, (image, triggered, label) in enumerate(zip(clean, poisoned, LABELS, strict=True)):
        for pixels, into in ((image, f"clean/{NAMES[label]}"), (triggered, f"poisoned/{NAMES[TARGET]}")):
            (folder / into).mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(folder / into / f"{number:02}.png")
    target = np.full(60, TARGET)
    np.savez(folder / "clean.npz", x_test=clean, y_test=np.array(NAMES)[LABELS])
    np.savez_compressed(folder / "poisoned.npz", X=poisoned.transpose(0, 3, 1, 2), y=target)
    for name, images, labels in (("clean", clean, LABELS + 1), ("poisoned", poisoned, target + 1)):
        with h5py.File(folder / f"{name}.h5", "w") as file:
            file["faces/x"], file["faces/y"] = images, labels
    (folder / "names.txt").write_text("\n".join(NAMES) + "\n")
    return folder


FORMS = {
    "folder": ("clean", "poisoned"),
    "npz": ("clean.npz", "poisoned.npz", "--class-names", "names.txt"),
    "hdf5": ("clean.h5", "poisoned.h5", "--keys", "faces/x,faces/y"),
}


def run(place: Path, form: str, out: Path) -> str:
    """The curve of a whole run."""
    clean, poisoned, *options = FORMS[form]
    more = [str(place / option) if option.endswith(".txt") else option for option in options]
    given = ["--clean-valid", str(place / clean), "--poisoned-valid", str(place / poisoned), *more]
    assert main(["--batch", str(place / "net.keras"), *given, "--thresholds", "100", "--out", str(out)]) == 0
    return (out / "curve.csv").read_text()


@pytest.fixture(scope="module")
def done(place: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run on the folders."""
    out = tmp_path_factory.mktemp("done") / "run"
    run(place, "folder", out)
    return out


def test_a_run_reads_folders_with_one_sub_folder_a_class(place: Path, done: Path) -> None:
    results = json.loads((done / "results.json").read_text())
    assert results["baseline"]["valid"]["clean_accuracy"] > 90
    assert results["data"]["clean_valid"] == {
        "path": str(place / "clean"),
        "sha256": results["data"]["clean_valid"]["sha256"],
        "images": 60,
        "range": [0.0, 255.0],
    }
    assert results["input"]["layout"] == "nhwc"


@pytest.mark.parametrize("form", ["npz", "hdf5"])
def test_a_file_of_the_same_images_gives_the_same_curve(place: Path, done: Path, form: str, tmp_path: Path) -> None:
    assert run(place, form, tmp_path / "run") == (done / "curve.csv").read_text()


def test_a_recipe_replays_a_run_on_folders_and_refuses_another_picture(
    place: Path, done: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    recipe = tmp_path / "recipe.toml"
    shutil.copytree(place / "clean", tmp_path / "clean")
    text = (done / "recipe.toml").read_text()
    recipe.write_text(text.replace(str(place / "clean"), str(tmp_path / "clean")))
    assert main(["--batch", "--recipe", str(recipe), "--out", str(tmp_path / "again")]) == 0
    assert (tmp_path / "again" / "curve.csv").read_text() == (done / "curve.csv").read_text()
    Image.new("RGB", (12, 12)).save(tmp_path / "clean" / "bee" / "20.png")
    capfd.readouterr()
    assert main(["--batch", "--recipe", str(recipe), "--out", str(tmp_path / "other")]) == 2
    assert "clean: has changed since the recipe was written" in capfd.readouterr().err


def test_a_run_on_folders_is_resumed_with_its_options(place: Path, tmp_path: Path) -> None:
    curve = run(place, "npz", tmp_path / "run")
    for name in ("results.json", "curve.csv"):
        (tmp_path / "run" / name).unlink()
    assert main(["--batch", "--resume", "--out", str(tmp_path / "run")]) == 0
    assert (tmp_path / "run" / "curve.csv").read_text() == curve


def test_broken_pictures_are_named_left_out_and_counted_in_the_report(
    place: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(place / "clean", tmp_path / "clean")
    for name in ("cat/31.png", "dog/50.png"):
        (tmp_path / "clean" / name).write_text("broken")
    given = [str(place / "net.keras"), "--clean-valid", str(tmp_path / "clean"), "--thresholds", "100"]
    assert main(["--batch", *given, "--out", str(tmp_path / "run")]) == 2
    assert "'cat/31.png' cannot be read (not JPEG, PNG, BMP, GIF or WebP), nor can 1 more of 60" in (
        capfd.readouterr().err
    )
    assert main(["--check", *given, "--skip-broken"]) == 0
    assert "58 images" in capfd.readouterr().out
    assert main(["--batch", *given, "--skip-broken", "--out", str(tmp_path / "run")]) == 0
    report = (tmp_path / "run" / "report.md").read_text()
    assert "2 pictures that cannot be read are left out" in report
    assert "skip-broken = true" in (tmp_path / "run" / "recipe.toml").read_text()
