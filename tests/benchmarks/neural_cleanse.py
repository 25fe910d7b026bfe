"""Trigger inversion beside Neural Cleanse as it was published: ``make neural-cleanse``.

    python -m tests.benchmarks.neural_cleanse [--pictures N] [--nets SEED …]

ART's Neural Cleanse asks for Keras 2.2.4, so the algorithm is written down here from the paper and its authors' program,
with their numbers: one class after another. Prints the table in docs/detection.md.

References:
    B. Wang et al., "Neural Cleanse: Identifying and Mitigating Backdoor Attacks in Neural Networks", IEEE S&P 2019;
    https://github.com/bolunwang/backdoor
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from bdtui.engine.detect.given import ImagesGiven
from bdtui.engine.detect.inversion import find_by_inversion
from bdtui.engine.detect.subject import look_at
from bdtui.engine.network.class_scores import scoring_network
from tests.benchmarks.zoo.nets import ZooNet, make_net
from tests.benchmarks.zoo.pictures import Pixels
from tests.benchmarks.zoo.rosters import fresh_roster

_SEEDS = (1_000, 1_006, 1_008, 1_012, 1_022, 1_034)
"""Of fresh networks with one target each: every body, both kinds of pictures."""
_STEPS, _BATCH, _RATE = 1_000, 32, 0.1
_FIRST_COST, _PATIENCE, _UP, _DOWN = 1e-3, 5, 2.0, 2.0**1.5
_SUCCESS, _STOP_AFTER = 0.99, 10


@dataclass
class Cost:
    """What a mask costs: more while the trigger works, less while it does not, nothing until it works at all."""

    value: float = 0.0
    good: int = 0
    bad: int = 0
    rose: bool = False
    fell: bool = False

    def adapt(self, works: bool) -> None:
        """Count a step, and change where enough of them were alike."""
        self.good, self.bad = (self.good + 1, 0) if works else (0, self.bad + 1)
        if self.value == 0:
            self.bad = 0
            if self.good >= _PATIENCE:
                self.value, self.good = _FIRST_COST, 0
        elif self.good >= _PATIENCE:
            self.value, self.good, self.rose = self.value * _UP, 0, True
        elif self.bad >= _PATIENCE:
            self.value, self.bad, self.fell = self.value / _DOWN, 0, True


class NeuralCleanse:
    """Reverses a trigger for one class at a time.

    Args:
        model: gives probabilities; reads pixels from 0 to 1.
        images: clean ones, float32 (n, height, width, channels).
        steps: at most; each goes through all images.
    """

    def __init__(self, model: keras.Model, images: Pixels, steps: int = _STEPS) -> None:
        self._model, self._images, self._steps = model, images, steps
        shape = images.shape[1:]
        self._mask, self._pattern = (tf.Variable(tf.zeros(each)) for each in ((*shape[:2], 1), shape))
        self._moments = [tf.Variable(tf.zeros_like(each)) for each in (self._mask, self._pattern) for _ in range(2)]
        self._number = tf.Variable(0.0)
        self._run = tf.function(self._step)

    def size(self, target: int, random: np.random.Generator) -> tuple[float, int]:
        """The sum of the smallest mask that works, infinite where none does, and how many batches were computed."""
        for variable in (self._mask, self._pattern):
            start = random.random(variable.shape)
            variable.assign(np.arctanh((start - 0.5) * (2 - 1e-7)))
        for variable in (*self._moments, self._number):
            variable.assign(tf.zeros_like(variable))
        cost, best, best_seen, unchanged, batches = Cost(), np.inf, np.inf, 0, 0
        labels = tf.fill([_BATCH], target)
        for _ in range(self._steps):
            order = random.permutation(len(self._images))
            found = [
                self._run(tf.constant(self._images[order[start : start + _BATCH]]), labels, tf.constant(cost.value))
                for start in range(0, len(order) - _BATCH + 1, _BATCH)
            ]
            batches += len(found)
            success, size = np.mean(np.asarray(found, np.float64), axis=0)
            if success >= _SUCCESS:
                best = min(best, size)
            if np.isfinite(best):
                unchanged = unchanged + 1 if best >= best_seen else 0
                best_seen = min(best, best_seen)
                if cost.rose and cost.fell and unchanged >= _STOP_AFTER:
                    break
            cost.adapt(bool(success >= _SUCCESS))
        return float(best), batches

    def _step(self, images: Any, labels: Any, cost: Any) -> Any:
        with tf.GradientTape() as tape:
            mask, pattern = ((tf.tanh(each) / (2 - 1e-7) + 0.5) for each in (self._mask, self._pattern))
            predicted = self._model(images * (1 - mask) + mask * pattern)
            losses = keras.losses.sparse_categorical_crossentropy(labels, predicted)
            size = tf.reduce_sum(mask)
            total = tf.reduce_mean(losses) + cost * size
        self._number.assign_add(1.0)
        for place, (value, gradient) in enumerate(
            zip((self._mask, self._pattern), tape.gradient(total, [self._mask, self._pattern]), strict=True)
        ):
            first, second = self._moments[2 * place : 2 * place + 2]
            first.assign(0.5 * first + 0.5 * gradient)
            second.assign(0.9 * second + 0.1 * tf.square(gradient))
            length = tf.sqrt(second / (1 - 0.9**self._number)) + 1e-8
            value.assign_sub(_RATE * first / (1 - 0.5**self._number) / length)
        success = tf.reduce_mean(tf.cast(tf.argmax(predicted, axis=1, output_type=tf.int32) == labels, tf.float32))
        return tf.stack([success, size])


def rank(sizes: NDArray[np.float64], target: int) -> int:
    """The place of the target among all classes, the smallest mask first."""
    return 1 + int(np.count_nonzero(sizes < sizes[target]))


def anomaly_index(sizes: NDArray[np.float64]) -> float:
    """Of the smallest mask, as published: its distance from the median in deviations."""
    known = sizes[np.isfinite(sizes)]
    deviation = 1.4826 * float(np.median(np.abs(known - np.median(known))))
    return float((np.median(known) - known.min()) / max(deviation, 1e-9))


def compared(net: ZooNet, pictures: int) -> str:
    """A row of the table."""
    target, images, classes = net.target, net.clean_valid.pixels[:pictures], net.spec.classes
    assert isinstance(target, int)
    started = time.monotonic()
    cleanse, random = NeuralCleanse(net.model, images), np.random.default_rng(0)
    found = [cleanse.size(each, random) for each in range(classes)]
    theirs = time.monotonic() - started
    sizes = np.array([size for size, _ in found])
    # Looking at the network is part of what is timed, as building its graph is above.
    started = time.monotonic()
    ours = find_by_inversion(ImagesGiven(look_at(scoring_network(net.model)), images))
    seconds = time.monotonic() - started
    own = np.exp(-ours.scores)
    return (
        f"| {net.spec.name.rsplit('-', 3)[0]} | {rank(sizes, target)} | {rank(own, target)} | {anomaly_index(sizes):.1f} "
        f"| {anomaly_index(own):.1f} | {np.mean([batches for _, batches in found]):,.0f} | {theirs / classes:.1f} "
        f"| {seconds / classes:.2f} | {theirs / seconds:.0f} × |"
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table."""
    asked = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    asked.add_argument("--pictures", type=int, default=1_000, metavar="N", help="clean pictures that both are given")
    asked.add_argument("--nets", type=int, nargs="+", default=_SEEDS, choices=_SEEDS, metavar="SEED", help="these only")
    options = asked.parse_args(arguments)
    print(
        "| network | rank: theirs | ours | anomaly index: theirs | ours | batches a class | s a class: theirs | ours | |"
    )
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    for spec in fresh_roster():
        if spec.attack == "none" or spec.seed not in options.nets:
            continue
        print(compared(make_net(spec), options.pictures), flush=True)
        keras.backend.clear_session()


if __name__ == "__main__":
    main()
