"""Weights from strangers, copied value by value into a file of our own, which is all of them that Keras ever reads.

Links, packing, types, half-sound structures: nothing of the stranger's file but numbers and names gets into the copy.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np

from bdtui.engine.errors import ModelError
from bdtui.engine.inputs.hdf5 import PackedChunks, own_dataset
from bdtui.engine.machine.memory import free_memory

_NOT_NEEDED = {"optimizer", "optimizer_weights"}
"""Groups beside the weights: nothing here trains."""


def copy_weights(source: h5py.Group, target: h5py.Group, path: Path) -> int:
    """Copy a tree of weights.

    Args:
        source: of the stranger's file.
        target: of our own, empty.
        path: of the stranger's file, for messages.

    Returns:
        How many numbers there are.

    Raises:
        ModelError: something lies outside of the file, is no number, leads round in a circle, or fits in no memory.
    """
    budget = _Budget(path)
    waiting = [(source, target)]
    visited = set()
    while waiting:
        group, copy = waiting.pop()
        address = h5py.h5o.get_info(group.id).addr
        if address in visited:
            continue
        visited.add(address)
        _copy_attributes(group, copy)
        for key in group:
            if key in _NOT_NEEDED:
                continue
            if not isinstance(group.get(key, getlink=True), h5py.HardLink):
                raise ModelError(f"{path}: {key!r} is a link to another place; expected the weights themselves")
            item = group[key]
            if isinstance(item, h5py.Group):
                if _is_above(item, group):
                    raise ModelError(f"{path}: {key!r} contains itself; expected a tree of weights")
                waiting.append((item, copy.create_group(key)))
            elif isinstance(item, h5py.Dataset):
                _copy_dataset(group, key, copy, budget)
    return budget.values


class _Budget:
    """Memory that weights may take; what they declare is taken from it before they are read."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.values = 0
        self._most = free_memory() // 4
        self._left = self._most

    def take(self, data: h5py.Dataset) -> None:
        self._left -= data.size * data.dtype.itemsize
        self.values += int(data.size)
        if self._left < 0:
            raise ModelError(
                f"{self.path}: declares more than {self._most:,} bytes of weights; expected less than a quarter of memory"
            )


def _copy_dataset(group: h5py.Group, key: str, copy: h5py.Group, budget: _Budget) -> None:
    data = own_dataset(group, key, budget.path, ModelError)
    if data.dtype == "V2":
        raise ModelError(
            f"{budget.path}: {key!r} is stored as bfloat16, which HDF5 has no numbers for; expected float32 weights "
            "(the dtype policy mixed_bfloat16 computes with bfloat16 and keeps them)"
        )
    if data.dtype.kind not in "uifb":
        raise ModelError(f"{budget.path}: {key!r} is of type {data.dtype}; expected weights, which are numbers")
    budget.take(data)
    if data.chunks is not None:
        PackedChunks(data, f"{budget.path}: {key!r}", ModelError).check(0, data.shape[0])
    _copy_attributes(data, copy.create_dataset(key, data=data[()]))


def _copy_attributes(item: Any, copy: Any) -> None:
    """Names of layers and weights, and the type that Keras gave a weight."""
    for name in item.attrs:
        if name in ("model_config", "training_config"):
            continue
        value = item.attrs[name]
        if isinstance(value, str | bytes) or (isinstance(value, np.ndarray) and value.dtype.kind in "SUOf"):
            copy.attrs[name] = value


def _is_above(group: h5py.Group, place: h5py.Group) -> bool:
    """Whether a group is the one in which ``place`` lies, or lies above it; such a loop could be copied for ever."""
    address = h5py.h5o.get_info(group.id).addr
    above = place
    while True:
        if h5py.h5o.get_info(above.id).addr == address:
            return True
        if above.name == "/":
            return False
        above = above.parent
