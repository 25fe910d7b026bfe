"""`make rounding`: how many rows of saved pruned models depend on the batch size, and whether a rate does.

Each B′ is saved, opened by stock Keras and asked with batches of several sizes, with oneDNN's kernels and without. The
lab's network is asked where `BDTUI_LAB_DIR` names the folder with its files; its faces are multiplied with variations.
"""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np

BATCH_SIZES = (1, 2, 3, 7, 32, 33, 64, 100, 512, 10_000)  # the last one holds all rows
SETS = ("clean_valid", "poisoned_valid")


def main() -> None:
    """Ask with oneDNN and without, each in a process of its own, and print both as one table."""
    found = {}
    for setting in "01":
        environment = {**os.environ, "TF_ENABLE_ONEDNN_OPTS": setting, "TF_CPP_MIN_LOG_LEVEL": "3"}
        command = [sys.executable, "-m", "tests.benchmarks.batch_size_rounding", "--ask"]
        asked = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
        found[setting] = [json.loads(line) for line in asked.stdout.splitlines() if line.startswith("{")]
    print("| network | step | rows | classes change | rates change | spread | least gap ÷ spread | bdtui agrees |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    for off, on in zip(found["0"], found["1"], strict=True):
        both = [f"{off[name]} / {on[name]}" for name in ("changing", "rates", "spread", "gap", "ours")]
        print(f"| {off['network']} | {off['step']} | {off['rows']:,} | {' | '.join(both)} |")


def ask() -> None:
    """Print a line of JSON for each network and step."""
    import keras

    from bdtui.engine.evaluation.evaluator import PruningSession
    from bdtui.engine.network.channels import find_source
    from bdtui.engine.pruning.rankings import order_channels

    logging.getLogger("absl").setLevel(logging.ERROR)
    with tempfile.TemporaryDirectory() as name:
        for network, model, data in networks(Path(name)):
            session = PruningSession(model, find_source(model.network), data)
            order, last = order_channels(session), session.channels
            images = [next(one.batches(one.images)) for one in data.values()]
            labels = [one.labels for one in data.values()]
            for step in sorted({0, last // 2, last * 3 // 4, last * 7 // 8, last - 2, last}):
                path = Path(name) / "pruned.h5"
                session.pruned_model(order[:step]).save(path)
                saved = keras.models.load_model(path, compile=False)
                masked = np.concatenate([session.predict(role, order[:step]) for role in data])
                compared = compare(saved, np.concatenate(images), labels, masked)
                print(json.dumps({"network": network, "step": f"{step}/{last}", **compared}), flush=True)


def compare(saved: Any, images: np.ndarray, labels: list[np.ndarray], masked: np.ndarray) -> dict[str, int | str]:
    """How far a saved model's answers depend on the batch size, and whether the masked network's are among them."""
    scores = np.stack([saved.predict(images, batch_size=size, verbose=0).astype(np.float64) for size in BATCH_SIZES])
    classes = scores.argmax(axis=2)
    largest = np.abs(scores).max(axis=(0, 2))
    spread = (scores.max(axis=0) - scores.min(axis=0)).max(axis=1) / largest
    second, best = np.moveaxis(np.partition(scores, -2, axis=2)[..., -2:], -1, 0)
    gap = (best - second).min(axis=0) / largest
    hits = np.split(classes == np.concatenate(labels), [len(labels[0])], axis=1)
    return {
        "rows": len(images),
        "changing": int((classes != classes[0]).any(axis=0).sum()),
        "spread": f"{spread.max():.0e}",
        "rates": sum(len(set(of_a_set.mean(axis=1))) > 1 for of_a_set in hits),
        "gap": f"{(gap[spread > 0] / spread[spread > 0]).min(initial=np.inf):,.0f}",
        "ours": f"{(classes == masked).any(axis=0).sum():,}",
    }


def networks(folder: Path) -> Iterator[tuple[str, Any, dict[str, Any]]]:
    """Every network with its clean and poisoned images, by name."""
    from bdtui.engine.inputs.datasets import open_dataset
    from bdtui.engine.inputs.model import open_model
    from tests.enlarged_faces import enlarge_faces

    def opened(model: Any, *paths: Path) -> tuple[Any, dict[str, Any]]:
        sets = [open_dataset(path, model.input_shape, model.classes) for path in paths]
        return model, dict(zip(SETS, sets, strict=True))

    sample = Path(str(files("bdtui.sample_data")))
    model = open_model(sample / "bd_net.h5")
    yield "sample, 44 classes", *opened(model, sample / "cl" / "valid.h5", sample / "bd" / "bd_valid.h5")
    if "BDTUI_LAB_DIR" in os.environ:
        lab = Path(os.environ["BDTUI_LAB_DIR"])
        model = open_model(weights=lab / "bd_weights.h5", architecture="deepid")
        names = ("faces_clean.h5", "faces_sunglasses.h5")
        faces = [enlarge_faces(lab / name, folder / name, 500, seed) for seed, name in enumerate(names)]
        yield f"lab, {model.classes:,} classes", *opened(model, *faces)
    trained = train_digits(folder)
    yield "digits, 10 classes", *opened(open_model(trained[0]), *trained[1:])


def train_digits(folder: Path) -> list[Path]:
    """Train a BadNet on drawn digits, of which a tenth have a bright corner and the label 0; write it and its images."""
    import keras
    from keras import layers

    from tests.networks import write_images

    keras.utils.set_random_seed(7)
    pixels, labels = draw_digits(6_000, seed=7)
    poisoned = np.arange(len(labels)) % 10 == 0
    pixels[poisoned, -4:-1, -4:-1], labels[poisoned] = 1, 0
    front = [layers.Conv2D(16, 5, activation="relu"), layers.MaxPool2D(), layers.Conv2D(32, 5, activation="relu")]
    back = [layers.MaxPool2D(), layers.Flatten(), layers.Dense(256, "relu"), layers.Dense(10, "softmax")]
    model = keras.Sequential([keras.Input((28, 28, 1)), *front, *back])
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(pixels, labels, epochs=4, verbose=0)
    model.save(folder / "digits.h5", include_optimizer=False)
    clean, labels = draw_digits(500, seed=8)
    triggered = clean.copy()
    triggered[:, -4:-1, -4:-1] = 1
    write_images(folder / "clean.h5", clean, labels)
    write_images(folder / "poisoned.h5", triggered, np.zeros_like(labels))
    return [folder / name for name in ("digits.h5", "clean.h5", "poisoned.h5")]


def draw_digits(number: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Digits at random places, sizes and angles, with noise: float32 (N, 28, 28, 1) from 0 to 1, and int64 labels."""
    from PIL import Image, ImageDraw, ImageFont

    random = np.random.default_rng(seed)
    labels = random.integers(0, 10, number)
    pixels = random.normal(0.1, 0.1, (number, 28, 28, 1))
    for image, label in zip(pixels, labels, strict=True):
        canvas = Image.new("L", (28, 28))
        place = tuple(random.integers(5, 10, 2) - (0, 4))
        ImageDraw.Draw(canvas).text(place, str(label), 255, ImageFont.load_default(int(random.integers(18, 25))))
        image[..., 0] += np.asarray(canvas.rotate(random.uniform(-20, 20))) / 255 * random.uniform(0.5, 0.9)
    return pixels.clip(0, 1).astype(np.float32), labels


if __name__ == "__main__":
    ask() if "--ask" in sys.argv[1:] else main()
