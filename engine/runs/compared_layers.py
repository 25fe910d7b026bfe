"""Which layers are held side by side: what `--compare` names."""

from __future__ import annotations

from collections.abc import Sequence

from bdtui.engine.network.channels import find_source, prunable_sources
from bdtui.engine.network.graph import Network
from bdtui.engine.network.layer_kinds import POOLINGS
from bdtui.engine.settings import ALL, NEAR

_NEAR = 4
"""Layers near the end that are compared."""


def layers_to_compare(network: Network, asked: Sequence[str] = (NEAR,), own: str | None = None) -> list[str]:
    """The layers whose channels are held side by side.

    Args:
        network: of B.
        asked: ``near`` for the last four, ``all``, or names of layers.
        own: the layer of the run, which is always among those near the end.

    Returns:
        Names of layers that are profiled; of ``near`` and ``all`` each channel once, the last layer first.

    Raises:
        ModelError: a layer that is named does not exist or cannot be pruned soundly.
    """
    if tuple(asked) not in ((NEAR,), (ALL,)):
        return list(dict.fromkeys(find_source(network, name).profiled.name for name in asked))
    shown: dict[str, str] = {}
    for source in prunable_sources(network):
        # The same channels behind an activation or a pooling: the pooled ones are what the paper ranks by.
        if source.pruned not in shown or isinstance(source.profiled.layer, POOLINGS):
            shown[source.pruned] = source.profiled.name
    if own is not None:
        shown[find_source(network, own).pruned] = own
    names = list(shown.values())[::-1]
    if tuple(asked) == (NEAR,):
        near = names[:_NEAR]
        return near if own is None or own in near else [*near, own]
    return names
