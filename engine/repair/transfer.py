"""Telling that a repair worked without a poisoned image: does what fools B still lead where it led?

A bank of changes is made on B alone: perturbations shared by all images, boxes with a pattern, and warps. On clean images that
no method trained on, the *shared transfer* of a network is how often it gives a changed image the same wrong class that B
gives it. It is no attack success rate: it says how much of B's weakness a network has kept, and every network has some, also
one that never saw a trigger. What tells is how much more it follows B than such a network (following.py).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TypeVar

import keras
import numpy as np
from numpy.typing import NDArray

from bdtui.engine.events import Progress
from bdtui.engine.inputs.sampling import spread_rows
from bdtui.engine.network.logits import Logits
from bdtui.engine.network.score_runner import ScoreRunner
from bdtui.engine.rates import Share
from bdtui.engine.repair.clean_images import CleanImages
from bdtui.engine.repair.perturbations import (
    RADII,
    TRIED_ON,
    AnyChange,
    Change,
    SharedAscent,
    find_boxes,
    most_led_to,
    share_fooled,
    smallest_radius,
)
from bdtui.engine.repair.shared_warps import SMALL_WARP, find_warps
from bdtui.engine.reporter import SILENT, Reporter

T = TypeVar("T")

KINDS = {
    "shared": "perturbations",
    "box": "boxes",
    "warp": "warps",
    SMALL_WARP: "small warps",
    "aimed warp": "aimed warps",
}
"""What the kinds of changes are called."""

_BOXES = 32
_KEPT = 8
"""Boxes and warps that are kept, of each."""
_AREA_COSTS = 4.0
"""A large box hides what an image shows, and fools any network: by so much times its area less it has to be good for."""
MEASURED_ON = 400


@dataclass(frozen=True)
class Transfer:
    """How much of what fools B leads another network astray in the same way.

    Attributes:
        kinds: of the changes, each a key of ``KINDS``, in the bank's order.
        hits: of the images, so many get the same wrong class as from B, for every change.
        images: how many held-out images were changed.
    """

    kinds: tuple[str, ...]
    hits: tuple[int, ...]
    images: int

    @property
    def shares(self) -> dict[str, Share]:
        """Over the changes of each kind; empty where no image was changed."""
        hits: dict[str, list[int]] = {}
        for kind, each in zip(self.kinds, self.hits, strict=True):
            hits.setdefault(kind, []).append(each)
        return {kind: Share(sum(each), len(each) * self.images) for kind, each in hits.items() if self.images}

    @property
    def kind(self) -> str | None:
        """The kind of change with the largest share."""
        return max(self.shares, key=lambda kind: self.shares[kind].percent, default=None)

    @property
    def percent(self) -> float | None:
        """The largest share, in percent: a trigger is of one kind."""
        return max((share.percent for share in self.shares.values()), default=None)

    def by(self, kind: str | None) -> float | None:
        """The share by one kind of change, in percent; the largest without a kind."""
        return self.percent if kind is None else self.shares[kind].percent


class TransferBank:
    """Changes that fool B, and what B makes of held-out images under them.

    Args:
        badnet: B.
        fit: clean images on which the changes are found.
        held_out: clean images on which they are tried; those B gets right count.
        seed: of the changes.
        reporter: receives progress; is asked whether to stop.

    Attributes:
        changes: those that were kept.
        radius: L2 of the smallest shared perturbation that fools B on half of the images, in pixels from 0 to 1; None
            where there is none.
    """

    def __init__(
        self, badnet: keras.Model, fit: CleanImages, held_out: CleanImages, seed: int, reporter: Reporter = SILENT
    ) -> None:
        self._reporter = reporter
        logits = Logits(badnet)
        runner = ScoreRunner(badnet, fit.image_shape, reporter)
        tried = fit.spread(TRIED_ON)
        reporter.emit(Progress("transfer bank", 0, 2, "kinds"))
        shared, self.radius = _shared_changes(logits, runner, fit, seed, reporter)
        boxes = find_boxes(logits, runner, fit, _BOXES, seed, reporter)
        best_boxes = _best(
            boxes, lambda box: share_fooled(runner, box, tried) - _AREA_COSTS * float(box.mask.mean()), 0.2
        )
        warps = find_warps(logits, runner, fit, seed, reporter)
        # A warp that leads to many classes hides what an image shows, and fools any network.
        best_warps = [_best(alike, lambda warp: most_led_to(runner, warp, tried)[1], 0.1) for alike in warps]
        self.changes: list[AnyChange] = [*shared, *best_boxes, *chain.from_iterable(best_warps)]
        held_out = held_out.spread(MEASURED_ON)
        right = _classes(runner, held_out.pixels) == held_out.labels
        self.held_out = held_out.some(np.flatnonzero(right))
        self._led = [_classes(runner, change.apply(self.held_out)) for change in self.changes]

    def measure(self, network: keras.Model | ScoreRunner, most: int = MEASURED_ON) -> Transfer:
        """The transfer to a network.

        Args:
            network: a network for the same images and classes.
            most: how many held-out images to look at, from the first to the last.

        Raises:
            Interrupted: the reporter requested a stop.
        """
        rows = spread_rows(len(self.held_out), most)
        images = self.held_out.some(rows)
        kinds = tuple(change.kind for change in self.changes)
        if not len(images):
            return Transfer(kinds, (0,) * len(kinds), 0)
        runner = network
        if not isinstance(runner, ScoreRunner):
            runner = ScoreRunner(network, images.image_shape, self._reporter)
        hits = []
        for change, all_led in zip(self.changes, self._led, strict=True):
            led = all_led[rows]
            same = (_classes(runner, change.apply(images)) == led) & (led != images.labels)
            hits.append(int(np.count_nonzero(same)))
        return Transfer(kinds, tuple(hits), len(images))


def _shared_changes(
    logits: Logits, runner: ScoreRunner, fit: CleanImages, seed: int, reporter: Reporter
) -> tuple[list[Change], float | None]:
    """Shared perturbations of some radii, from the smallest at which B is fooled."""
    ascent = SharedAscent(logits, fit, reporter)
    radius, found = smallest_radius(ascent, runner, fit, seed)
    if found is None:
        return [ascent.find(radius, seed)], None
    return [found, *(ascent.find(radius * more, seed) for more in RADII[1:])], radius


def _best(changes: Sequence[T], good: Callable[[T], float], nearly: float) -> list[T]:
    """The few that are best, the best first.

    What is worse than the best by more than ``nearly`` is left out: it would only blur what the best ones tell.
    """
    values = [good(change) for change in changes]
    ranked = [changes[place] for place in np.argsort(values, kind="stable")[::-1]]
    as_good = sum(value >= max(values) - nearly for value in values)
    return ranked[: min(as_good, _KEPT)]


def _classes(runner: ScoreRunner, pixels: NDArray[np.float32]) -> NDArray[np.int64]:
    return runner.scores(pixels).argmax(axis=1) if len(pixels) else np.empty(0, np.int64)
