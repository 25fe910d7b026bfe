"""Weights in the layouts of Keras 2.12–2.15 land in their layers, whatever the groups are called."""

from __future__ import annotations

import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest

from bdtui.engine.inputs.model import open_model
from tests.engine.inputs.keras2_models import KINDS, Keras2Model, build

pytestmark = pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file")

FORMER = "_layer_checkpoint_dependencies"


@pytest.fixture(scope="module")
def models() -> dict[str, Keras2Model]:
    return {kind: build(kind) for kind in KINDS}


def repacked(model: Keras2Model, folder: Path, layout: str) -> Path:
    """An archive of Keras 2.15, its weights' groups named as another release or Windows named them."""
    archive = model.save(folder / "saved.keras")
    with zipfile.ZipFile(archive) as packed:
        members = {name: packed.read(name) for name in packed.namelist()}
    weights, other = folder / "weights.h5", folder / "other.h5"
    weights.write_bytes(members["model.weights.h5"])
    with h5py.File(weights) as source, h5py.File(other, "w") as target:
        source.visit(lambda name: rename(source, target, name, layout))
    members["model.weights.h5"] = other.read_bytes()
    path = folder / "model.keras"
    with zipfile.ZipFile(path, "w") as packed:
        for name, content in members.items():
            packed.writestr(name, content)
    return path


def rename(source: h5py.File, target: h5py.File, name: str, layout: str) -> None:
    """Copy the ``vars`` of a layer to the name that the layout has for it."""
    if not name.endswith("/vars"):
        return
    place = name.removesuffix("/vars")
    if "2.13" in layout:
        place = "/".join(FORMER if step == "layers" else step for step in place.split("/"))
    if "gaps" in layout:
        place = "/".join(with_gap(step) for step in place.split("/"))
    if "Windows" in layout:
        place = place.replace("/", "\\")
    source.copy(name, target.require_group(place), "vars")


def with_gap(step: str) -> str:
    """Each layer with weights counted twice."""
    kind, _, number = step.rpartition("_")
    return f"{kind}_{2 * int(number)}" if number.isdecimal() else step


LAYOUTS = ["2.15", "Windows", "2.13", "2.13 on Windows", "2.13 with gaps", "2.13 with gaps on Windows"]


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("kind", KINDS)
def test_an_archive_of_keras_2_predicts_as_in_keras_2(
    tmp_path: Path, models: dict[str, Keras2Model], kind: str, layout: str
) -> None:
    model = models[kind]
    opened = open_model(repacked(model, tmp_path, layout))
    predictions = np.asarray(opened.keras_model(model.images, training=False))
    np.testing.assert_allclose(predictions, model.predictions, atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_a_whole_hdf5_file_of_keras_2_predicts_as_in_keras_2(
    tmp_path: Path, models: dict[str, Keras2Model], kind: str
) -> None:
    model = models[kind]
    opened = open_model(model.save(tmp_path / "model.h5"))
    predictions = np.asarray(opened.keras_model(model.images, training=False))
    np.testing.assert_allclose(predictions, model.predictions, atol=1e-6)


@pytest.mark.parametrize("name", ["model.weights.h5", "weights.h5"])
@pytest.mark.parametrize("kind", KINDS)
def test_an_architecture_of_keras_2_opens_with_its_weights(
    tmp_path: Path, models: dict[str, Keras2Model], kind: str, name: str
) -> None:
    model = models[kind]
    (tmp_path / "model.json").write_text(model.model.to_json())
    model.model.save_weights(tmp_path / name)
    opened = open_model(architecture=str(tmp_path / "model.json"), weights=tmp_path / name)
    predictions = np.asarray(opened.keras_model(model.images, training=False))
    np.testing.assert_allclose(predictions, model.predictions, atol=1e-6)


def test_names_too_long_for_one_attribute_are_read_in_pieces(tmp_path: Path) -> None:
    """As Keras 2 keeps the names of a network with thousands of layers."""
    model = build("sequential")
    path = model.save(tmp_path / "model.h5")
    with h5py.File(path, "r+") as file:
        group = file["model_weights"]
        names = list(group.attrs.pop("layer_names"))
        group.attrs["layer_names0"], group.attrs["layer_names1"] = names[:3], names[3:]
    predictions = np.asarray(open_model(path).keras_model(model.images, training=False))
    np.testing.assert_allclose(predictions, model.predictions, atol=1e-6)
