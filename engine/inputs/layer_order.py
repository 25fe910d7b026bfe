"""Whether weights went to the layers they belong to, where Keras reads them by position.

Keras orders the layers of a model anew when it builds it. Files list weights in the order in which their configuration lists
the layers, so the two have to agree: layers of one shape would take each other's weights, and nothing would say so.
"""

from __future__ import annotations

from typing import Any

import keras

from bdtui.engine.errors import ModelError
from bdtui.engine.inputs.keras_config import layer_names


def refuse_other_order(config: dict[str, Any], model: keras.Model, name: str) -> None:
    """Refuse a model whose layers with weights stand in another order than in its configuration.

    Args:
        config: of the model, as Keras read it.
        model: what Keras built of it.
        name: of the file, for messages.

    Raises:
        ModelError: they do.
    """
    weighted = [layer for layer in model.layers if layer.weights]
    built = [layer.name for layer in weighted]
    stored = [layer for layer in layer_names(config) if layer in set(built)]
    if built != stored:
        first = next((pair for pair in zip(stored, built, strict=False) if pair[0] != pair[1]), (stored, built))
        raise ModelError(
            f"{name}: the file lists layer {first[0]!r} where Keras has {first[1]!r}, so weights could go to the wrong "
            "layers; expected one order (please report this model)"
        )
    inner = {layer["config"].get("name"): layer for layer in config["config"]["layers"] if "layers" in layer["config"]}
    for layer in weighted:
        if isinstance(layer, keras.Model) and layer.name in inner:
            refuse_other_order(inner[layer.name], layer, name)
