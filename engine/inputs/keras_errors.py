"""What Keras and TensorFlow say when they fail, as a sentence of ours.

Their own words speak of their insides, run over many lines and name the wrong file. Where the reason is one that people
meet, there is a sentence for it; else as much of theirs as fits on a line goes into ours.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import h5py
import keras

from bdtui.engine.errors import BdtuiError, ModelError, OutOfMemory
from bdtui.engine.inputs.stored_weights import StoredLayer, stored_layers, told_layers, told_shapes
from bdtui.engine.machine.device_failures import is_out_of_memory
from bdtui.engine.machine.library_words import plain_detail
from bdtui.engine.machine.quoted_text import quoted

_UNKNOWN_SETTINGS = re.compile(r"Unrecognized keyword arguments passed to (\w+): \{(.*)\}")
_UNKNOWN_CLASS = re.compile(r"(?:Could not locate class|Unknown layer:|Unknown object:) ?'?([\w>. ]+?)'?\.? ")
_CHANNELS_FIRST = re.compile(r"NHWC|NCHW|channels_first|data_format", re.IGNORECASE)


def explain_build(path: Path) -> AbstractContextManager[None]:
    """Turn what Keras raises over a configuration into a sentence; ``path`` is where that was read from."""
    return _explained(path, _build_sentence)


def explain_weights(path: Path, model: keras.Model, copy: Path) -> AbstractContextManager[None]:
    """Turn what Keras raises over weights into a sentence: which layer's are missing, or of another shape.

    Args:
        path: the file that the weights were read from.
        model: that they do not fit.
        copy: the weights.
    """

    def sentence(problem: Exception) -> str:
        with h5py.File(copy, "r") as file:
            stored = stored_layers(file) or ()
        return _weights_sentence(problem, model, stored)

    return _explained(path, sentence)


@contextmanager
def _explained(path: Path, sentence: Callable[[Exception], str]) -> Iterator[None]:
    try:
        yield
    except BdtuiError:
        raise
    except Exception as problem:
        if is_out_of_memory(problem):
            raise _too_large(path) from problem
        raise ModelError(f"{path}: {sentence(problem)}") from problem


def run_sentence(problem: BaseException) -> str:
    """Why TensorFlow cannot run a network, and what to do."""
    if _CHANNELS_FIRST.search(str(problem)):
        return (
            "TensorFlow cannot run its channels_first layers on this device; "
            "expected a GPU (--device gpu:0), or the network in channels_last"
        )
    return f"TensorFlow cannot run the model ({plain_detail(problem)}); expected a network that runs on this device"


def _too_large(path: Path) -> OutOfMemory:
    return OutOfMemory(f"{path}: not enough memory for this model; free some memory or use a smaller model")


def _build_sentence(problem: BaseException) -> str:
    text = " ".join(str(problem).split())
    found = _UNKNOWN_SETTINGS.search(text)
    if found and found[1] in ("Model", "Functional", "Sequential"):
        return "the model's configuration is malformed; expected Keras' own"
    if found:
        names = re.findall(r"'(\w+)':", found[2])[:5]
        return (
            f"a layer of class {found[1]} has settings that Keras {keras.__version__} does not know "
            f"({', '.join(names)}); expected a model saved without them"
        )
    if found := _UNKNOWN_CLASS.search(text):
        return (
            f"Keras {keras.__version__} has no layer {quoted(found[1])}; "
            "expected stock layers: build the model from them, load its weights into that, and save it"
        )
    return f"Keras cannot rebuild the model ({plain_detail(problem)}); expected a sound model"


def _weights_sentence(problem: BaseException, model: keras.Model, stored: tuple[StoredLayer, ...]) -> str:
    wanted = [
        StoredLayer(layer.name, tuple(tuple(weight.shape) for weight in layer.weights))
        for layer in model.layers
        if layer.weights
    ]
    if not stored:
        return f"holds no weights; expected those of {told_layers(wanted)}"
    by_name = {layer.name: layer for layer in stored}
    named = [layer for layer in wanted if layer.name in by_name]
    lost = [layer for layer in wanted if layer.name not in by_name]
    # Two networks that have little in common may both have a 'dense'.
    of_this_model = len(named) == len(stored) and all(_same_shapes(layer, by_name[layer.name]) for layer in named)
    if named and lost and of_this_model:
        return f"the weights of layer {quoted(lost[0].name)} ({told_shapes(lost[0].shapes)}) are missing; expected a whole file"
    if (named and lost) or len(wanted) != len(stored):
        return (
            f"has weights for {len(stored)} layers ({told_layers(stored)}) and the model has {len(wanted)} "
            f"({told_layers(wanted)}); expected the weights of this model, or at --architecture the network that these are of"
        )
    pairs: list[Any] = [(layer, by_name[layer.name]) for layer in named] or list(zip(wanted, stored, strict=True))
    for layer, own in pairs:
        if not _same_shapes(layer, own):
            return (
                f"layer {layer.name!r} takes weights {told_shapes(layer.shapes)} and the file has "
                f"{told_shapes(own.shapes)} ({own.name!r}); expected the weights of this model"
            )
    return f"Keras cannot load the weights ({plain_detail(problem)}); expected the weights of this model"


def _same_shapes(one: StoredLayer, other: StoredLayer) -> bool:
    return sorted(one.shapes) == sorted(other.shapes)
