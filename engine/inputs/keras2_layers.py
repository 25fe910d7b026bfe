"""Layers as Keras 2 wrote them, and the same layers as Keras 3 reads them: names, settings and activations.

What a layer computes is kept. A setting that Keras 3 does not know is dropped where it means nothing for that, and
refused by its name where it means something.
"""

from __future__ import annotations

import inspect
from functools import cache
from typing import Any

import keras

from bdtui.engine.errors import ModelError
from bdtui.engine.inputs.application_layers import APPLICATION_LAYERS
from bdtui.engine.inputs.keras_config import RUNS_CODE
from bdtui.engine.machine.quoted_text import quoted

_OTHER_CLASSES = {
    "BatchNormalizationV1": "BatchNormalization",
    "BatchNormalizationV2": "BatchNormalization",
    "Custom>CustomScaleLayer": "CustomScaleLayer",
    "SyncBatchNormalization": "BatchNormalization",
    "RandomCrop": "Resizing",
    "RandomHeight": "Identity",
    "RandomWidth": "Identity",
    "ThresholdedReLU": "ReLU",
}
"""Classes that Keras 3 has under another name, or that do nothing once the network is trained."""

_SETTINGS_OF_TRAINING = {
    "RandomCrop": ("seed",),
    "RandomHeight": ("factor", "interpolation", "seed"),
    "RandomWidth": ("factor", "interpolation", "seed"),
}
"""What goes with them."""

_ADDED_SETTINGS = {"RandomCrop": {"crop_to_aspect_ratio": True}}
"""What those layers do once the network is trained, where they do something."""

_NOT_IN_KERAS_3 = {"interpolation": ("mitchellcubic", "gaussian")}
"""Values that Keras 3 refuses no sooner than when it computes."""

_NEVER_MATTER = frozenset(
    # How the input's shape is told, how a layer computes, where it draws from: none changes what comes out.
    "batch_input_shape input_dtype input_length implementation rng_type vocabulary_size query_shape key_shape trainable "
    "value_shape softmax_robust_masking fused synchronized ".split()
)

_DEFAULTS = {
    "groups": (1,),
    "time_major": (False,),
    "noise_shape": (None,),
    "ragged": (False,),
    "sparse": (False, None),
    "optional": (False,),
    "renorm": (False,),
    "virtual_batch_size": (None,),
    "adjustment": (None,),
    "activity_regularizer": (None,),
    "data_format": ("channels_last",),
    "return_state": (False,),
    "kernel_regularizer": (),
    "kernel_constraint": (),
}
"""Values with which a setting that Keras 3 does not know means nothing; any other is refused."""

_RENAMED = {
    ("LeakyReLU", "alpha"): "negative_slope",
    ("ThresholdedReLU", "theta"): "threshold",
    ("InputLayer", "batch_input_shape"): "batch_shape",
}

_ONE_AXIS = ("BatchNormalization", "Softmax", "LayerNormalization")
"""Layers whose one axis Keras 2 wrote as a list."""

_OTHER_ACTIVATIONS = {"swish": "silu", "softmax_v2": "softmax", "hard_swish": "hard_silu"}

_WITH_ACTIVATIONS = ("activation", "recurrent_activation")


def mend_settings(class_name: str, settings: dict[str, Any], where: str) -> tuple[str, dict[str, Any]]:
    """The class and the settings with which Keras 3 makes the layer that Keras 2 had.

    Args:
        class_name: as Keras 2 wrote it.
        settings: as Keras 2 wrote them.
        where: file and layer, for messages.

    Raises:
        ModelError: a setting means something that Keras 3 cannot do; the message names it.
    """
    settings = {_RENAMED.get((class_name, key), key): value for key, value in settings.items()}
    for key in _SETTINGS_OF_TRAINING.get(class_name, ()):
        settings.pop(key, None)
    settings.update(_ADDED_SETTINGS.get(class_name, {}))
    class_name = _OTHER_CLASSES.get(class_name, class_name)
    known = _settings_of(class_name)
    if known is None:
        # Not stock Keras; the check that follows says so.
        return class_name, settings
    mended = {}
    for key, value in settings.items():
        if key.endswith("_initializer"):
            # The file's weights take the place of what it made, which may be TensorFlow's own class.
            continue
        if key not in known or value in _NOT_IN_KERAS_3.get(key, ()):
            if not _means_nothing(class_name, key, value):
                raise ModelError(
                    f"{where} ({class_name}) sets {quoted(key, 40)} to {quoted(value, 40)}, which Keras 3 does not know; "
                    "expected a layer that Keras 3 has"
                )
            continue
        mended[key] = value
    if "dtype" in mended:
        mended["dtype"] = _policy(mended["dtype"])
    for key in _WITH_ACTIVATIONS:
        if key in mended:
            mended[key] = _activation(mended[key], mended.get("dtype", "float32"))
    axis = mended.get("axis")
    if class_name in _ONE_AXIS and isinstance(axis, list) and len(axis) == 1:
        mended["axis"] = axis[0]
    if class_name in ("GRU", "GRUCell"):
        # Before 2.1.6 there was but one kind, and nothing was written.
        mended.setdefault("reset_after", False)
    return class_name, mended


