"""The order of the weights of models in models, in HDF5 files of Keras 2.

Such a file lists the weights of an inner model in one row: first those that were trained, then the others. Which is which
Keras 3 tells otherwise where layers were frozen, and it reads the row by position. So where anything is frozen the row is
put into the order of layers, as if all were trained; nothing here trains.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

import h5py

Config = dict[str, Any]

_NOT_TRAINED = frozenset("moving_mean moving_variance mean variance count sn_u vector_u".split())
"""Names of weights that no training changes."""


def order_nested_weights(config: Config, weights: h5py.Group) -> Config:
    """Put the weights of inner models into the order in which Keras 3 reads them.

    Args:
        config: of the whole model, mended.
        weights: groups of the layers, in a file of our own; lists of names are rewritten in place.

    Returns:
        The configuration with inner models of which all is trained; as it was where the names do not tell the order.
    """
    layers = config["config"].get("layers", []) if isinstance(config["config"], dict) else []
    return {**config, "config": {**config["config"], "layers": [_ordered(layer, weights) for layer in layers]}}


def _ordered(layer: Config, weights: h5py.Group) -> Config:
    leaves = list(_leaves(layer))
    if layer in leaves or all(leaf["config"].get("trainable", True) for leaf in leaves):
        return layer
    group = weights.get(layer["config"]["name"])
    stored = None if group is None else group.attrs.get("weight_names")
    if stored is None:
        return layer
    names = [name.decode(errors="replace") if isinstance(name, bytes) else str(name) for name in stored]
    places = {leaf["config"]["name"]: place for place, leaf in enumerate(leaves)}
    owners = [_owner(name, places) for name in names]
    if len(places) < len(leaves) or None in owners:
        return layer

    def place(number: int) -> tuple[bool, int, int]:
        variable = names[number].rpartition("/")[2].partition(":")[0]
        return variable in _NOT_TRAINED, places[str(owners[number])], number

    group.attrs["weight_names"] = [names[number].encode() for number in sorted(range(len(names)), key=place)]
    trained: Config = _all_trained(layer)
    return trained


def _owner(name: str, places: Collection[str]) -> str | None:
    """The layer that a weight's name, ``conv/kernel:0``, tells; slashes in layers' names have become underlines."""
    parts = name.split("/")[:-1]
    whole = "_".join(parts)
    begun = [layer for layer in places if whole == layer or whole.startswith(f"{layer}_")]
    return next((part for part in parts if part in places), max(begun, key=len, default=None))


def _leaves(node: Config) -> Iterator[Config]:
    """The layers of a layer that may be a model, at any depth, in the order of the configuration."""
    settings = node["config"]
    if node["class_name"] not in ("Functional", "Sequential"):
        yield node
        return
    for layer in settings["layers"]:
        yield from _leaves(layer)


def _all_trained(node: Any) -> Any:
    if isinstance(node, list):
        return [_all_trained(item) for item in node]
    if not isinstance(node, dict):
        return node
    return {key: True if key == "trainable" else _all_trained(value) for key, value in node.items()}
