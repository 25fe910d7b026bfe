"""Whole runs on small networks of our own: scales, ties, true labels, and models that were saved wrongly."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import pytest
from keras import layers

from bdtui.engine.errors import BdtuiError, OutputError
from bdtui.engine.events import Event, Notice, ScaleDecided
from bdtui.engine.reporter import Reporter
from bdtui.engine.runs import networks
from bdtui.engine.runs.run import execute_run
from bdtui.engine.settings import RunSettings
from tests.networks import CASES, IMAGE, NetworkCase, build, conv, functional, head, random_images, write_images

pytestmark = pytest.mark.slow


def twin_channels() -> keras.Model:
    return functional(lambda x: head(layers.MaxPooling2D(name="pool")(conv("conv")(x))))


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    """A network whose channels 2, 5 and 6 are the same, with clean and poisoned images, pixels 0–255."""
    case = NetworkCase(twin_channels, "pool")
    model = build(case)
    kernel, bias = (weight.numpy().copy() for weight in model.get_layer("conv").weights)
    for channel in (5, 6):
        kernel[..., channel], bias[channel] = kernel[..., 2], bias[2]
    model.get_layer("conv").set_weights([kernel, bias])
    model.save(tmp_path / "model.h5")
    pixels = np.random.default_rng(5).integers(0, 256, size=(80, *IMAGE)).astype(np.uint8)
    labels = np.asarray(model(pixels / np.float32(255))).argmax(axis=1)
    write_images(tmp_path / "clean.h5", pixels[:50], labels[:50])
    write_images(tmp_path / "poisoned.h5", pixels[50:], np.full(30, 1), true_label=labels[50:])
    return {"model": tmp_path / "model.h5", "clean_valid": tmp_path / "clean.h5"}


def run(tmp_path: Path, heard: list[Event] | None = None, **settings: Any) -> dict[str, Any]:
    reporter = Reporter((heard if heard is not None else []).append)
    return execute_run(RunSettings(**settings), tmp_path / "out", reporter=reporter).results


def _read(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Pixels and true labels of a poisoned set."""
    with h5py.File(path) as file:
        return file["data"][()].astype(np.float32), file["true_label"][()]


def test_pixels_are_divided_as_the_network_wants_it(tmp_path: Path, files: dict[str, Path]) -> None:
    heard: list[Event] = []
    results = run(tmp_path, heard, **files)
    assert results["input"] == {"layout": "nhwc", "scale": 255, "preprocess": "unit"}
    assert results["baseline"]["valid"]["clean_accuracy"] == 100
    decided = next(event for event in heard if isinstance(event, ScaleDecided))
    assert decided.accuracy_by_scale is not None
    assert decided.accuracy_by_scale[255] == 100 > decided.accuracy_by_scale[1]


def test_of_equal_channels_the_lower_goes_first(tmp_path: Path, files: dict[str, Path]) -> None:
    results = run(tmp_path, **files)
    means, order = results["mean_activation"], results["order"]
    assert means[2] == means[5] == means[6]
    start = order.index(2)
    assert order[start : start + 3] == [2, 5, 6]


def test_recovered_accuracy_counts_true_labels_and_asr_the_attackers(tmp_path: Path, files: dict[str, Path]) -> None:
    heard: list[Event] = []
    rates = run(tmp_path, heard, **files, poisoned_valid=tmp_path / "poisoned.h5")["baseline"]["valid"]
    assert rates["recovered_accuracy"] == 100, "the labels are the network's own"
    pixels, labels = _read(tmp_path / "poisoned.h5")
    network = np.asarray(keras.models.load_model(files["model"], compile=False)(pixels / np.float32(255))).argmax(
        axis=1
    )
    already = int(np.count_nonzero(labels == 1))
    assert 0 < already < 30
    others = network[labels != 1]
    assert rates["attack_images"] == len(others) == 30 - already
    assert rates["attack_success_rate"] == 100 * np.count_nonzero(others == 1) / len(others)
    notices = [event.text for event in heard if isinstance(event, Notice)]
    assert any(text.startswith(f"{already} of 30 images") for text in notices)


def test_poisoned_test_images_alone_are_reported(tmp_path: Path, files: dict[str, Path]) -> None:
    results = run(tmp_path, **files, poisoned_test=tmp_path / "poisoned.h5")
    assert [sheet["role"] for sheet in results["examples"]] == ["clean_valid", "poisoned_test"]
    report = (tmp_path / "out" / "report.md").read_text()
    assert "No poisoned images" not in report
    assert "on test images" in report


def test_a_set_stored_with_other_pixels_is_told(tmp_path: Path, files: dict[str, Path]) -> None:
    bright = random_images(CASES["sequential"], 10).clip(0, 1)
    write_images(tmp_path / "dark.h5", bright, np.zeros(10))
    heard: list[Event] = []
    run(tmp_path, heard, **files, poisoned_valid=tmp_path / "dark.h5", scale="1")
    assert any("one of them may be stored wrongly" in event.text for event in heard if isinstance(event, Notice))


