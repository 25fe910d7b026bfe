"""Calls of a network applied anew, to other tensors, by copies of their layers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from numpy.typing import NDArray

from bdtui.engine.network.copies import clone_layer, finalize_layers
from bdtui.engine.network.graph import Call, run_calls


@dataclass(frozen=True)
class NarrowLayer:
    """What a copy of a layer is to be where it has fewer channels than the original.

    Attributes:
        weights: of the copy, in the order of ``get_weights``.
        settings: of its configuration that are other than the original's.
    """

    weights: list[NDArray[Any]]
    settings: Mapping[str, int] = field(default_factory=dict)


class UniqueNames:
    """Gives out each layer name once, as Keras demands of a model."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def take(self, wanted: str) -> str:
        """The name that was wanted, with a number behind it where it is taken."""
        name = wanted
        number = 1
        while name in self._taken:
            number += 1
            name = f"{wanted}_{number}"
        self._taken.add(name)
        return name


def copy_calls(
    calls: Sequence[Call],
    values: dict[int, Any],
    names: UniqueNames,
    prefix: str = "",
    narrow: Mapping[int, NarrowLayer] | None = None,
) -> dict[int, Any]:
    """Apply copies of the calls' layers, weights included, to symbolic values.

    Args:
        calls: in running order.
        values: symbolic tensors by number; takes up what the calls make.
        names: of the model that is made.
        prefix: of the names of the copies.
        narrow: what copies with fewer channels are to be, by ``id`` of the original.

    Returns:
        The copies by ``id`` of the original.
    """
    narrow = narrow or {}
    copies: dict[int, Any] = {}
    for call in calls:
        if id(call.layer) not in copies:
            settings = narrow[id(call.layer)].settings if id(call.layer) in narrow else {}
            name = names.take(prefix + call.name.replace("/", "_"))
            copies[id(call.layer)] = clone_layer(call.layer, name, settings)
    run_calls(calls, values, copies)
    for call in calls:
        if getattr(call.layer, "weights", None):
            known = narrow.get(id(call.layer))
            copies[id(call.layer)].set_weights(known.weights if known else call.layer.get_weights())
    finalize_layers(copies.values())
    return copies
