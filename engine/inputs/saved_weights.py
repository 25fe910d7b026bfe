"""Weights of a SavedModel's checkpoint, put into a model that was built from the folder's configuration.

What belongs to which layer stands in two places: the metadata say what each layer is called, the checkpoint's graph of
objects says which array is which attribute of it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras

from bdtui.engine.errors import ModelError
from bdtui.engine.inputs.checkpoint import Checkpoint
from bdtui.engine.inputs.saved_metadata import LAYER_CHILD, saved_nodes
from bdtui.engine.machine.quoted_text import quoted

_FORMER_NAMES = {"kernel": "depthwise_kernel"}
"""Of weights that Keras 3 calls otherwise, by their names in it."""


def load_saved_weights(model: keras.Model, checkpoint: Checkpoint, folder: Path) -> None:
    """Give a model, built from a folder's configuration, the weights that the folder keeps for each of its layers.

    Raises:
        ModelError: a layer's weights are missing, of another shape, or the folder is corrupted.
    """
    _Assignment(checkpoint, folder).assign(model)


class _Assignment:
    """Weights by layers: names of layers come from the metadata, names of weights are those of their attributes."""

    def __init__(self, checkpoint: Checkpoint, folder: Path) -> None:
        self._checkpoint, self._folder = checkpoint, folder
        self._nodes = list(checkpoint.object_graph().nodes)
        if not self._nodes:
            raise ModelError(f"{folder}: corrupted checkpoint; expected a complete SavedModel")
        self._names: dict[int, str] = {}
        for place, metadata in saved_nodes(folder):
            number = self._at(place)
            if number is not None and isinstance(metadata, dict):
                # As the configuration was mended (`bdtui.engine.inputs.keras2_config`).
                self._names[number] = str(metadata.get("name")).replace("/", "_")

    def assign(self, model: keras.Model) -> None:
        """Assign every weight of a model."""
        assigned: set[int] = set()
        self._assign(model, 0, assigned)
        for weight in model.weights:
            if id(weight) not in assigned:
                layer = weight.path.rpartition("/")[0].rpartition("/")[2]
                raise ModelError(
                    f"{self._folder}: the weights of layer {quoted(layer)} ({quoted(weight.path)}) are missing; "
                    "expected a complete SavedModel"
                )

    def _assign(self, layer: Any, number: int, assigned: set[int]) -> None:
        children = self._children(number)
        if isinstance(layer, keras.Sequential | keras.Model):
            named = {self._names.get(child): child for name, child in children.items() if LAYER_CHILD.fullmatch(name)}
            for inner in layer.layers:
                if inner.weights and inner.name in named:
                    self._assign(inner, named[inner.name], assigned)
            return
        for attribute, value in vars(layer).items():
            # Some weights of Keras 3 lie behind a property: `kernel` is `_kernel`.
            name = attribute.removeprefix("_")
            child = children.get(attribute, children.get(name, children.get(_FORMER_NAMES.get(name, ""))))
            if child is None:
                continue
            if isinstance(value, keras.Variable):
                self._assign_variable(layer, value, child)
                assigned.add(id(value))
            elif isinstance(value, keras.layers.Layer):
                self._assign(value, child, assigned)
            elif isinstance(value, list | tuple):
                cells = self._children(child)
                for place, cell in enumerate(value):
                    if isinstance(cell, keras.layers.Layer) and str(place) in cells:
                        self._assign(cell, cells[str(place)], assigned)
        if isinstance(layer, keras.layers.Normalization):
            # What it multiplies by is computed from its weights.
            layer.finalize_state()

    def _assign_variable(self, layer: Any, variable: Any, number: int) -> None:
        keys = [str(entry.checkpoint_key) for entry in self._nodes[number].attributes if entry.name == "VARIABLE_VALUE"]
        if len(keys) != 1:
            raise ModelError(
                f"{self._folder}: {quoted(variable.path)} is not one array; expected a complete SavedModel"
            )
        value = self._checkpoint.array(keys[0])
        if value.shape != tuple(variable.shape):
            raise ModelError(
                f"{self._folder}: {quoted(variable.path)} of layer {quoted(layer.name)} is stored with shape {value.shape}; "
                f"expected {tuple(variable.shape)}"
            )
        variable.assign(value)

    def _children(self, number: int) -> dict[str, int]:
        found = {str(child.local_name): int(child.node_id) for child in self._nodes[number].children}
        if any(not 0 <= child < len(self._nodes) for child in found.values()):
            raise ModelError(f"{self._folder}: corrupted checkpoint; expected a complete SavedModel")
        return found

    def _at(self, place: str) -> int | None:
        number = 0
        for name in place.split(".")[1:]:
            if name not in (children := self._children(number)):
                return None
            number = children[name]
        return number
