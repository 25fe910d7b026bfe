"""What weights a file holds, layer by layer, told by their shapes: no number of them is read, and no model built.

The architecture of a file that holds weights alone is known from this, where it is one of ours, and else described.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bdtui.engine.errors import InputError
from bdtui.engine.machine.quoted_text import quoted

if TYPE_CHECKING:
    import h5py

Shape = tuple[int, ...]

DEEPID_SHAPES: tuple[tuple[Shape, ...], ...] = (
    ((4, 4, 3, 20), (20,)),
    ((3, 3, 20, 40), (40,)),
    ((3, 3, 40, 60), (60,)),
    ((2, 2, 60, 80), (80,)),
    ((1200, 160), (160,)),
    ((960, 160), (160,)),
)
"""Kernel and bias of every layer of DeepID but the output, whose length is the number of classes."""

_ARCHIVE_GROUPS = ("layers", "_layer_checkpoint_dependencies")
_MOST_ITEMS = 50_000
_MOST_TOLD, _LONGEST_NAME = 5, 40


@dataclass(frozen=True)
class StoredLayer:
    """The weights of a layer as a file holds them.

    Attributes:
        name: of the layer in HDF5 of Keras 2; in files of Keras 3 its class and number.
        shapes: of its arrays.
    """

    name: str
    shapes: tuple[Shape, ...]

    def __str__(self) -> str:
        return f"{quoted(self.name, _LONGEST_NAME)[1:-1]} {told_shapes(self.shapes)}"


def stored_layers(file: h5py.File) -> tuple[StoredLayer, ...] | None:
    """The layers that an HDF5 file has weights for, in the file's order; None where it holds no weights of Keras.

    Links are not followed, and of a file with more items than a network has the rest is left out.
    """
    group = _own_group(file, "model_weights") or file
    names = names_of(group, "layer_names")
    if names is not None:
        found = [(name, _own_group(group, name)) for name in names[:_MOST_ITEMS]]
    else:
        found = list(_archive_layers(file))
        if not found and not any(_own_group(file, key) is not None for key in _ARCHIVE_GROUPS):
            return None
    layers = (StoredLayer(name, _shapes(inner)) for name, inner in found if inner is not None)
    return tuple(layer for layer in layers if layer.shapes)


def names_of(group: h5py.Group, attribute: str) -> list[str] | None:
    """A list of names that Keras 2 keeps as an attribute, in pieces where it is long; None where there is none.

    Raises:
        InputError: it is no list of names.
    """
    import numpy as np

    if attribute in group.attrs:
        pieces = [group.attrs[attribute]]
    else:
        pieces = []
        while f"{attribute}{len(pieces)}" in group.attrs and len(pieces) < _MOST_ITEMS:
            pieces.append(group.attrs[f"{attribute}{len(pieces)}"])
        if not pieces:
            return None
    names: list[Any] = []
    for piece in map(np.atleast_1d, pieces):
        if piece.ndim != 1 or not all(isinstance(name, str | bytes) for name in piece):
            raise InputError(f"{attribute!r} is not a list of names")
        names.extend(piece)
    return [name.decode(errors="replace") if isinstance(name, bytes) else str(name) for name in names]


def deepid_classes(layers: Sequence[StoredLayer]) -> int | None:
    """How many classes weights tell apart that fit DeepID; None where they do not."""
    left = Counter(layer.shapes for layer in layers)
    left.subtract(DEEPID_SHAPES)
    outputs = [shapes for shapes, count in left.items() if count]
    if len(outputs) != 1 or left[outputs[0]] != 1 or len(outputs[0]) != 2:
        return None
    kernel, bias = outputs[0]
    fits = len(kernel) == 2 and kernel[0] == 160 and bias == (kernel[1],)
    return kernel[1] if fits else None


def told_layers(layers: Sequence[StoredLayer]) -> str:
    """Layers and the shapes of their weights, the first few of them: what a person knows a network by."""
    words = ", ".join(map(str, layers[:_MOST_TOLD]))
    more = len(layers) - _MOST_TOLD
    return f"{words} and {more:,} more" if more > 0 else words or "nothing"


def told_shapes(shapes: Sequence[Shape]) -> str:
    """The shapes of a layer's arrays, the first few of them."""
    words = [("×".join(map(str, shape)) or "1")[:60] for shape in shapes[:4]]
    return "+".join(words) + ("+…" if len(shapes) > 4 else "")


def _archive_layers(file: h5py.File) -> Iterator[tuple[str, Any]]:
    """Layers as Keras ≥ 2.12 stores them; on Windows it wrote a whole path as one name."""
    for key in list(file)[:_MOST_ITEMS]:
        place, _, inner = key.replace("\\", "/").partition("/")
        group = _own_group(file, key) if place in _ARCHIVE_GROUPS else None
        if group is None:
            continue
        if inner:
            yield inner, group
        else:
            yield from ((name, _own_group(group, name)) for name in list(group)[:_MOST_ITEMS])


def _shapes(group: h5py.Group) -> tuple[Shape, ...]:
    """Shapes of the arrays of a layer: those that Keras 2 lists, else all in its group, at any depth."""
    import h5py

    names = names_of(group, "weight_names")
    if names is not None:
        listed = [group[name] for name in names[:_MOST_ITEMS] if _lies_within(group, name)]
        return tuple(tuple(item.shape or ()) for item in listed if isinstance(item, h5py.Dataset))
    shapes: list[Shape] = []
    waiting: list[Any] = [group]
    visited: set[int] = set()
    while waiting and len(visited) < _MOST_ITEMS:
        item = waiting.pop()
        address = h5py.h5o.get_info(item.id).addr
        if address in visited:
            continue
        visited.add(address)
        if isinstance(item, h5py.Dataset):
            shapes.append(tuple(item.shape or ()))
        elif isinstance(item, h5py.Group):
            inner = [item[name] for name in _weights_first(list(item)[:_MOST_ITEMS]) if _lies_within(item, name)]
            waiting.extend(reversed(inner))
    return tuple(shapes)


def _weights_first(names: list[str]) -> list[str]:
    """A kernel before its bias, as one reads them; numbers in their order."""
    return sorted(names, key=lambda name: (name.partition(":")[0] in ("bias", "beta"), len(name), name))


def _own_group(group: h5py.Group, name: str) -> Any:
    """The group of a name, where it lies in the file itself; else None."""
    import h5py

    if not _lies_within(group, name):
        return None
    found = group[name]
    return found if isinstance(found, h5py.Group) else None


def _lies_within(group: h5py.Group, name: str) -> bool:
    """Whether a group holds a name itself, at each step of it. Asking h5py with ``in`` would follow a link."""
    import h5py

    here = group
    for step in name.split("/"):
        key = step.encode(errors="surrogateescape")
        if not isinstance(here, h5py.Group) or not step or not here.id.links.exists(key):
            return False
        if here.id.links.get_info(key).type != h5py.h5l.TYPE_HARD:
            return False
        here = here[step]
    return True