@pytest.mark.parametrize("name", ["pruned_model", "build_goodnet"])
def test_a_model_that_was_saved_wrongly_is_not_kept(
    tmp_path: Path, files: dict[str, Path], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """What is saved has its last weights turned around; the check on reopening must see it."""
    write = networks.write_model

    def corrupt(path: Path, model: keras.Model, check: Any) -> None:
        if ("goodnet" in path.name) == (name == "build_goodnet"):
            changed = [weight for weight in model.weights if "dense" in weight.path or "output" in weight.path][-1]
            changed.assign(-10 * np.arange(changed.shape[0], dtype=np.float32))
        write(path, model, check)

    monkeypatch.setattr(networks, "write_model", corrupt)
    with pytest.raises(BdtuiError, match="it was not saved"):
        run(tmp_path, **files)
    left = {path.name for path in (tmp_path / "out").iterdir()}
    assert "results.json" not in left
    assert not any(("goodnet" in file) == (name == "build_goodnet") and "X=" in file for file in left)


def test_thresholds_that_lie_close_have_files_of_their_own(tmp_path: Path, files: dict[str, Path]) -> None:
    results = run(tmp_path, **files, thresholds=(2.0, 2.0000001, 2.5))
    names = [threshold["model"] for threshold in results["thresholds"]]
    assert names == ["model_X=2.h5", "model_X=2.0000001.h5", "model_X=2.5.h5"]
    assert all((tmp_path / "out" / name).exists() for name in names)


def test_a_network_with_bare_operations_is_saved_as_keras(tmp_path: Path) -> None:
    case = CASES["bare operations"]
    model = build(case)
    model.save(tmp_path / "model.keras")
    images = random_images(case, 40)
    write_images(tmp_path / "clean.h5", images, np.asarray(model(images)).argmax(axis=1))
    results = run(tmp_path, model=tmp_path / "model.keras", clean_valid=tmp_path / "clean.h5", layer="conv", scale="1")
    reached = [threshold["model"] for threshold in results["thresholds"] if threshold["reached"]]
    assert reached[0] == "model_X=2.keras"
    keras.models.load_model(tmp_path / "out" / reached[0], compile=False)


@pytest.mark.parametrize("ranking", ["max-activation", "firing-share", "weight-norm", "random"])
def test_every_ranking_orders_all_channels(tmp_path: Path, files: dict[str, Path], ranking: str) -> None:
    results = run(tmp_path, **files, ranking=ranking, seed=3)
    assert sorted(results["order"]) == list(range(8))
    if ranking == "weight-norm":
        model = keras.models.load_model(files["model"], compile=False)
        norms = np.abs(model.get_layer("conv").kernel.numpy()).sum(axis=(0, 1, 2))
        assert np.all(np.diff(norms[results["order"]]) >= -1e-5)


def test_a_network_of_whole_numbers_reads_them_as_keras_does(tmp_path: Path) -> None:
    start = keras.Input(IMAGE, dtype="uint8")
    model = keras.Model(start, head(layers.MaxPooling2D(name="pool")(conv("conv")(layers.Rescaling(1 / 255)(start)))))
    model.save(tmp_path / "model.keras")
    images = np.random.default_rng(5).uniform(0, 255, size=(60, *IMAGE)).astype(np.float32)
    labels = model.predict(images, verbose=0).argmax(axis=1)
    write_images(tmp_path / "clean.h5", images, labels)
    results = run(tmp_path, model=tmp_path / "model.keras", clean_valid=tmp_path / "clean.h5", scale="1")
    assert results["baseline"]["valid"]["clean_accuracy"] == 100


def test_a_second_run_into_the_same_folder_is_refused_and_the_first_stays(
    tmp_path: Path, files: dict[str, Path]
) -> None:
    run(tmp_path, **files)
    before = (tmp_path / "out" / "results.json").read_text()
    with pytest.raises(OutputError, match="already contains a run"):
        run(tmp_path, **files)
    assert (tmp_path / "out" / "results.json").read_text() == before
    json.loads(before)


def test_resume_leaves_networks_that_are_there_unchanged(tmp_path: Path, files: dict[str, Path]) -> None:
    settings, out = RunSettings(**files), tmp_path / "out"
    networks = [*execute_run(settings, out, reporter=Reporter()).out.glob("*_X=*")]
    assert len(networks) >= 2
    written = {path: path.stat().st_ino for path in networks}
    damaged = out / "goodnet_X=2.keras"
    damaged.write_bytes(b"damaged")
    (out / "results.json").unlink()
    execute_run(settings, out, reporter=Reporter(), resume=True)
    # Every file is written anew under another name first, and so becomes another file.
    assert [path for path in networks if path.stat().st_ino != written[path]] == [damaged]
