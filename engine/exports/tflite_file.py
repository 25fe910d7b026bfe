"""TensorFlow Lite, for phones and small machines."""

from __future__ import annotations

import re
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from bdtui.engine.errors import ModelError
from bdtui.engine.exports.served_network import ServedNetwork

if TYPE_CHECKING:
    from bdtui.engine.exports.formats import RunFile

_WITHOUT_KERNEL = re.compile(r"TF Select ops: ([\w, ]+)")
_NAMED = 6
"""Operations that are named in an error."""


def write(network: ServedNetwork, path: Path) -> None:
    """Write a network for TensorFlow Lite's built-in operations, in single precision.

    Raises:
        ModelError: it needs others.
    """
    # Of a function that still has variables, the converter may lose the weights without an error.
    converter = tf.lite.TFLiteConverter.from_concrete_functions([network.frozen], tf.Module())
    try:
        content = converter.convert()
    except Exception as problem:
        without = _WITHOUT_KERNEL.search(str(problem))
        if without is None:
            raise
        names = without[1].split(", ")
        more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
        raise ModelError(f"no such operation for these numbers: {', '.join(names[:_NAMED])}{more}") from problem
    path.write_bytes(content)


def open_file(path: Path) -> RunFile:
    """Open a file in TensorFlow Lite's interpreter."""
    with warnings.catch_warnings():
        # It is to move to a package of its own.
        warnings.simplefilter("ignore")
        interpreter = tf.lite.Interpreter(str(path))
    (start,) = interpreter.get_input_details()
    (end,) = interpreter.get_output_details()
    shape: tuple[int, ...] = ()

    def run(images: NDArray[Any]) -> NDArray[np.floating[Any]]:
        nonlocal shape
        if images.shape != shape:
            interpreter.resize_tensor_input(start["index"], images.shape)
            interpreter.allocate_tensors()
            shape = images.shape
        interpreter.set_tensor(start["index"], images)
        interpreter.invoke()
        return np.asarray(interpreter.get_tensor(end["index"]))

    return run
