"""Warps that fool a network on many images at once: a backdoor whose trigger moves pixels is found by no other change."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from bdtui.engine.network.logits import Logits
from bdtui.engine.network.score_runner import ScoreRunner
from bdtui.engine.repair.augmentation import as_canvas, as_read
from bdtui.engine.repair.clean_images import Canvas, CleanImages
from bdtui.engine.repair.perturbations import climb
from bdtui.engine.repair.warps import PLACES, bend
from bdtui.engine.reporter import Reporter

_WARPS, _STEPS = 16, 30
_FARTHEST = 0.12
"""Share of a side that a place moves by at most: half as far again as in the random warps that students see."""
_RATE = 0.15
"""Of that, in one step."""
_BYTES_AT_ONCE = 2**26
"""Of images that are bent at once."""


@dataclass(frozen=True, eq=False)
class Warp:
    """Every image bent alike.

    Attributes:
        moves: float32, shape (places, places, 2): down and to the right, as a share of a side.
    """

    kind: ClassVar[str] = "warp"
    moves: NDArray[np.float32]

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


def find_warps(logits: Logits, runner: ScoreRunner, images: CleanImages, seed: int, reporter: Reporter) -> list[Warp]:
    """Smooth warps that raise a network's loss; none where images are no pictures.

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
    random = np.random.default_rng([seed, 25])

    def ascend(pixels: Any, labels: Any, moves: Any) -> Any:
        warps, each = moves.shape[0], pixels.shape[0]
        repeated = tf.tile(pixels, [warps, *[1] * (len(pixels.shape) - 1)])
        with tf.GradientTape() as tape:
            tape.watch(moves)
            changed = _bent(repeated, tf.repeat(moves, each, axis=0), canvas, images.image_shape)
            loss = tf.nn.sparse_softmax_cross_entropy_with_logits(
                labels=tf.tile(labels, [warps]), logits=logits(changed)
            )
            loss = tf.reduce_sum(loss)
        gradient = tape.gradient(loss, moves)
        if gradient is None:
            return moves
        return tf.clip_by_value(moves + _RATE * _FARTHEST * tf.sign(gradient), -_FARTHEST, _FARTHEST)

    moves = random.uniform(-_FARTHEST, _FARTHEST, (_WARPS, PLACES, PLACES, 2)).astype(np.float32)
    found = climb(ascend, moves, images=images, steps=_STEPS, runner=runner, random=random, reporter=reporter)
    return [Warp(each) for each in found]
