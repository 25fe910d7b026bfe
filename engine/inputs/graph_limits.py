"""How much the calls of a graph may join, hold and make: a line of JSON can ask Keras for minutes of work.

Looked at after older forms were mended (`bdtui.engine.inputs.keras2_config`), and before Keras sees the configuration.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from bdtui.engine.errors import ModelError
from bdtui.engine.machine.quoted_text import quoted
from bdtui.engine.network.graph import Call

_MOST_TENSORS = 1024
"""That one call reads, or makes of one."""
_MOST_NUMBERS = 100_000
"""In lists of the whole configuration; the largest networks of Keras have a tenth."""
_MAKE_SEVERAL = {"Unstack": "num", "Split": "indices_or_sections"}
"""Operations that make several tensors, and the setting that says how many."""


def check_graph(objects: Sequence[dict[str, Any]], name: str) -> None:
    """Refuse a graph whose calls are larger than any network's, or read what nobody makes.

    Args:
        objects: every object of a model's configuration.
        name: of the file, for messages.

    Raises:
        ModelError: a call has too many inputs or outputs, constants are too long, or a reference or size is below its least.
    """
    numbers = sum(_numbers_in(value) for found in objects for value in found.values() if isinstance(value, list))
    if numbers > _MOST_NUMBERS:
        raise ModelError(
            f"{name}: its layers hold {numbers:,} numbers as constants; expected at most {_MOST_NUMBERS:,}, and weights "
            "in layers that have them"
        )
    for found in objects:
        if found.get("class_name") == "__keras_tensor__":
            _check_reference(found, name)
        nodes = found.get("inbound_nodes")
        if isinstance(nodes, list):
            _check_calls(found, nodes, name)


def check_places(call: Call, shape: Sequence[int | None], name: str) -> None:
    """Refuse an operation that takes what lies outside of its input: some devices make zeros of that, and others stop.

    Args:
        call: of a traced network.
        shape: of the tensor that it reads first.
        name: of the file, for messages.

    Raises:
        ModelError: it does.
    """
    axis = getattr(call.layer, "axis", None)
    if type(call.layer).__name__ != "Take" or not isinstance(axis, int) or len(call.arguments.args) < 2:
        return
    length, indices = shape[axis], np.asarray(call.arguments.args[1])
    if length is not None and indices.size and (indices.min() < -length or indices.max() >= length):
        raise ModelError(
            f"{name}: layer {quoted(call.name)} takes places {indices.min()} to {indices.max()} of an axis of length "
            f"{length}; expected 0 to {length - 1}"
        )


def _check_calls(layer: dict[str, Any], nodes: list[Any], name: str) -> None:
    settings = layer.get("config")
    settings = settings if isinstance(settings, dict) else {}
    where = f"{name}: layer {quoted(layer.get('name') or settings.get('name'))}"
    for node in nodes:
        tensors = _tensors_in(node)
        if tensors > _MOST_TENSORS:
            raise ModelError(f"{where} reads {tensors:,} inputs at once; expected at most {_MOST_TENSORS:,}")
    class_name = str(layer.get("class_name"))
    parts = settings.get(_MAKE_SEVERAL.get(class_name, ""))
    made = len(parts) if isinstance(parts, list) else parts
    if isinstance(made, int) and made > _MOST_TENSORS:
        raise ModelError(f"{where} makes {made:,} outputs; expected at most {_MOST_TENSORS:,}")
    sizes = {"Resize": [settings.get("size")], "Resizing": [settings.get("height"), settings.get("width")]}
    for size in _leaves(sizes.get(class_name, [])):
        if isinstance(size, int) and size < 1:
            raise ModelError(f"{where} resizes pictures to a side of {size} pixels; expected at least 1")


def _check_reference(tensor: dict[str, Any], name: str) -> None:
    settings = tensor.get("config")
    history = settings.get("keras_history") if isinstance(settings, dict) else None
    if isinstance(history, list) and any(isinstance(number, int) and number < 0 for number in history):
        raise ModelError(f"{name}: refers to the tensor {quoted(history)}; expected numbers of calls from 0 on")


def _tensors_in(node: Any) -> int:
    """How many tensors a call reads."""
    found, waiting = 0, [node]
    while waiting:
        item = waiting.pop()
        if isinstance(item, dict):
            found += item.get("class_name") == "__keras_tensor__"
            waiting.extend(item.values())
        elif isinstance(item, list):
            waiting.extend(item)
    return found


def _numbers_in(value: list[Any]) -> int:
    """How many numbers a list holds at any depth; objects in it are counted by themselves."""
    return sum(isinstance(item, int | float) for item in _leaves(value))


def _leaves(value: list[Any]) -> list[Any]:
    found, waiting = [], [value]
    while waiting:
        for item in waiting.pop():
            if isinstance(item, list):
                waiting.append(item)
            else:
                found.append(item)
    return found
