"""Training steps in bfloat16: half the memory and, on GPUs that have it, up to twice the speed. Opt-in, since it rounds.

Weights, optimiser and loss stay float32; layers of the trained network cast what they read. Only steps are traced like
this: whatever is measured, chosen by or saved is computed by the network as it is, in float32.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import keras

_WHOLE, _MIXED = "float32", "mixed_bfloat16"


@contextmanager
def computing_in_half(model: keras.Model) -> Iterator[None]:
    """Let the layers of a model that compute in float32 compute in bfloat16 meanwhile; their weights stay what they are."""
    changed = [
        (layer, layer.dtype_policy)
        for layer in model._flatten_layers()
        if getattr(layer.dtype_policy, "name", "") == _WHOLE
    ]
    for layer, _ in changed:
        layer.dtype_policy = _MIXED
    try:
        yield
    finally:
        for layer, policy in changed:
            layer.dtype_policy = policy
