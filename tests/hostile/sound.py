"""The good files that every hostile one is made from: one small network in every form, and images that fit it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import h5py
import keras
import numpy as np
from keras import layers

from bdtui.engine.machine.files import file_sha256
from bdtui.engine.runs.manifest import manifest_json

IMAGES = np.random.default_rng(3).integers(0, 256, (20, 8, 8, 3), dtype=np.uint8)
LABELS = np.arange(20) % 5


@dataclass(frozen=True)
class SoundFiles:
    """A folder of good files.

    Attributes:
        folder: where they lie.
    """

    folder: Path

    @property
    def model(self) -> Path:
        """A whole model in HDF5."""
        return self.folder / "model.h5"

    @property
    def archive(self) -> Path:
        """The same, as Keras 3 saves it."""
        return self.folder / "model.keras"

    @property
    def architecture(self) -> Path:
        """Its configuration alone."""
        return self.folder / "model.json"

    @property
    def lab_weights(self) -> Path:
        """Its weights alone, as Keras 2 and the lab's files have them."""
        return self.folder / "lab_weights.h5"

    @property
    def new_weights(self) -> Path:
        """Its weights alone, as Keras 3 saves them."""
        return self.folder / "model.weights.h5"

    @property
    def saved_model(self) -> Path:
        """A folder of Keras 2 with a network of the same layers."""
        return self.folder / "saved_model"

    @property
    def images(self) -> Path:
        """Images in one piece."""
        return self.folder / "valid.h5"

    @property
    def packed_images(self) -> Path:
        """Images in chunks of gzip."""
        return self.folder / "packed.h5"

    @property
    def recipe(self) -> Path:
        """Names model and images."""
        return self.folder / "recipe.toml"

    @property
    def manifest(self) -> Path:
        """Of a run's folder, `folder / "run"`."""
        return self.folder / "run" / "manifest.json"


def network(*before: layers.Layer, conv: str = "conv") -> keras.Model:
    """A small classifier of images of 8×8×3 into five classes."""
    keras.utils.set_random_seed(1)
    return keras.Sequential(
        [
            keras.Input((8, 8, 3), name="image"),
            *before,
            layers.Conv2D(4, 3, activation="relu", name=conv),
            layers.MaxPooling2D(name="pool"),
            layers.Flatten(name="flat"),
            layers.Dense(5, activation="softmax", name="scores"),
        ]
    )


def write_sound_files(folder: Path) -> SoundFiles:
    """Make the good files in a folder."""
    folder.mkdir(parents=True)
    files = SoundFiles(folder)
    model = network()
    model.save(files.model)
    model.save(files.archive)
    model.save_weights(files.new_weights)
    files.architecture.write_text(model.to_json())
    _write_saved_model(files.saved_model)
    with h5py.File(files.model) as whole, h5py.File(files.lab_weights, "w") as alone:
        for name, value in whole["model_weights"].attrs.items():
            alone.attrs[name] = value
        for name in whole["model_weights"]:
            whole.copy(f"model_weights/{name}", alone)
    for path, settings in ((files.images, {}), (files.packed_images, {"chunks": (4, 8, 4, 3), "compression": "gzip"})):
        with h5py.File(path, "w") as file:
            file.create_dataset("data", data=IMAGES, **settings)
            file["label"] = LABELS
            file["true_label"] = LABELS
    files.recipe.write_text(
        f"model = '{files.model}'\nclean-valid = '{files.images}'\npoisoned-valid = '{files.packed_images}'\n"
        f"thresholds = [2, 4.5]\nseed = 3\nscale = 255\n[sha256]\nmodel = '{file_sha256(files.model)}'\n"
    )
    files.manifest.parent.mkdir()
    written = {}
    for name in ("curve.csv", "report.md", "results.json"):
        (files.manifest.parent / name).write_text(name)
        written[name] = file_sha256(files.manifest.parent / name)
    files.manifest.write_text(json.dumps(manifest_json(written, {"model": "ab"}, {"bdtui": "0"}, 0), indent=1))
    return files


def _write_saved_model(folder: Path) -> None:
    import tf_keras

    tf_keras.Sequential(
        [
            tf_keras.layers.Conv2D(4, 3, activation="relu", name="conv", input_shape=(8, 8, 3)),
            tf_keras.layers.MaxPooling2D(name="pool"),
            tf_keras.layers.Flatten(name="flat"),
            tf_keras.layers.Dense(5, activation="softmax", name="scores"),
        ]
    ).save(folder, save_format="tf")
