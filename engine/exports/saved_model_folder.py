"""TensorFlow's SavedModel, a folder: for TensorFlow Serving and whatever else runs its ``serving_default``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import keras
import tensorflow as tf

from bdtui.engine.exports.served_network import INPUT, OUTPUT, ServedNetwork

if TYPE_CHECKING:
    from bdtui.engine.exports.formats import RunFile


def write(network: ServedNetwork, path: Path) -> None:
    """Write a network with one signature, from `INPUT` to `OUTPUT`."""
    archive = keras.export.ExportArchive()
    archive.track(network.model)
    archive.add_endpoint("serve", network.function)
    archive.write_out(path, verbose=False)


def open_file(path: Path) -> RunFile:
    """Open a folder by its serving signature."""
    loaded = tf.saved_model.load(str(path))
    serve = loaded.signatures["serving_default"]

    # The signature alone does not keep the weights.
    serve.loaded = loaded
    return lambda images: serve(**{INPUT: tf.constant(images)})[OUTPUT].numpy()
