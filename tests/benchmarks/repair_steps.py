"""What a training step of a repair costs beside a plain ``fit`` step of the same images: ``make repair-steps``.

    python -m tests.benchmarks.repair_steps

Prints the table in docs/repairs.md. Steps of all three take turns, so that what else the machine does falls on each.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from statistics import median

import keras
import tensorflow as tf

from bdtui.engine.machine.device import prepare_backend
from bdtui.engine.network.copies import copy_model
from bdtui.engine.repair.clean_images import CleanImages, split_images
from bdtui.engine.repair.method import RepairInput, RepairOptions
from bdtui.engine.repair.methods import METHODS, SCRATCH, SHRINK_DISTIL
from bdtui.engine.repair.shrink_distil import BATCH
from tests.benchmarks.repairs import SAMPLE, subjects

FEW, MANY, TURNS = 20, 140, 5
"""Steps of the two lengths of training whose difference is free of what comes before the first step, and how often."""
NETS = (SAMPLE, "patch, plain", "patch, batchnorm", "patch, residual")


def measure_steps(
    badnet: keras.Model, clean: CleanImages, few: int = FEW, many: int = MANY, turns: int = TURNS
) -> dict[str, float]:
    """Milliseconds of a step of 64 images: of plain ``fit``, scratch and shrink-distil, the median of some turns.

    Args:
        badnet: B, which stays as it is.
        clean: images to train on.
        few: steps of the shorter training.
        many: of the longer one.
        turns: how often each is measured.
    """
    parts = split_images(clean, 0.0, 0)
    plain = copy_model(badnet)
    plain.compile(keras.optimizers.Adam(1e-4), keras.losses.SparseCategoricalCrossentropy())
    batches = tf.data.Dataset.from_tensor_slices((parts.fit.pixels, parts.fit.labels))
    batches = batches.shuffle(len(parts.fit), seed=0).repeat().batch(BATCH).prefetch(2)

    def fit(steps: int) -> None:
        plain.fit(batches, steps_per_epoch=steps, shuffle=False, verbose=0)

    def repair(method: str, steps: int) -> None:
        METHODS[method].run(RepairInput(badnet, parts.fit, parts.held_out, options=RepairOptions(steps=steps)))

    trainings: dict[str, Callable[[int], None]] = {
        "fit": fit,
        SCRATCH: lambda steps: repair(SCRATCH, steps),
        SHRINK_DISTIL: lambda steps: repair(SHRINK_DISTIL, steps),
    }
    found: dict[str, list[float]] = {name: [] for name in trainings}
    for turn in range(turns + 1):
        for name, train in trainings.items():
            seconds = _seconds(lambda train=train: train(many)) - _seconds(lambda train=train: train(few))
            if turn:  # The first compiles.
                found[name].append(1_000 * seconds / (many - few))
    return {name: median(each) for name, each in found.items()}


def _seconds(work: Callable[[], None]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def main() -> None:
    """Measure, and print the table."""
    prepare_backend("auto", 0)
    print(
        f"{os.cpu_count()} cores, TF_ENABLE_ONEDNN_OPTS={os.environ.get('TF_ENABLE_ONEDNN_OPTS', '-')}, load {os.getloadavg()}"
    )
    print(
        "| network | plain `fit` | scratch | shrink-distil | shrink-distil / fit |\n| --- | ---: | ---: | ---: | ---: |"
    )
    made = subjects(0)
    for net in NETS:
        subject = made[net]()
        found = measure_steps(subject.model, subject.clean)
        times = " | ".join(f"{milliseconds:.0f}" for milliseconds in found.values())
        print(f"| {net} | {times} | {found[SHRINK_DISTIL] / found['fit']:.2f} |", flush=True)


if __name__ == "__main__":
    main()
