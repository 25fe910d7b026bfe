"""Reversed triggers in training: what a detector found to fool B is laid over some images, which keep their true labels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from bdtui.engine.repair.checkpoints import Checkpoints, fingerprint
from bdtui.engine.repair.clean_images import CleanImages
from bdtui.engine.repair.lots import Lots
from bdtui.engine.reporter import Reporter

_NAME = "reversed triggers"
_FAINTEST = 0.5
"""Of its strength, at which a trigger is laid over an image."""


@dataclass(frozen=True, eq=False)
class Stamp:
    """A trigger as plain arrays.

    Attributes:
        mask: how much of each pixel it covers, 0–1, float32, of one image's shape with one channel.
        pattern: what it covers them with, as the network reads pixels, float32, of one image's shape.
    """

    mask: NDArray[np.float32]
    pattern: NDArray[np.float32]


Reverse = Callable[[CleanImages, Reporter], Sequence[Stamp]]
"""Finds what fools B on some clean images, and on no others."""


def find_once(
    reverse: Reverse, images: CleanImages, checkpoints: Checkpoints, of: Sequence[Any], reporter: Reporter
) -> tuple[Stamp, ...]:
    """What ``reverse`` finds, or found before a repair was stopped.

    Args:
        reverse: looks for it.
        images: to look at.
        checkpoints: where it is kept.
        of: what else it depends on, as arrays.
        reporter: receives progress; is asked whether to stop.

    Raises:
        Interrupted: the reporter requested a stop.
    """
    whose = np.frombuffer(fingerprint((), images.pixels, *of).encode(), np.uint8)
    kept = checkpoints.load(_NAME) if checkpoints.keeps else None
    if kept is not None and kept.keys() == {"masks", "patterns", "of"} and np.array_equal(kept["of"], whose):
        return tuple(Stamp(*each) for each in zip(kept["masks"], kept["patterns"], strict=True))
    found = tuple(reverse(images, reporter))
    if checkpoints.keeps and found:
        masks, patterns = (np.array(each) for each in zip(*((one.mask, one.pattern) for one in found), strict=True))
        checkpoints.save(_NAME, {"masks": masks, "patterns": patterns, "of": whose})
    return found


def stamp_some(images: Any, stamps: Sequence[Stamp], lots: Lots) -> Any:
    """Images (rows, …) as the network reads them, each with one of the triggers, drawn at random with its strength."""
    masks, patterns = (tf.constant(np.array(each)) for each in zip(*((s.mask, s.pattern) for s in stamps), strict=True))
    rows = tf.shape(images)[:1]
    which = lots.whole(rows, len(stamps))
    strength = lots.uniform(tf.concat([rows, [1] * (len(images.shape) - 1)], axis=0), _FAINTEST, 1.0)
    mask = strength * tf.gather(masks, which)
    return images * (1 - mask) + tf.gather(patterns, which) * mask
