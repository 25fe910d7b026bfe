"""Changes that fool a network on many images at once: shared perturbations, and boxes with a pattern.

Both are found by going uphill on the network's loss over some clean images; no label of an attacker is needed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from bdtui.engine.events import Progress
from bdtui.engine.machine.batches import SmallerBatches
from bdtui.engine.network.logits import Logits
from bdtui.engine.network.score_runner import ScoreRunner
from bdtui.engine.repair.augmentation import as_canvas, as_read
from bdtui.engine.repair.clean_images import Canvas, CleanImages
from bdtui.engine.reporter import Reporter

_ASCENT = 24
_BOX_STEPS = 30
_TRIED_AT_ONCE = 6
"""Images on which boxes and warps are tried in a step."""
_BOX_AREA = (0.005, 0.08)
"""Share of an image that a box covers."""
_BOX_RATE = 0.08
"""Of the pixels' range, in one step on a box."""


RADII = (1.0, 1.5, 2.2)
"""Of shared perturbations, in terms of the smallest at which B is fooled."""
TRIED_ON = 64
"""Images on which it is looked whether a network is fooled."""
_FOOLED = 0.5
"""Share of the images that a network has to get wrong."""
_LARGEST_RADIUS = 0.3
"""Of the length of a white image: nothing beyond it is tried."""


@dataclass(frozen=True, eq=False)
class Change:
    """What is done to every image alike: covered where the mask is 1, then the pattern is added.

    Attributes:
        kind: ``shared`` or ``box``.
        mask: float32, shape of one image, 0 or 1.
        pattern: float32, of the same shape.
    """

    kind: str
    mask: NDArray[np.float32]
    pattern: NDArray[np.float32]

    def apply(self, images: CleanImages) -> NDArray[np.float32]:
        """Changed images, as the network reads them."""
        changed = images.pixels * (1 - self.mask) + self.pattern
        return np.asarray(np.clip(changed, images.low, images.high), np.float32)


class AnyChange(Protocol):
    """What is done to every image alike."""

    @property
    def kind(self) -> str:
        """Of the changes of its sort."""

    def apply(self, images: CleanImages) -> NDArray[np.float32]:
        """Changed images, as the network reads them."""


class SharedAscent:
    """Finds perturbations that raise a network's loss on many images at once, within a radius.

    Args:
        logits: of the network.
        images: clean ones.
        reporter: is asked whether to stop.
    """

    def __init__(self, logits: Logits, images: CleanImages, reporter: Reporter) -> None:
        self._images, self._reporter = images, reporter
        low, high = tf.constant(images.low), tf.constant(images.high)
        span = tf.maximum(high - low, 1e-12)

        def ascend(pixels: Any, labels: Any, delta: Any, radius: Any, rate: Any) -> Any:
            with tf.GradientTape() as tape:
                tape.watch(delta)
                changed = tf.clip_by_value(pixels + delta * span, low, high)
                loss = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits(changed))
                loss = tf.reduce_mean(loss)
            gradient = tape.gradient(loss, delta)
            if gradient is None:
                return delta
            delta += rate * radius * gradient / (tf.norm(gradient) + 1e-12)
            return delta * tf.minimum(1.0, radius / (tf.norm(delta) + 1e-12))

        self._ascend = tf.function(ascend, reduce_retracing=True, autograph=False)

    def find(self, radius: float, seed: int, steps: int = _ASCENT) -> Change:
        """A shared perturbation of an L2 radius, in pixels from 0 for black to 1 for white."""
        random = np.random.default_rng([seed, 23])
        shape = self._images.image_shape
        delta = random.normal(size=shape)
        delta = tf.constant(delta / np.linalg.norm(delta) * radius / 2, tf.float32)
        for _ in range(steps):
            self._reporter.checkpoint()
            rows = random.choice(len(self._images), 48)
            labels = tf.constant(self._images.labels[rows].astype(np.int32))
            delta = self._ascend(tf.constant(self._images.pixels[rows]), labels, delta, radius, tf.constant(0.3))
        span = self._images.high - self._images.low
        return Change("shared", np.zeros(shape, np.float32), np.asarray(delta) * span)


def smallest_radius(
    ascent: SharedAscent, runner: ScoreRunner, images: CleanImages, seed: int
) -> tuple[float, Change | None]:
    """The smallest radius tried at which a shared perturbation fools a network on half of the images, and the perturbation.

    The largest that is tried, and None, where no radius does.
    """
    tried = images.spread(TRIED_ON)
    whole = float(np.sqrt(np.prod(images.image_shape)))
    radius = 0.02 * whole
    while radius < _LARGEST_RADIUS * whole:
        found = ascent.find(radius, seed)
        if share_fooled(runner, found, tried) >= _FOOLED:
            return radius, found
        radius *= 1.5
    return radius / 1.5, None


def radius_that_fools(badnet: keras.Model, images: CleanImages, seed: int, reporter: Reporter) -> float:
    """The smallest radius tried at which a shared perturbation fools a network on half of the images; else the largest."""
    ascent = SharedAscent(Logits(badnet), images, reporter)
    radius, _ = smallest_radius(ascent, ScoreRunner(badnet, images.image_shape), images, seed)
    return radius


