"""What a curve costs, beside one forward pass and beside the lab's own way of drawing it."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import tensorflow as tf

from bdtui.engine.evaluation.evaluator import PruningSession
from bdtui.engine.inputs.datasets import LabelledImages, open_dataset
from bdtui.engine.inputs.model import OpenedModel, open_model
from bdtui.engine.network.channels import find_source
from bdtui.engine.network.copies import silenced_copy
from bdtui.engine.network.goodnet import build_goodnet
from bdtui.engine.network.graph import run_network
from bdtui.engine.pruning.curve import draw_curve
from bdtui.engine.pruning.moves import GoTo, Prune, Redo, Undo
from bdtui.engine.pruning.rankings import order_channels
from bdtui.engine.reporter import SILENT
from bdtui.engine.runs.preparation import prepare_run
from bdtui.engine.session.ground import explore
from bdtui.engine.settings import RunSettings
from tests.benchmarks.processes import enlarged_sets

Result = TypeVar("Result")

LOOP_STEPS = 2
TIMES = 3
LAYER, WEIGHTED = "pool_3", "conv_3"


@dataclass(frozen=True)
class Scale:
    """What is measured on."""

    name: str
    settings: RunSettings
    model: OpenedModel
    data: dict[str, LabelledImages]


@dataclass(frozen=True)
class Curve:
    """Seconds, each over both validation sets.

    Attributes:
        forward_pass: of the fastest plain way found, from memory; profile and curve read their images from the files.
        fastest_way: which one that was.
        profile, curve: of the quickest of several sessions.
        first_passes: what the first session in the process took, in forward passes.
        whole_passes: what it takes without the shorter way through the back.
        loop_estimate: predicting both sets anew at every step, scaled up.
        silent_step, firing_step: medians of single moves, for channels that fire for no image, and for others.
        known_step: median of moves to steps that were measured before.
        goodnet: time of G ÷ time of B for the same images.
    """

    scale: str
    images: int
    forward_pass: float
    fastest_way: str
    profile: float
    curve: float
    steps: int
    first_passes: float
    whole_passes: float
    loop_estimate: float
    silent_step: float
    firing_step: float
    known_step: float
    goodnet: float

    @property
    def passes(self) -> float:
        """Profile and curve, in forward passes."""
        return (self.profile + self.curve) / self.forward_pass

    @property
    def speedup(self) -> float:
        """How many times faster than predicting both sets anew at every step."""
        return self.loop_estimate / (self.profile + self.curve)


def sample_scale() -> Scale:
    """The bundled BadNet and its images."""
    folder = Path(str(files("bdtui.sample_data")))
    settings = RunSettings(
        model=folder / "bd_net.h5",
        clean_valid=folder / "cl/valid.h5",
        poisoned_valid=folder / "bd/bd_valid.h5",
        scale="1",
    )
    return _scale("sample", settings, open_model(folder / "bd_net.h5"))


def lab_scale(folder: Path) -> Scale:
    """The lab's network with its faces enlarged to the size of the lab's sets."""
    weights = Path(os.environ["BDTUI_LAB_DIR"]) / "bd_weights.h5"
    settings = RunSettings(weights=weights, architecture="deepid", scale="1", **enlarged_sets(folder))
    return _scale("lab", settings, open_model(weights=weights, architecture="deepid"))


def _scale(name: str, settings: RunSettings, model: OpenedModel) -> Scale:
    sets = {role: getattr(settings, role) for role in ("clean_valid", "poisoned_valid")}
    data = {role: open_dataset(path, model.input_shape, model.classes) for role, path in sets.items()}
    return Scale(name, settings, model, data)


def measure_curve(scale: Scale) -> Curve:
    """Measure everything about a scale, forward passes and curves in turn."""
    sets = [np.concatenate(list(images.batches(1024))) for images in scale.data.values()]
    passes: dict[str, float] = {}
    sessions: list[tuple[float, float]] = []
    for turn in range(TIMES):
        # XLA takes long to compile and is slower here: once is enough to say so.
        for way, seconds in forward_passes(scale, sets, with_xla=turn == 0).items():
            passes[way] = min(seconds, passes.get(way, seconds))
        sessions.append(session_seconds(scale, shorter_way=True))
    whole = min(sum(session_seconds(scale, shorter_way=False)) for _ in range(TIMES))
    fastest_way = min(passes, key=lambda way: passes[way])
    profile, curve = min(sessions, key=sum)
    silent_step, firing_step, known_step, order = move_seconds(scale)
    return Curve(
        scale=scale.name,
        images=sum(map(len, sets)),
        forward_pass=passes[fastest_way],
        fastest_way=fastest_way,
        profile=profile,
        curve=curve,
        steps=len(order),
        first_passes=sum(sessions[0]) / passes[fastest_way],
        whole_passes=whole / passes[fastest_way],
        loop_estimate=seed_loop(scale, sets, order),
        silent_step=silent_step,
        firing_step=firing_step,
        known_step=known_step,
        goodnet=goodnet_ratio(scale, sets[0], order),
    )


def session_seconds(scale: Scale, *, shorter_way: bool) -> tuple[float, float]:
    """Seconds for the profile and for the curve of all steps, with images read from their files."""
    profile, session = timed(
        lambda: PruningSession(scale.model, find_source(scale.model.network), scale.data, shorter_way=shorter_way)
    )
    curve, _ = timed(lambda: list(draw_curve(session, order_channels(session))))
    return profile, curve


def forward_passes(scale: Scale, sets: list[np.ndarray], *, with_xla: bool) -> dict[str, float]:
    """Seconds for one pass of B over both sets from memory: several batch sizes, with and without XLA."""
    ways = {
        "": tf.function(classes_of_keras(scale.model)),
        "call by call, ": tf.function(classes_of_calls(scale.model)),
    }
    if with_xla:
        ways["XLA, "] = tf.function(classes_of_keras(scale.model), jit_compile=True)
    found = {}
    for way, predict in ways.items():
        for batch in (128, 256, 512, 1024):
            for images in sets:
                predict(images[:batch]), predict(images[len(images) // batch * batch :])
            seconds, _ = timed(
                lambda predict=predict, batch=batch: [
                    predict(images[i : i + batch]) for images in sets for i in range(0, len(images), batch)
                ]
            )
            found[f"{way}batches of {batch}"] = seconds
    return found


def classes_of_keras(model: OpenedModel) -> Callable[[Any], Any]:
    """The classes of images as Keras computes them."""
    return lambda images: tf.argmax(model.keras_model(images, training=False), axis=-1)


def classes_of_calls(model: OpenedModel) -> Callable[[Any], Any]:
    """The same, with the layers called one after the other: what TensorFlow cannot optimise is kept apart."""
    return lambda images: tf.argmax(run_network(model.network, images), axis=-1)


def seed_loop(scale: Scale, sets: list[np.ndarray], order: list[int]) -> float:
    """Zero one channel more, predict both sets with Keras in batches of 32: measured over a few steps."""
    model = silenced_copy(scale.model.keras_model, LAYER, order[:1])
    model.predict(sets[0][:64], batch_size=32, verbose=0)

    def steps() -> None:
        for step in range(LOOP_STEPS):
            weights = model.get_layer(WEIGHTED).get_weights()
            weights[0][..., order[step]] = 0
            weights[1][order[step]] = 0
            model.get_layer(WEIGHTED).set_weights(weights)
            for images in sets:
                model.predict(images, batch_size=32, verbose=0).argmax(axis=1)

    seconds, _ = timed(steps)
    return seconds / LOOP_STEPS * len(order)


def move_seconds(scale: Scale) -> tuple[float, float, float, list[int]]:
    """Median seconds from a move in the app to its rates: silent channels, others, steps known before."""
    prepared = prepare_run(scale.settings, SILENT)
    exploration = explore(prepared, SILENT)
    firing = np.zeros(prepared.evaluator.channels)
    for statistics_of_set in prepared.evaluator.statistics.values():
        firing += statistics_of_set.firing_share
    silent, others = [], []
    for channel in prepared.order:
        seconds, _ = timed(lambda: exploration.move([Prune(1)]))
        (silent if firing[channel] == 0 else others).append(seconds)
    last = len(prepared.order)
    back_and_forth = [Undo(1), Redo(1), GoTo(last // 2), GoTo(last), GoTo(0), GoTo(last - 3)] * 3
    known = [timed(lambda move=move: exploration.move([move]))[0] for move in back_and_forth]
    return statistics.median(silent or [0.0]), statistics.median(others), statistics.median(known), list(prepared.order)


def goodnet_ratio(scale: Scale, images: np.ndarray, order: list[int]) -> float:
    """How many times longer G takes than B, both as plain Keras models in batches of 256."""
    badnet = scale.model.keras_model
    goodnet = build_goodnet(badnet, LAYER, order[: len(order) * 3 // 4])
    predicts = [
        tf.function(lambda x, model=model: tf.argmax(model(x, training=False), axis=-1)) for model in (badnet, goodnet)
    ]
    some = images[:4096]
    best = [float("inf")] * 2
    for _ in range(6):
        for which, predict in enumerate(predicts):
            seconds, _ = timed(lambda predict=predict: [predict(some[i : i + 256]) for i in range(0, len(some), 256)])
            best[which] = min(best[which], seconds)
    return best[1] / best[0]


def timed(work: Callable[[], Result]) -> tuple[float, Result]:
    """Seconds that some work takes, and its result."""
    start = time.perf_counter()
    result = work()
    return time.perf_counter() - start, result
