"""Telling that a repair worked without a poisoned image: does what fools B still lead where it led?

A bank of changes is made on B alone: perturbations shared by all images, boxes with a pattern, and warps. On clean images that
no method trained on, the *shared transfer* of a network is how often it gives a changed image the same wrong class that B
gives it. It is no attack success rate: it says how much of B's weakness a network has kept, and every network has some, also
one that never saw a trigger. How much is *left* of what fools B and not such a network orders repairs much as the true
attack success rate does (docs/repairs.md).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
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
    share_fooled,
    share_led_to_one_class,
    smallest_radius,
)
from bdtui.engine.repair.shared_warps import find_warps
from bdtui.engine.reporter import SILENT, Reporter

T = TypeVar("T")

_BOXES = 32
_KEPT = 8
"""Boxes and warps that are kept, of each."""
_AREA_COSTS = 4.0
"""A large box hides what an image shows, and fools any network: by so much times its area less it has to be good for."""
MEASURED_ON = 400
_TELLING = 0.1
"""Of the changed images, by so large a share B has to be led astray more often than a network that never saw it."""


@dataclass(frozen=True)
class Transfer:
    """How much of what fools B leads another network astray in the same way.

    Attributes:
        kinds: of the changes, ``shared``, ``box`` or ``warp``, in the bank's order.
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
    def percent(self) -> float | None:
        """The largest share, in percent: a trigger is of one kind."""
        return max((share.percent for share in self.shares.values()), default=None)

    def left(self, badnet: Transfer, reference: Transfer) -> float | None:
        """Of what leads B astray, beyond what leads a network astray that never saw B, so much is left, in percent.

        0 for a network that is fooled as the reference is, 100 for one that is fooled as B is; below 0 where it is fooled less
        than the reference. None where B is fooled hardly more than the reference is: then there is nothing to tell by.

        Args:
            badnet: the transfer to B itself.
            reference: the transfer to the network that never saw B.
        """
        whole = sum(badnet.hits) - sum(reference.hits)
        if whole < _TELLING * self.images * len(self.hits) or whole <= 0:
            return None
        return 100 * (sum(self.hits) - sum(reference.hits)) / whole


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
        best_warps = _best(warps, lambda warp: share_led_to_one_class(runner, warp, tried), 0.1)
        self.changes: list[AnyChange] = [*shared, *best_boxes, *best_warps]
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
