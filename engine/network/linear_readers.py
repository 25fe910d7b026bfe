"""Who reads the channels at the cut: where that is linear layers alone, a channel's part in what follows is known."""

from __future__ import annotations

from dataclasses import dataclass

from keras import layers

from bdtui.engine.network.cut import Cut
from bdtui.engine.network.graph import Call
from bdtui.engine.network.layer_kinds import LINEAR_CONVOLUTIONS, PASSED_THROUGH


@dataclass(frozen=True)
class LinearReader:
    """A linear layer that reads the channels.

    Attributes:
        call: the layer's; an activation may follow in it.
        carrier: which tensor of the frontier carries the channels.
        way: calls between the carrier and the layer, which only put values elsewhere.
    """

    call: Call
    carrier: int
    way: tuple[Call, ...]

    @property
    def units(self) -> tuple[int, ...]:
        """Shape of what the layer makes of one image."""
        return tuple(size for size in self.call.output_shapes[0][1:] if size is not None)


@dataclass(frozen=True)
class LinearCut:
    """A cut behind which linear layers alone read the channels.

    Attributes:
        readers: those layers.
        tail: calls behind them, in running order.
    """

    readers: tuple[LinearReader, ...]
    tail: tuple[Call, ...]


def find_linear_readers(cut: Cut) -> LinearCut | None:
    """The linear layers that read the channels of a cut; None where something else reads them too."""
    ways: dict[int, LinearReader] = {}
    readers: list[LinearReader] = []
    tail: list[Call] = []

    def way_to(call: Call) -> tuple[int, tuple[Call, ...]] | None:
        (tensor,) = call.inputs
        if tensor in ways:
            before = ways[tensor]
            return before.carrier, (*before.way, before.call)
        carriers = cut.frontier[: cut.carriers]
        return (carriers.index(tensor), ()) if tensor in carriers else None

    for call in cut.back:
        if not set(call.inputs) & {*ways, *cut.frontier[: cut.carriers]}:
            tail.append(call)
            continue
        found = way_to(call) if len(call.inputs) == 1 else None
        if found is None or getattr(call.layer, "compute_dtype", "") != "float32":
            return None
        if type(call.layer) in PASSED_THROUGH:
            ways[call.outputs[0]] = LinearReader(call, *found)
        elif _is_linear(call):
            readers.append(LinearReader(call, *found))
        else:
            return None
    if cut.network.output in ways:
        return None
    return LinearCut(tuple(readers), tuple(tail))


def _is_linear(call: Call) -> bool:
    layer = call.layer
    if None in call.output_shapes[0][1:] or getattr(layer, "quantization_mode", None):
        return False
    if type(layer) in LINEAR_CONVOLUTIONS:
        return bool(layer.groups == 1 and layer.padding != "causal" and layer.data_format == "channels_last")
    return type(layer) is layers.Dense
