"""channels_first layers run on every processor, compute the same values, and are saved unchanged."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from bdtui.engine.network.graph import run_network, trace_network
from tests.networks import CASES, build, functional, on_any_processor, random_images, write_images

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
settings = RunSettings(model=folder / "model.h5", clean_valid=folder / "clean.h5", thresholds=(10, 40))
execute_run(settings, folder / "out", reporter=Reporter())
"""


def test_a_network_with_channels_first_is_pruned_and_saved_where_tensorflow_has_channels_last_only(
    tmp_path: Path,
) -> None:
    case = CASES["channels first"]
    model = build(case)
    model.save(tmp_path / "model.h5")
    images = random_images(case, 80)
    reference = on_any_processor(model)
    labels = np.asarray(reference(images, training=False)).argmax(axis=1)
    write_images(tmp_path / "clean.h5", images, labels)
    surroundings = {**os.environ, "TF_ENABLE_ONEDNN_OPTS": "0", "CUDA_VISIBLE_DEVICES": ""}
    command = [sys.executable, "-c", PROGRAM, str(tmp_path)]
    done = subprocess.run(command, env=surroundings, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    results = json.loads((tmp_path / "out" / "results.json").read_text())
    assert results["baseline"]["valid"]["clean_accuracy"] == 100
    saved = sorted((tmp_path / "out").glob("*.h5")) + sorted((tmp_path / "out").glob("*.keras"))
    assert {path.suffix for path in saved} == {".h5", ".keras"}
    for path in saved:
        formats = [
            layer.data_format
            for layer in keras.models.load_model(path, compile=False).layers
            if isinstance(layer, layers.Conv2D | layers.MaxPooling2D)
        ]
        assert formats
        assert set(formats) == {"channels_first"}, path.name
