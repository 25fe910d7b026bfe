"""TensorFlow functions in a graph of Keras 2 open by a closed table, each with the predictions it makes there."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import tensorflow as tf
import tf_keras

from bdtui.engine.errors import ModelError
from bdtui.engine.inputs.array_functions import FUNCTIONS as ARRAY_FUNCTIONS
from bdtui.engine.inputs.graph_operations import table_name
from bdtui.engine.inputs.model import open_model
from bdtui.engine.inputs.number_functions import FUNCTIONS as NUMBER_FUNCTIONS
from tests.engine.inputs.keras2 import CLOSE, L, assert_opens_alike, draw_weights, images_for, save_keras2

Make = Callable[[Any], Any]

DOCS = Path(__file__).parents[3] / "docs" / "formats.md"

MEAN = [103.939, 116.779, 123.68]


def turned(x: Any) -> Any:
    return tf.reshape(x, (-1, 36, 3))


def positive(x: Any) -> Any:
    return tf.nn.relu(x) + 1.0


CALLS: dict[str, Make] = {
    "plus a number": lambda x: x + 1.5,
    "a number plus": lambda x: 1.5 + x,
    "plus numbers by channel": lambda x: x + np.float32(MEAN),
    "plus a tensor": lambda x: x + tf.nn.relu(x),
    "plus a tensor of fewer axes": lambda x: x + tf.reduce_mean(x, axis=[1, 2]),
    "minus a number": lambda x: x - 1.5,
    "a number minus": lambda x: 1.5 - x,
    "minus a tensor": lambda x: tf.nn.relu(x) - x,
    "times a number": lambda x: x * 1.5,
    "times a tensor": lambda x: x * tf.nn.sigmoid(x),
    "squeeze and excite": lambda x: x * tf.reduce_mean(x, axis=[1, 2], keepdims=True),
    "over a number": lambda x: x / 127.5,
    "a number over": lambda x: 1.5 / positive(x),
    "over a tensor": lambda x: x / positive(x),
    "over numbers": lambda x: x / np.float32([0.229, 0.224, 0.225]),
    "floordiv": lambda x: x // 0.7,
    "nothing over zero": lambda x: tf.math.divide_no_nan(x, tf.nn.relu(x)),
    "floormod": lambda x: tf.math.floormod(x, 0.7),
    "negative powers": lambda x: tf.pow(positive(x), -1.5),
    "minus sign": lambda x: -x,
    "maximum": lambda x: tf.maximum(x, 0.1),
    "maximum of tensors": lambda x: tf.maximum(x, tf.nn.tanh(x)),
    "minimum": lambda x: tf.minimum(x, 0.1),
    "as for ResNet": tf_keras.applications.resnet.preprocess_input,
    "as for ResNetV2": tf_keras.applications.resnet_v2.preprocess_input,
    "as for DenseNet": tf_keras.applications.densenet.preprocess_input,
    "abs": tf.abs,
    "ceil": tf.math.ceil,
    "cos": tf.cos,
    "sin": tf.sin,
    "floor": tf.floor,
    "log": lambda x: tf.math.log(positive(x)),
    "log1p": lambda x: tf.math.log1p(positive(x)),
    "negative": tf.negative,
    "reciprocal": lambda x: tf.math.reciprocal(positive(x)),
    "round": tf.round,
    "rsqrt": lambda x: tf.math.rsqrt(positive(x)),
    "sign": tf.sign,
    "sqrt": lambda x: tf.sqrt(positive(x)),
    "square": tf.square,
    "exp": lambda x: tf.exp(x / 4),
    "sigmoid": tf.sigmoid,
    "softplus": tf.math.softplus,
    "tanh": tf.tanh,
    "elu": tf.nn.elu,
    "relu6": lambda x: tf.nn.relu6(x * 4),
    "relu": tf.nn.relu,
    "relu of Keras": tf_keras.activations.relu,
    "selu": tf.nn.selu,
    "swish": tf.nn.silu,
    "softsign": tf.nn.softsign,
    "gelu": tf.nn.gelu,
    "gelu by tanh": lambda x: tf.nn.gelu(x, approximate=True),
    "leaky relu": tf.nn.leaky_relu,
    "leaky relu of a slope": lambda x: tf.nn.leaky_relu(x, alpha=0.3),
    "softmax": tf.nn.softmax,
    "softmax over places": lambda x: tf.nn.softmax(x, axis=1),
    "log softmax": tf.nn.log_softmax,
    "l2 normalize": lambda x: tf.math.l2_normalize(x, axis=-1),
    "logsumexp": lambda x: tf.reduce_logsumexp(x, axis=-1),
    "max": lambda x: tf.reduce_max(x, axis=[1, 2]),
    "max over one axis": lambda x: tf.reduce_max(x, axis=1),
    "mean": lambda x: tf.reduce_mean(x, axis=[1, 2]),
    "mean of negative axes": lambda x: tf.reduce_mean(x, axis=(-3, -2), keepdims=True),
    "mean of channels": lambda x: tf.reduce_mean(x, axis=-1, keepdims=True),
    "min": lambda x: tf.reduce_min(x, axis=[1, 2]),
    "prod": lambda x: tf.reduce_prod(x, axis=-1),
    "std": lambda x: tf.math.reduce_std(x, axis=[1, 2]),
    "sum": lambda x: tf.reduce_sum(x, axis=[1, 2]),
    "variance": lambda x: tf.math.reduce_variance(x, axis=[1, 2]),
    "add a bias": lambda x: tf.nn.bias_add(x, [0.5, -1.0, 2.0]),
    "add n": lambda x: tf.add_n([x, tf.nn.relu(x), tf.nn.tanh(x)]),
    "colours of grey": lambda x: tf.image.grayscale_to_rgb(x[..., :1]),
    "grey": tf.image.rgb_to_grayscale,
    "clip": lambda x: tf.clip_by_value(x, -0.5, 0.7),
    "clip from zero": lambda x: tf.clip_by_value(x, 0.0, 6.0),
    "matmul": lambda x: tf.matmul(tf.transpose(turned(x), [0, 2, 1]), turned(x)),
    "matmul turned": lambda x: tf.matmul(turned(x), turned(x), transpose_b=True),
    "matmul turned on the left": lambda x: tf.matmul(turned(x), turned(x), transpose_a=True),
    "first channel": lambda x: x[..., 0],
    "first channel kept": lambda x: x[..., :1],
    "turned colours": lambda x: x[..., ::-1],
    "a window": lambda x: x[:, 1:5, 2:-1, :],
    "a new axis": lambda x: x[:, tf.newaxis],
    "average pooling": lambda x: tf.nn.avg_pool2d(x, 2, 2, "VALID"),
    "average pooling, the older name": lambda x: tf.nn.avg_pool(x, [1, 3, 3, 1], [1, 2, 2, 1], "SAME"),
    "max pooling": lambda x: tf.nn.max_pool2d(x, 2, 2, "VALID"),
    "max pooling, the older name": lambda x: tf.nn.max_pool(x, 3, 1, "SAME"),
    "gather": lambda x: tf.gather(x, [2, 0], axis=-1),
    "unstack": lambda x: tf.unstack(x, axis=-1)[1],
    "cast": lambda x: tf.cast(x, tf.float32),
    "cast of another type": lambda x: tf.cast(tf.cast(x * 4, tf.int32), tf.float32),
    "concat": lambda x: tf.concat([x, tf.nn.relu(x)], axis=-1),
    "expand dims": lambda x: tf.expand_dims(x, 1),
    "identity": tf.identity,
    "no gradient": tf.stop_gradient,
    "converted": tf.convert_to_tensor,
    "a shape ensured": lambda x: tf.ensure_shape(x, (None, 6, 6, 3)),
    "resize": lambda x: tf.image.resize(x, (4, 9)),
    "resize to the nearest": lambda x: tf.image.resize(x, (4, 9), method="nearest"),
    "resize smoothly": lambda x: tf.image.resize(x, (3, 3), antialias=True),
    "pad": lambda x: tf.pad(x, [[0, 0], [1, 2], [0, 1], [0, 0]]),
    "pad by reflection": lambda x: tf.pad(x, [[0, 0], [1, 2], [0, 1], [0, 0]], mode="REFLECT"),
    "pad with a value": lambda x: tf.pad(x, [[0, 0], [1, 2], [0, 1], [0, 0]], constant_values=2.0),
    "reshape": lambda x: tf.reshape(x, (-1, 36, 3)),
    "reshape by the number of images": lambda x: tf.reshape(x, (tf.shape(x)[0], 18, 6)),
    "flatten": lambda x: tf.reshape(x, (tf.shape(x)[0], 108)),
    "reverse": lambda x: tf.reverse(x, axis=[2]),
    "split": lambda x: tf.split(x, 3, axis=-1)[1],
    "split unevenly": lambda x: tf.split(x, [1, 2], axis=-1)[1],
    "squeeze": lambda x: tf.squeeze(tf.reduce_mean(x, axis=[1, 2], keepdims=True), axis=[1, 2]),
    "squeeze one": lambda x: tf.squeeze(tf.reduce_mean(x, axis=3, keepdims=True), axis=3),
    "stack": lambda x: tf.stack([x, tf.nn.relu(x)], axis=1),
    "tile": lambda x: tf.tile(x, [1, 1, 1, 2]),
    "transpose": lambda x: tf.transpose(x, [0, 3, 1, 2]),
}

REFUSED: dict[str, tuple[Make, str]] = {
    "one that is not in the table": (tf.math.erf, "'math.erf', which bdtui does not know"),
    "one that draws lots": (lambda x: tf.nn.dropout(x, 0.5), "'nn.dropout', which bdtui does not know"),
    "a picture as TensorFlow 1 resizes it": (
        lambda x: tf.compat.v1.image.resize(x, (3, 9)),
        "'compat.v1.image.resize_images', which bdtui does not know",
    ),
    "the same by its older name": (
        lambda x: tf.compat.v1.image.resize_bilinear(x, (3, 9)),
        "'compat.v1.image.resize_bilinear', which bdtui does not know",
    ),
    "a known one with a setting that has no counterpart": (
        lambda x: tf.nn.silu(x, beta=1.5),
        r"'nn.silu' in a way that bdtui does not know \(argument 'beta' is 1.5\)",
    ),
    "one that makes of places what is computed": (
        lambda x: x[:, : tf.shape(x)[1] - 2],
        "which bdtui does not know|in a way that bdtui does not know",
    ),
}


def model_of(*branches: Make) -> Any:
    """Three outputs for each branch."""
    start = L.Input((6, 6, 3))
    x = L.Conv2D(3, 1)(start)
    ends = [L.Dense(3)(L.Flatten()(make(x))) for make in branches]
    return draw_weights(tf_keras.Model(start, ends[0] if len(ends) == 1 else L.Concatenate()(ends)))


@pytest.fixture(scope="module")
def model() -> Any:
    """Every call of the table in one model: opening hundreds takes a minute."""
    return model_of(*CALLS.values())


def test_functions_in_a_graph_predict_as_in_keras_2(tmp_path: Path, model: Any) -> None:
    opened = open_model(save_keras2(model, tmp_path / "model.h5"))
    images = images_for(model)
    wanted, found = (np.asarray(made(images, training=False)) for made in (model, opened.keras_model))
    assert np.isfinite(wanted).all()
    pairs = zip(CALLS, *(np.split(made, len(CALLS), axis=1) for made in (found, wanted)), strict=True)
    different = {
        name: float(np.abs(ours - theirs).max())
        for name, ours, theirs in pairs
        if theirs.std() < 1e-3 or not np.allclose(ours, theirs, atol=CLOSE, rtol=CLOSE)
    }
    assert different == {}


def test_an_archive_says_the_same_of_functions(tmp_path: Path) -> None:
    names = ("over a number", "times a tensor", "a window", "reshape by the number of images", "concat", "split")
    assert_opens_alike(model_of(*map(CALLS.__getitem__, names)), tmp_path / "model.keras")


@pytest.mark.parametrize("name", REFUSED)
def test_a_function_without_a_counterpart_is_refused_by_name(tmp_path: Path, name: str) -> None:
    make, finding = REFUSED[name]
    with pytest.raises(ModelError, match=rf"layer 'tf\..*{finding}"):
        open_model(save_keras2(model_of(make), tmp_path / "model.h5"))


def truediv(tensor: Any) -> Any:
    return tensor / 127.5


def tile(tensor: Any) -> Any:
    return tf.tile(tensor, [1, 1, 1, 2])


def pad(tensor: Any) -> Any:
    return tf.pad(tensor, [[0, 0], [1, 2], [0, 1], [0, 0]])


@pytest.mark.parametrize(
    ("make", "key", "value"),
    [
        (truediv, "y", 10**400),
        (truediv, "y", float("nan")),
        (truediv, "y", float("inf")),
        (truediv, "y", True),
        (truediv, "y", "127.5"),
        (truediv, "y", {"class_name": "__lambda__", "config": {"code": "4wEAAAAA"}}),
        (tile, "multiples", [10**9, 1, 1, 1]),
        (tile, "multiples", 10**9),
        (pad, "paddings", [[10**9, 0], [0, 0], [0, 0], [0, 0]]),
        (pad, "paddings", [0, 1, 1, 0]),
    ],
)
def test_hostile_arguments_of_a_function_are_refused(tmp_path: Path, make: Make, key: str, value: object) -> None:
    path = save_keras2(model_of(make), tmp_path / "model.h5")
    with h5py.File(path, "r+") as file:
        config = json.loads(file.attrs["model_config"])
        layer = next(layer for layer in config["config"]["layers"] if layer["class_name"] == "TFOpLambda")
        layer["inbound_nodes"][0][-1][key] = value
        file.attrs["model_config"] = json.dumps(config)
    with pytest.raises(ModelError, match=r"in a way that bdtui does not know \(.*\); expected the usual arguments$"):
        open_model(path)


def resize(tensor: Any) -> Any:
    return tf.image.resize(tensor, (4, 9))


def gather(tensor: Any) -> Any:
    return tf.gather(tensor, [2, 0], axis=-1)


def concat(tensor: Any) -> Any:
    return tf.concat([tensor, tensor], axis=-1)


def add_n(tensor: Any) -> Any:
    return tf.add_n([tensor, tensor])


def add_numbers(tensor: Any) -> Any:
    return tensor + np.float32([1, 2, 3])


def set_argument(key: str, value: object) -> Callable[[Any], None]:
    return lambda nodes: nodes[0][-1].__setitem__(key, value)


def repeat_input(nodes: Any) -> None:
    nodes[0] = nodes[0][:1] * 30_000


def refer_to_the_call_before_the_first(nodes: Any) -> None:
    nodes[0][1] = -1


@pytest.mark.parametrize(
    ("make", "edit", "finding"),
    [
        (concat, repeat_input, r"layer 'tf.concat\w*' reads 30,000 inputs at once; expected at most 1,024"),
        (add_n, repeat_input, r"layer 'tf.math.add_n\w*' reads 30,000 inputs at once; expected at most 1,024"),
        (
            add_numbers,
            set_argument("y", [1.0] * 10**6),
            r"layers hold 1,000,0\d\d numbers as constants; expected at most 100,000",
        ),
        (
            lambda x: tf.unstack(x, axis=-1)[1],
            set_argument("num", 10**9),
            "makes 1,000,000,000 outputs; expected at most",
        ),
        (
            lambda x: tf.split(x, 3, axis=-1)[1],
            set_argument("num_or_size_splits", 10**9),
            "makes 1,000,000,000 outputs",
        ),
        (resize, set_argument("size", [0, 9]), r"\(size is \[0, 9\]\); expected"),
        (gather, set_argument("indices", [0, 7]), "takes places 0 to 7 of an axis of length 3; expected 0 to 2"),
        (gather, set_argument("indices", [-1, 0]), r"\(indices are below 0\); expected"),
        (truediv, refer_to_the_call_before_the_first, r"refers to the tensor \['conv2d\w*', -1, 0\]; expected"),
    ],
)
def test_an_operation_larger_than_any_networks_is_refused(
    tmp_path: Path, make: Make, edit: Callable[[Any], None], finding: str
) -> None:
    path = save_keras2(model_of(make), tmp_path / "model.h5")
    with h5py.File(path, "r+") as file:
        config = json.loads(file.attrs["model_config"])
        layer = next(layer for layer in config["config"]["layers"] if layer["class_name"] == "TFOpLambda")
        edit(layer["inbound_nodes"])
        del file.attrs["model_config"]
        file.attrs.create("model_config", json.dumps(config), dtype=h5py.string_dtype())
    with pytest.raises(ModelError, match=finding):
        open_model(path)


@pytest.mark.parametrize("function", [None, ["math.truediv"], {"class_name": "function", "config": "eval"}])
def test_a_function_that_is_no_name_is_refused(tmp_path: Path, function: object) -> None:
    path = save_keras2(model_of(truediv), tmp_path / "model.h5")
    with h5py.File(path, "r+") as file:
        config = json.loads(file.attrs["model_config"])
        layer = next(layer for layer in config["config"]["layers"] if layer["class_name"] == "TFOpLambda")
        layer["config"]["function"] = function
        file.attrs["model_config"] = json.dumps(config)
    with pytest.raises(ModelError, match="expected the name of a TensorFlow function"):
        open_model(path)


def test_every_function_in_the_table_is_tried(model: Any) -> None:
    layers = [layer for layer in model.get_config()["layers"] if "function" in layer["config"]]
    tried = {table_name(layer["config"]["function"]) for layer in layers}
    assert {*NUMBER_FUNCTIONS, *ARRAY_FUNCTIONS} <= tried


def test_the_documentation_names_every_function_in_the_table() -> None:
    text = DOCS.read_text(encoding="utf-8")
    assert [name for name in (*NUMBER_FUNCTIONS, *ARRAY_FUNCTIONS) if f"`{name}`" not in text] == []