def share_fooled(runner: ScoreRunner, change: AnyChange, images: CleanImages) -> float:
    """Share of images, 0–1, that a network gets wrong when they are changed."""
    return float(np.mean(runner.scores(change.apply(images)).argmax(axis=1) != images.labels))


def most_led_to(runner: ScoreRunner, change: AnyChange, images: CleanImages) -> tuple[int, float]:
    """The wrong class that a network gives changed images most, and the share of images, 0–1, that get it."""
    found = runner.scores(change.apply(images)).argmax(axis=1)
    times = np.bincount(found[found != images.labels], minlength=1)
    return int(times.argmax()), float(times.max() / len(found))


def climb(
    ascend: Callable[..., Any],
    raw: NDArray[np.float32],
    *beside: NDArray[Any],
    images: CleanImages,
    steps: int,
    runner: ScoreRunner,
    random: np.random.Generator,
    reporter: Reporter,
) -> NDArray[np.float32]:
    """Raise a network's loss by many changes at once, each of them tried on the same few images in a step.

    Args:
        ascend: compiled; gives what a step makes of ``raw``; is given pixels, labels, and ``raw`` and ``beside`` of some of
            the changes.
        raw: what the changes are made of, shape (changes, …).
        beside: what else belongs to each of them and stays as it is, likewise.
        images: clean ones.
        steps: uphill.
        runner: of the network, which knows how many images memory bears at once.
        random: chooses the images.
        reporter: receives progress; is asked whether to stop.
    """
    batches = SmallerBatches(most=max(1, runner.batch_size // _TRIED_AT_ONCE))
    for step in range(steps):
        reporter.emit(Progress("transfer bank", step, steps, "steps"))
        rows = random.choice(len(images), _TRIED_AT_ONCE)
        given = tf.constant(images.pixels[rows]), tf.constant(images.labels[rows].astype(np.int32))

        def moved(changes: slice, given: Any = given, raw: Any = raw) -> Any:
            reporter.checkpoint()
            return np.asarray(ascend(*given, *(tf.constant(each[changes]) for each in (raw, *beside))))

        raw = np.concatenate(batches.compute(len(raw), moved))
    reporter.emit(Progress("transfer bank", steps, steps, "steps"))
    return raw


def find_boxes(
    logits: Logits, runner: ScoreRunner, images: CleanImages, number: int, seed: int, reporter: Reporter
) -> list[Change]:
    """Boxes with patterns that raise a network's loss; on vectors a run of neighbours.

    Args:
        logits: of the network.
        runner: of the same, which knows how many images memory bears at once.
        images: clean ones.
        number: of boxes, each in a place and of a size of its own.
        seed: of places, sizes and first patterns.
        reporter: receives progress; is asked whether to stop.
    """
    random = np.random.default_rng([seed, 24])
    canvas = Canvas.of(images.image_shape)
    masks = np.zeros((number, canvas.height, canvas.width, 1), np.float32)
    for mask in masks:
        area = np.exp(random.uniform(*np.log(_BOX_AREA))) * canvas.height * canvas.width
        aspect = np.exp(random.uniform(-1.2, 1.2))
        tall = int(np.clip(round(np.sqrt(area * aspect)), 1, canvas.height))
        wide = int(np.clip(round(area / tall), 1, canvas.width))
        row, column = random.integers(canvas.height - tall + 1), random.integers(canvas.width - wide + 1)
        mask[row : row + tall, column : column + wide] = 1
    low, high = (as_canvas(each[None], canvas)[0] for each in (images.low, images.high))
    # Along the axis that a sigmoid squeezes patterns from.
    raw = random.normal(size=(number, canvas.height, canvas.width, canvas.channels)).astype(np.float32)

    def ascend(pixels: Any, labels: Any, raw: Any, covered: Any) -> Any:
        boxes, each = raw.shape[0], pixels.shape[0]
        clean = as_canvas(pixels, canvas)
        with tf.GradientTape() as tape:
            tape.watch(raw)
            pattern = low + (high - low) * tf.sigmoid(raw)
            changed = clean[None] * (1 - covered[:, None]) + (covered * pattern)[:, None]
            changed = tf.reshape(changed, (boxes * each, canvas.height, canvas.width, canvas.channels))
            read = as_read(changed, canvas, images.image_shape)
            wanted = tf.tile(labels, [boxes])
            loss = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=wanted, logits=logits(read))
            loss = tf.reduce_sum(loss)
        gradient = tape.gradient(loss, raw)
        return raw if gradient is None else raw + 10 * _BOX_RATE * tf.sign(gradient)

    compiled = tf.function(ascend, autograph=False)
    raw = climb(compiled, raw, masks, images=images, steps=_BOX_STEPS, runner=runner, random=random, reporter=reporter)
    covered = tf.constant(masks)
    patterns = covered * (low + (high - low) * tf.sigmoid(raw))
    read = np.asarray(as_read(patterns, canvas, images.image_shape))
    wide_masks = np.asarray(as_read(tf.broadcast_to(covered, patterns.shape), canvas, images.image_shape))
    return [Change("box", mask, pattern) for mask, pattern in zip(wide_masks, read, strict=True)]
