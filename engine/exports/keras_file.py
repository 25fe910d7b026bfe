"""Keras' own formats, ``.keras`` and ``.h5``: the same model gives the same bytes."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import keras

from bdtui.engine.exports.served_network import ServedNetwork, in_rows
from bdtui.engine.inputs.application_layers import APPLICATION_LAYERS

if TYPE_CHECKING:
    from bdtui.engine.exports.formats import RunFile


def write(network: ServedNetwork, path: Path) -> None:
    """Write a network in the format of the suffix."""
    save_model(path, network.model)


def open_file(path: Path) -> RunFile:
    """Open a network as anybody's Keras does."""
    network = ServedNetwork(load_model(path))
    return lambda images: in_rows(network.outputs(images))


def load_model(path: Path) -> keras.Model:
    """A model that a run wrote."""
    return keras.models.load_model(path, custom_objects=APPLICATION_LAYERS, compile=False, safe_mode=True)


def save_model(path: Path, model: keras.Model) -> None:
    """Write a model in the format of the suffix."""
    model.save(path)
    if path.suffix == ".keras":
        _drop_times(path)


def _drop_times(archive_path: Path) -> None:
    """Rewrite a ``.keras`` archive without the moment of its making, so that a run can be repeated bit for bit."""
    with zipfile.ZipFile(archive_path) as archive:
        content = {name: archive.read(name) for name in sorted(archive.namelist())}
    metadata = json.loads(content["metadata.json"])
    metadata.pop("date_saved", None)
    content["metadata.json"] = json.dumps(metadata).encode()
    with zipfile.ZipFile(archive_path, "w") as archive:
        for name, data in content.items():
            archive.writestr(zipfile.ZipInfo(name), data)
