"""`make bench`: what a curve costs, beside one forward pass and beside the lab's own way of drawing it; and the app.

Curves are measured side by side in one process, the app in processes of its own; nothing here passes or fails.
"""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib.resources import files
from pathlib import Path
from typing import TypeVar

import numpy as np
import tensorflow as tf
from rich.console import Console
from rich.table import Table

from bdtui.engine.datasets import LabelledImages, open_dataset
from bdtui.engine.models import OpenedModel, open_model
from bdtui.engine.pruning import PruningSession, draw_curve, silenced_copy
from tests.benchmarks.app import measure_app, print_app
from tests.enlarged_faces import enlarge_faces

Result = TypeVar("Result")

LOOP_STEPS = 2
LAB_IMAGES = 11_547


@dataclass(frozen=True)
class Scale:
    """What is measured on."""

    name: str
    model: OpenedModel
    data: dict[str, LabelledImages]


@dataclass(frozen=True)
class Measured:
    """Seconds, each over both validation sets."""

    scale: str
    images: int
    forward_pass: float
    profile: float
    curve: float
    steps: int
    loop_estimate: float
    median_step: float

    @property
    def passes(self) -> float:
        """Profile and curve, in forward passes."""
        return (self.profile + self.curve) / self.forward_pass

    @property
    def speedup(self) -> float:
        """How many times faster than predicting both sets anew at every step."""
        return self.loop_estimate / (self.profile + self.curve)


def main() -> None:
    """Measure the app and every scale there is, print the tables, and keep the figures in bench.json."""
    console = Console()
    app = measure_app()
    with tempfile.TemporaryDirectory() as folder:
        found = [measure(scale) for scale in (sample_scale(), *lab_scale(Path(folder)))]
    table = Table(title="seconds over both validation sets")
    for heading in ("scale", "images", "one pass", "profile", "curve", "passes", "loop, scaled up", "×", "median step"):
        table.add_column(heading, justify="right")
    for row in found:
        table.add_row(
            *(row.scale, f"{row.images:,}", f"{row.forward_pass:.2f}", f"{row.profile:.2f}", f"{row.curve:.2f}"),
            *(
                f"{row.passes:.2f}",
                f"{row.loop_estimate:.0f}",
                f"{row.speedup:.0f}",
                f"{1000 * row.median_step:.0f} ms",
            ),
        )
    console.print(table)
    console.print(f"the loop was run for {LOOP_STEPS} steps and scaled up to all")
    print_app(app, console)
    curves = [{**asdict(row), "passes": row.passes, "speedup": row.speedup} for row in found]
    Path("bench.json").write_text(json.dumps({"curves": curves, "app": asdict(app)}, indent=1))


def sample_scale() -> Scale:
    folder = Path(str(files("bdtui.sample_data")))
    model = open_model(folder / "bd_net.h5")
    names = {"clean_valid": "cl/valid.h5", "poisoned_valid": "bd/bd_valid.h5"}
    data = {role: open_dataset(folder / name, model.input_shape, model.classes) for role, name in names.items()}
    return Scale("sample", model, data)


def lab_scale(folder: Path) -> list[Scale]:
    """The lab's network with its faces enlarged to the size of the lab's sets, where its files are at hand."""
    if "BDTUI_LAB_DIR" not in os.environ:
        return []
    lab = Path(os.environ["BDTUI_LAB_DIR"])
    model = open_model(weights=lab / "bd_weights.h5", architecture="deepid")
    data = {}
    for seed, (role, name) in enumerate({"clean_valid": "faces_clean", "poisoned_valid": "faces_sunglasses"}.items()):
        path = enlarge_faces(lab / f"{name}.h5", folder / f"{name}.h5", LAB_IMAGES, seed)
        data[role] = open_dataset(path, model.input_shape, model.classes)
    return [Scale("lab", model, data)]


def measure(scale: Scale) -> Measured:
    session_seconds, session = timed(lambda: PruningSession(scale.model, scale.data))
    order = session.order()
    steps = []
    last = time.perf_counter()
    for _ in draw_curve(session, order):
        now = time.perf_counter()
        steps.append(now - last)
        last = now
    return Measured(
        scale=scale.name,
        images=sum(images.images for images in scale.data.values()),
        forward_pass=fastest_forward_pass(scale),
        profile=session_seconds,
        curve=sum(steps),
        steps=len(order),
        loop_estimate=seed_loop(scale, order),
        median_step=float(np.median(steps)),
    )


def fastest_forward_pass(scale: Scale) -> float:
    """One pass of B over both sets from memory, the best of several batch sizes, with and without XLA."""
    model = scale.model.keras_model
    sets = [np.concatenate(list(images.batches(1024))) for images in scale.data.values()]
    best = float("inf")
    for compiled in (False, True):
        predict = tf.function(lambda x: tf.argmax(model(x, training=False), axis=-1), jit_compile=compiled)
        for batch in (64, 256, 1024):
            for images in sets:
                predict(images[:batch]), predict(images[len(images) // batch * batch :])
            seconds, _ = timed(
                lambda predict=predict, batch=batch: [
                    predict(images[i : i + batch]) for images in sets for i in range(0, len(images), batch)
                ]
            )
            best = min(best, seconds)
    return best


def seed_loop(scale: Scale, order: list[int]) -> float:
    """Zero one channel more, predict both sets with Keras in batches of 32: measured over a few steps."""
    sets = [np.concatenate(list(images.batches(1024))) for images in scale.data.values()]
    model = silenced_copy(scale.model.keras_model, "pool_3", order[:1])
    model.predict(sets[0][:64], batch_size=32, verbose=0)

    def steps() -> None:
        for step in range(LOOP_STEPS):
            weights = model.get_layer("conv_3").get_weights()
            weights[0][..., order[step]] = 0
            weights[1][order[step]] = 0
            model.get_layer("conv_3").set_weights(weights)
            for images in sets:
                model.predict(images, batch_size=32, verbose=0).argmax(axis=1)

    seconds, _ = timed(steps)
    return seconds / LOOP_STEPS * len(order)


def timed(work: Callable[[], Result]) -> tuple[float, Result]:
    start = time.perf_counter()
    result = work()
    return time.perf_counter() - start, result


if __name__ == "__main__":
    main()
