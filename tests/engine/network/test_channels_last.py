"""channels_first layers run on every processor, compute the same values, and are saved unchanged."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from bdtui.engine.network.graph import run_network, trace_network
from tests.networks import (
    CLASSES,
    NetworkCase,
    build,
    conv,
    functional,
    head,
    on_any_processor,
    random_images,
    write_images,
)

FIRST = {"data_format": "channels_first"}
SHAPES = {1: (4, 11), 2: (4, 9, 11), 3: (4, 7, 9, 6)}
LAYERS = [
    *((rank, f"Conv{rank}D", {"filters": 6, "kernel_size": 3, "strides": 2}) for rank in (1, 2, 3)),
    *((rank, f"Conv{rank}D", {"filters": 6, "kernel_size": 2, "padding": "same"}) for rank in (1, 2, 3)),
    *((rank, f"Conv{rank}DTranspose", {"filters": 6, "kernel_size": 3, "strides": 2}) for rank in (1, 2, 3)),
    *((rank, f"DepthwiseConv{rank}D", {"kernel_size": 3, "depth_multiplier": 2}) for rank in (1, 2)),
    *((rank, f"SeparableConv{rank}D", {"filters": 6, "kernel_size": 3}) for rank in (1, 2)),
    *(
        (rank, f"{kind}Pooling{rank}D", {"pool_size": 2, "padding": "same"})
        for rank in (1, 2, 3)
        for kind in ("Max", "Average")
    ),
    *((rank, f"Global{kind}Pooling{rank}D", {}) for rank in (1, 2, 3) for kind in ("Max", "Average")),
    (1, "Conv1D", {"filters": 6, "kernel_size": 3, "dilation_rate": 2, "activation": "gelu"}),
    (2, "Conv2D", {"filters": 6, "kernel_size": 3, "groups": 2, "use_bias": False}),
    (2, "Conv2D", {"filters": 6, "kernel_size": 3, "activation": "tanh", "activity_regularizer": "l2"}),
    (2, "UpSampling2D", {"interpolation": "bilinear"}),
    (3, "UpSampling3D", {}),
    (2, "ZeroPadding2D", {"padding": ((1, 2), (3, 4))}),
    (2, "Cropping2D", {"cropping": ((1, 2), (3, 4))}),
]


def values(rank: int, images: int = 5) -> np.ndarray:
    return np.random.default_rng(3).normal(size=(images, *SHAPES[rank])).astype(np.float32)


def of_one_layer(layer: layers.Layer, shape: tuple[int, ...]) -> keras.Model:
    model = functional(layer, shape)
    random = np.random.default_rng(4)
    model.set_weights([random.normal(size=weight.shape) for weight in model.weights])
    return model


@pytest.mark.parametrize(
    ("rank", "kind", "settings"), LAYERS, ids=[f"{kind}-{i}" for i, (_, kind, _) in enumerate(LAYERS)]
)
def test_channels_first_layers_compute_what_channels_last_layers_do(rank: int, kind: str, settings: dict) -> None:
    model = of_one_layer(getattr(layers, kind)(**settings, **FIRST), SHAPES[rank])
    layer = model.layers[-1]
    config, state = layer.get_config(), dict(layer.__dict__)
    images = values(rank)
    last = of_one_layer(getattr(layers, kind)(**settings), (*SHAPES[rank][1:], SHAPES[rank][0]))
    last.set_weights(model.get_weights())
    expected = np.moveaxis(np.asarray(last(np.moveaxis(images, 1, -1), training=False)), -1, 1)
    network = trace_network(model)
    for run in (run_network, tf.function(run_network, autograph=False)):
        assert np.allclose(run(network, images), expected, rtol=1e-5, atol=1e-5)
    assert layer.get_config() == config
    assert layer.__dict__ == state, "the layer is left as it was"
    assert not layer.losses


def test_an_activation_over_the_last_axis_keeps_its_axis() -> None:
    with_softmax = of_one_layer(layers.Conv2D(6, 3, activation="softmax", **FIRST), SHAPES[2])
    without = of_one_layer(layers.Conv2D(6, 3, **FIRST), SHAPES[2])
    made, sums = (np.asarray(run_network(trace_network(model), values(2))) for model in (with_softmax, without))
    assert np.allclose(made.sum(axis=-1), 1, atol=1e-5)
    assert np.allclose(made, np.exp(sums) / np.exp(sums).sum(axis=-1, keepdims=True), atol=1e-5)


def test_a_reduced_precision_layer_keeps_its_precision() -> None:
    model = of_one_layer(layers.Conv2D(6, 3, dtype="mixed_float16", **FIRST), SHAPES[2])
    assert run_network(trace_network(model), values(2)).dtype == tf.float16


PROGRAM = """
import sys
from pathlib import Path
from bdtui.engine.reporter import Reporter
from bdtui.engine.runs.run import execute_run
from bdtui.engine.settings import RunSettings
folder = Path(sys.argv[1])
for layout in ("nchw", "nhwc"):
    images = folder / f"{layout}.h5"
    settings = RunSettings(model=folder / "model.h5", clean_valid=images, thresholds=(10, 40), layer="pool")
    execute_run(settings, folder / layout, reporter=Reporter())
"""


def channels_first_throughout(x: Any) -> Any:
    x = layers.BatchNormalization(axis=1)(conv("conv", use_bias=False, **FIRST)(x))
    return head(layers.MaxPooling2D(name="pool", **FIRST)(x))


def test_a_network_with_channels_first_is_pruned_and_saved_where_tensorflow_has_channels_last_only(
    tmp_path: Path,
) -> None:
    case = NetworkCase(lambda: functional(channels_first_throughout, (3, 12, 12)), "pool", (3, 12, 12))
    model = build(case)
    model.save(tmp_path / "model.h5")
    images = random_images(case, 80)
    labels = classes_of(model, images)
    write_images(tmp_path / "nchw.h5", images, labels)
    write_images(tmp_path / "nhwc.h5", np.moveaxis(images, 1, -1), labels)
    surroundings = {**os.environ, "TF_ENABLE_ONEDNN_OPTS": "0", "CUDA_VISIBLE_DEVICES": ""}
    command = [sys.executable, "-c", PROGRAM, str(tmp_path)]
    done = subprocess.run(command, env=surroundings, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    first, last = (json.loads((tmp_path / layout / "results.json").read_text()) for layout in ("nchw", "nhwc"))
    assert (first["input"]["layout"], last["input"]["layout"]) == ("nchw", "nhwc")
    assert first["baseline"]["valid"]["clean_accuracy"] == 100
    assert first["curve"] == last["curve"]
    for threshold in first["thresholds"]:
        saved = [tmp_path / "nchw" / threshold[network] for network in ("model", "goodnet")]
        for path in saved:
            assert path.read_bytes() == (tmp_path / "nhwc" / path.name).read_bytes()
        pruned, goodnet = (keras.models.load_model(path, compile=False) for path in saved)
        found = classes_of(pruned, images)
        assert 100 * (found == labels).mean() == pytest.approx(threshold["valid"]["clean_accuracy"])
        assert np.array_equal(classes_of(goodnet, images), np.where(found == labels, labels, CLASSES))
        for network in (pruned, goodnet):
            formats = {
                each.data_format for each in network.layers if isinstance(each, layers.Conv2D | layers.MaxPooling2D)
            }
            assert formats == {"channels_first"}


def classes_of(model: keras.Model, images: np.ndarray) -> np.ndarray:
    return np.asarray(on_any_processor(model)(images, training=False)).argmax(axis=1)
