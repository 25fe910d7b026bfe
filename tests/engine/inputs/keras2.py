"""Models of Keras 2, made and judged by Keras 2 itself (tf_keras)."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tf_keras

from bdtui.engine.inputs.model import OpenedModel, open_model
from bdtui.engine.network.graph import run_network

CLOSE = 2e-5
"""Predictions of softmax and logits near 1 that differ by no more are the same but for rounding."""


def draw_weights(model: Any, seed: int = 3) -> Any:
    """The model with weights that make every one of them matter."""
    random = np.random.default_rng(seed)
    drawn = []
    for weight in model.weights:
        name = weight.name.lower()
        if not weight.dtype.is_floating:
            drawn.append(weight.numpy())
        elif "variance" in name:
            drawn.append(random.uniform(0.5, 1.5, weight.shape))
        elif len(weight.shape) > 1:
            fan_in = max(1, int(np.prod(weight.shape[:-1])))
            drawn.append(random.normal(0, 1.5 / np.sqrt(fan_in), weight.shape))
        else:
            drawn.append(random.normal(0.2, 0.3, weight.shape))
    model.set_weights(drawn)
    return model


def save_keras2(model: Any, path: Path) -> Path:
    """Let Keras 2 save a model."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.save(path)
    return path


def images_for(model: Any, number: int = 6, seed: int = 5) -> np.ndarray:
    """Images that a model reads, with values around zero."""
    shape = [size or 12 for size in model.input_shape[1:]]
    return np.random.default_rng(seed).normal(0, 1.5, (number, *shape)).astype(np.float32)


def assert_opens_alike(model: Any, path: Path, images: np.ndarray | None = None, close: float = CLOSE) -> OpenedModel:
    """Save a model of Keras 2, open it, and compare its predictions with those of Keras 2, in every way they are made."""
    images = images_for(model) if images is None else images
    wanted = np.asarray(model(images, training=False), np.float32)
    assert np.isfinite(wanted).all() and wanted.std() > 1e-3
    opened = open_model(save_keras2(model, path))
    found = np.asarray(opened.keras_model(images, training=False), np.float32)
    np.testing.assert_allclose(found, wanted, atol=close, rtol=close)
    traced = np.asarray(run_network(opened.network, images), np.float32)
    np.testing.assert_allclose(traced, wanted, atol=close, rtol=close)
    return opened


def assert_saves_alike(opened: OpenedModel, path: Path, images: np.ndarray, close: float = CLOSE) -> None:
    """Save an opened model and compare what stock Keras makes of the file."""
    wanted = np.asarray(opened.keras_model(images, training=False), np.float32)
    opened.keras_model.save(path)
    reopened = keras.models.load_model(path, compile=False)
    found = np.asarray(reopened(images, training=False), np.float32)
    np.testing.assert_allclose(found, wanted, atol=close, rtol=close)


L = tf_keras.layers