def argument_names(class_name: str) -> list[str]:
    """What a stock layer is called with, in the order of its arguments."""
    return list(inspect.signature(_class_of(class_name).call).parameters)[1:]


def is_stock_layer(class_name: Any) -> bool:
    """Whether Keras has a layer of that name."""
    return isinstance(class_name, str) and _settings_of(class_name) is not None


def module_of(class_name: str) -> str:
    """Where Keras 3 has a stock layer."""
    return APPLICATION_LAYERS[class_name].__module__ if class_name in APPLICATION_LAYERS else "keras.layers"


def _class_of(class_name: str) -> Any:
    return APPLICATION_LAYERS.get(class_name) or getattr(keras.layers, class_name, None)


@cache
def _settings_of(class_name: str) -> frozenset[str] | None:
    """The settings that a layer of Keras 3 can be made with; None where there is no such layer, or it runs code."""
    layer = _class_of(class_name)
    if not inspect.isclass(layer) or not issubclass(layer, keras.layers.Layer) or class_name in RUNS_CODE:
        return None
    names: set[str] = set()
    for ancestor in layer.__mro__:
        if "__init__" not in vars(ancestor):
            continue
        parameters = inspect.signature(vars(ancestor)["__init__"]).parameters.values()
        names.update(parameter.name for parameter in parameters if parameter.kind is not parameter.VAR_KEYWORD)
        if not any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
            break
    return frozenset(names - {"self", "args"})


def _means_nothing(class_name: str, key: str, value: Any) -> bool:
    if key in _NEVER_MATTER:
        return True
    if key.startswith("kernel_") and class_name.startswith(("Depthwise", "Separable")):
        # For training; these layers have kernels of other names.
        return key in _DEFAULTS
    return key in _DEFAULTS and value in _DEFAULTS[key]


def _policy(dtype: Any) -> Any:
    """The name of a policy of types: Keras 2 wrote ``{"class_name": "Policy", "config": {"name": "mixed_float16"}}``."""
    if isinstance(dtype, dict) and str(dtype.get("class_name")).startswith(("Policy", "LossScale")):
        settings = dtype.get("config")
        name = settings.get("name") if isinstance(settings, dict) else None
        return "float32" if name in (None, "_infer", "infer") else name
    return dtype


def _activation(activation: Any, policy: Any) -> Any:
    if isinstance(activation, dict) and activation.get("class_name") == "function":
        activation = activation.get("config")
    if not isinstance(activation, str):
        return activation
    if activation == "hard_sigmoid":
        return _hard_sigmoid(policy)
    return _OTHER_ACTIVATIONS.get(activation, activation)


def _hard_sigmoid(policy: Any) -> dict[str, Any]:
    """Keras 2's ``hard_sigmoid``, 0.2 x + 0.5 between 0 and 1, of layers that Keras 3 has.

    Keras 3's own is x / 6 + 0.5 (tensorflow#65381).
    """

    def layer(class_name: str, **settings: Any) -> dict[str, Any]:
        config = {"name": f"hard_sigmoid_{class_name.lower()}", **settings}
        return {"module": "keras.layers", "class_name": class_name, "config": config, "registered_name": None}

    parts = [layer("Rescaling", scale=0.2, offset=0.5, dtype=policy), layer("ReLU", max_value=1.0, dtype=policy)]
    return {**layer("Pipeline", layers=parts), "config": {"name": "hard_sigmoid", "layers": parts}}
