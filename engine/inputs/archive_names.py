"""Names of groups in weights as Keras 2.12–2.15 stored them, made those that Keras 3 looks up.

On Windows it wrote a path as one name, ``layers\\conv2d`` (keras#18528). Up to 2.13 the layers of a model lay under
``_layer_checkpoint_dependencies``, where some of its releases also counted layers twice, and so left numbers out.
"""

from __future__ import annotations

import re

import h5py

_FORMER = "_layer_checkpoint_dependencies"
_NUMBERED = re.compile(r"(.+?)(?:_(\d{1,6}))?")


def is_layers_name(name: str) -> bool:
    """Whether a group's name at the root of a file says that it holds the weights of layers."""
    return name.replace("\\", "/").partition("/")[0] in ("layers", _FORMER)


def modernise_names(file: h5py.File) -> None:
    """Rename the groups of a file, which is our own copy, to what Keras 3 looks up."""
    # A model before the layers in it: a group is moved whole, and what is moved later goes into it.
    for name in sorted((name for name in file if "\\" in name), key=len):
        file.move(name, name.replace("\\", "/"))
    waiting: list[h5py.Group] = [file]
    while waiting:
        group = waiting.pop()
        if _FORMER in group:
            group.move(_FORMER, "layers")
            _number_anew(group["layers"])
        waiting.extend(item for item in group.values() if isinstance(item, h5py.Group))


def _number_anew(layers: h5py.Group) -> None:
    """Number the layers of each class without gaps, in their order."""
    count: dict[str, int] = {}
    for kind, _, name in sorted(map(_kind_and_number, layers)):
        number = count.get(kind, 0)
        count[kind] = number + 1
        wanted = f"{kind}_{number}" if number else kind
        if wanted != name:
            layers.move(name, wanted)


def _kind_and_number(name: str) -> tuple[str, int, str]:
    found = _NUMBERED.fullmatch(name)
    return (found[1], int(found[2] or 0), name) if found else (name, 0, name)
