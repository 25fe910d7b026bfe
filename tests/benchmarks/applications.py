"""What a whole curve costs on networks of keras.applications, beside one forward pass."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from rich.console import Console
from rich.table import Table

from bdtui.engine.evaluation.evaluator import PruningSession
from bdtui.engine.inputs.datasets import open_dataset
from bdtui.engine.inputs.model import OpenedModel
from bdtui.engine.network.channels import find_source
from bdtui.engine.network.graph import trace_network
from bdtui.engine.pruning.curve import draw_curve
from bdtui.engine.pruning.rankings import order_channels
from bdtui.engine.settings import CLEAN_VALID
from tests.benchmarks.curve import timed
from tests.networks import write_images

NAMES = ("ResNet50V2", "MobileNetV2")
TARGET = "≤ 1.3"
IMAGES, SIZE, CLASSES = 400, 160, 10
TIMES = 3


@dataclass(frozen=True)
class ApplicationCurve:
    """Seconds over one image set, each the least of several times.

    Attributes:
        forward_pass: of the model as Keras calls it, from memory, in batches of the quickest of three sizes.
        profile, curve: of the quickest session; images are read from a file.
        steps: of the whole curve, the unpruned network not counted.
    """

    name: str
    layer: str
    pruned: str
    images: int
    forward_pass: float
    profile: float
    curve: float
    steps: int

    @property
    def curve_passes(self) -> float:
        """The curve in forward passes."""
        return self.curve / self.forward_pass

    @property
    def passes(self) -> float:
        """Profile and curve in forward passes."""
        return (self.profile + self.curve) / self.forward_pass


def measure_application(
    name: str, folder: Path, images: int = IMAGES, size: int = SIZE, times: int = TIMES
) -> ApplicationCurve:
    """Measure forward passes and curves of one network in turn."""
    keras.utils.clear_session()
    keras.utils.set_random_seed(0)
    model = getattr(keras.applications, name)(weights=None, input_shape=(size, size, 3), classes=CLASSES)
    pixels = np.random.default_rng(0).integers(0, 256, (images, size, size, 3)).astype(np.uint8)
    _tell_apart(model, pixels)
    path = write_images(folder / f"{name}.h5", pixels, np.arange(images) % CLASSES)
    opened = OpenedModel(model, trace_network(model), path, "", CLASSES)
    data = {CLEAN_VALID: open_dataset(path, opened.input_shape, CLASSES)}
    source = find_source(opened.network)
    predict = tf.function(lambda batch: tf.argmax(model(batch, training=False), axis=-1))
    ready = pixels.astype(np.float32)
    passes, sessions = [], []
    for _ in range(times):
        for batch in (8, 16, 32):
            predict(ready[:batch])
            passes.append(
                timed(lambda batch=batch: [predict(ready[i : i + batch]) for i in range(0, images, batch)])[0]
            )
        profile, session = timed(lambda: PruningSession(opened, source, data))
        curve, steps = timed(lambda session=session: list(draw_curve(session, order_channels(session))))
        sessions.append((profile, curve))
    return ApplicationCurve(
        name, source.profiled.name, source.pruned, images, min(passes), *min(sessions, key=sum), len(steps) - 1
    )


def _tell_apart(model: keras.Model, pixels: np.ndarray) -> None:
    """Draw the classifier anew, so that scores differ as those of a trained network do."""
    last = model.layers[-1]
    features = keras.Model(model.inputs, last.input).predict(pixels, batch_size=16, verbose=0)
    mean = features.mean(axis=0)
    kernel = np.random.default_rng(1).normal(size=last.kernel.shape)
    kernel *= 3 / ((features - mean) @ kernel).std()
    last.kernel.assign(kernel)
    last.bias.assign(-mean @ kernel)


def print_applications(curves: Sequence[ApplicationCurve], console: Console) -> None:
    """Print what was measured."""
    table = Table(title="keras.applications, random weights")
    table.add_column("what")
    table.add_column("target")
    for curve in curves:
        table.add_column(f"{curve.name}, {curve.images} images", justify="right")
    rows = (
        ("channels of", "", lambda c: f"{c.layer}, in {c.pruned}"),
        ("one forward pass", "", lambda c: f"{c.forward_pass:.2f} s"),
        ("profile", "", lambda c: f"{c.profile:.2f} s"),
        ("curve of all steps", "", lambda c: f"{c.curve:.2f} s, {c.steps:,} steps"),
        ("curve ÷ pass", TARGET, lambda c: f"{c.curve_passes:.2f}"),
        ("(profile + curve) ÷ pass", "", lambda c: f"{c.passes:.2f}"),
    )
    for what, target, shown in rows:
        table.add_row(what, target, *(shown(curve) for curve in curves))
    console.print(table)
