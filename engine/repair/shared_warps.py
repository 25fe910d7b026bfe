"""Warps that fool a network on many images at once: a backdoor whose trigger moves pixels is found by no other change.

Far ones fool any network by hiding what an image shows: clean networks of the zoo send up to nine in ten images to one class
under them. Where small ones suffice, a network obeys warps; then these, those that aim at the class which these lead to, and far
ones tell what is left of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from bdtui.engine.network.logits import Logits
from bdtui.engine.network.score_runner import ScoreRunner
from bdtui.engine.repair.augmentation import as_canvas, as_read
from bdtui.engine.repair.clean_images import Canvas, CleanImages
from bdtui.engine.repair.perturbations import TRIED_ON, climb, most_led_to
from bdtui.engine.repair.warps import PLACES, bend
from bdtui.engine.reporter import Reporter

SMALL_WARP = "small warp"
_WARPS, _STEPS = 16, 30
_FARTHEST = 0.12
"""Share of a side that a place moves by at most: half as far again as in the random warps that students see."""
_SMALLER = (0.08, 0.06, 0.04)
"""So far small warps move a place: the last of these that suffices."""
_SUFFICES = 2 / 3
"""Share of the images of other classes that the best of them has to lead to one class."""
_RATE = 0.15
"""A place moves in one step by this share of how far it may."""
_BYTES_AT_ONCE = 2**26
"""Of images that are bent at once."""


@dataclass(frozen=True, eq=False)
class Warp:
    """Every image bent alike.

    Attributes:
        moves: float32, shape (places, places, 2): down and to the right, as a share of a side.
        kind: ``warp`` for a far one, ``small warp`` or ``aimed warp``.
    """

    moves: NDArray[np.float32]
    kind: str = "warp"

    def apply(self, images: CleanImages) -> NDArray[np.float32]:
        """Changed images, as the network reads them."""
        canvas = Canvas.of(images.image_shape)
        together = max(1, _BYTES_AT_ONCE // (4 * int(np.prod(images.image_shape))))
        changed = [
            np.asarray(_bent(images.pixels[start : start + together], self.moves[None], canvas, images.image_shape))
            for start in range(0, len(images), together)
        ]
        return np.concatenate(changed) if changed else images.pixels


def _bent(pixels: Any, moves: Any, canvas: Canvas, image_shape: tuple[int, ...]) -> Any:
    """Images as a network reads them, each bent by the moves in its place, or all by the same ones."""
    clean = as_canvas(pixels, canvas)
    each = tf.broadcast_to(moves, (tf.shape(clean)[0], PLACES, PLACES, 2))
    return as_read(bend(clean, each), canvas, image_shape)


def find_warps(
    logits: Logits, runner: ScoreRunner, images: CleanImages, seed: int, reporter: Reporter
) -> list[list[Warp]]:
    """Smooth warps that lead a network astray, far, small and aimed ones, where small ones suffice.

    None where they do not, or where images are no pictures.

    Args:
        logits: of the network.
        runner: of the same, which knows how many images memory bears at once.
        images: clean ones.
        seed: of where they begin.
        reporter: receives progress; is asked whether to stop.
    """
    canvas = Canvas.of(images.image_shape)
    if not canvas.is_picture or min(canvas.height, canvas.width) < 2:
        return []
    ascent = _WarpAscent(logits, runner, images, reporter)
    found: list[list[Warp]] = []
    tried = images.spread(TRIED_ON)
    for farthest in _SMALLER:
        small = ascent.find(farthest, seed, SMALL_WARP)
        target, share = max((most_led_to(runner, warp, tried) for warp in small), key=lambda led: led[1])
        if share <= _SUFFICES * np.mean(tried.labels != target):
            break
        found = [small, ascent.aim(target, farthest, seed)]
    return [ascent.find(_FARTHEST, seed), *found] if found else []


class _WarpAscent:
    """Finds warps on some clean images, many at once; the arguments are those of find_warps."""

    def __init__(self, logits: Logits, runner: ScoreRunner, images: CleanImages, reporter: Reporter) -> None:
        self._logits = logits
        self._runner = runner
        self._images = images
        self._canvas = Canvas.of(images.image_shape)
        self._reporter = reporter
        # Once for all that are found: TensorFlow takes more than half a second to trace it.
        self._compiled: Any = tf.function(self._moved, autograph=False)

    def find(self, farthest: float, seed: int, kind: str = "warp") -> list[Warp]:
        """Warps that raise the network's loss.

        Args:
            farthest: share of a side that a place moves by at most.
            seed: of where they begin.
            kind: what they are called.
        """
        return self._climb(self._images, farthest, _RATE * farthest, seed, kind)

    def aim(self, target: int, farthest: float, seed: int) -> list[Warp]:
        """Warps that lead images of other classes to this one."""
        others = self._images.some(np.flatnonzero(self._images.labels != target))
        targets = np.full(_WARPS, target, np.int32)
        return self._climb(others, farthest, -_RATE * farthest, seed, "aimed warp", targets)

    def _climb(
        self, images: CleanImages, farthest: float, stride: float, seed: int, kind: str, *targets: NDArray[np.int32]
    ) -> list[Warp]:
        """Warps after all steps; bound, stride and targets are arrays, so that another value is no reason to trace again."""
        random = np.random.default_rng([seed, 25])
        moves = random.uniform(-farthest, farthest, (_WARPS, PLACES, PLACES, 2)).astype(np.float32)
        found = climb(
            self._compiled,
            moves,
            *(np.full((_WARPS, 1, 1, 1), each, np.float32) for each in (farthest, stride)),
            *targets,
            images=images,
            steps=_STEPS,
            runner=self._runner,
            random=random,
            reporter=self._reporter,
        )
        return [Warp(each, kind) for each in found]

    def _moved(self, pixels: Any, labels: Any, moves: Any, farthest: Any, stride: Any, targets: Any = None) -> Any:
        """Moves after a step up the loss of the bent images, for the targets where there are some, else for their labels.

        A negative stride goes down.
        """
        warps, each = moves.shape[0], pixels.shape[0]
        classes = tf.tile(labels, [warps]) if targets is None else tf.repeat(targets, each)
        repeated = tf.tile(pixels, [warps, *[1] * (len(pixels.shape) - 1)])
        with tf.GradientTape() as tape:
            tape.watch(moves)
            changed = _bent(repeated, tf.repeat(moves, each, axis=0), self._canvas, self._images.image_shape)
            loss = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=classes, logits=self._logits(changed))
            loss = tf.reduce_sum(loss)
        gradient = tape.gradient(loss, moves)
        if gradient is None:
            return moves
        return tf.clip_by_value(moves + stride * tf.sign(gradient), -farthest, farthest)
