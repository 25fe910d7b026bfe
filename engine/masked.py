"""Predictions for one image set while channels come and go."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bdtui.engine.activations import let_go
from bdtui.engine.events import SILENT, Reporter
from bdtui.engine.in_order import done_in_order
from bdtui.engine.kept_sums import KeptBlock, KeptSums
from bdtui.engine.profile import ProfiledImages
from bdtui.engine.smaller_batches import is_out_of_memory, refuse_lost_device
from bdtui.engine.split import CutRunner

Mask = NDArray[np.bool_]
Predictions = NDArray[np.int64]


_WORTH_KEEPING_UP = 0.15
"""Share of a block's images from which on its sums are brought up to date; fewer take the whole back more quickly."""


@dataclass
class _Block:
    """Some images of the set, one behind the other.

    Attributes:
        images: their numbers.
        firing: the channels (channels,) that fire for any of them.
        begun: by batch of images, sums with no channel silenced; empty once they are in use.
        kept: sums from step to step.
    """

    images: slice
    firing: Mask
    begun: list[list[Any]]
    kept: KeptBlock | None = None


class MaskedImages:
    """Predictions for one image set while channels come and go.

    Only images for which a changed channel fires are evaluated again; for all others nothing at the cut changes.

    Args:
        runner: the cut network.
        profiled: the image set.
    """

    def __init__(self, runner: CutRunner, profiled: ProfiledImages) -> None:
        self._runner = runner
        self._profiled = profiled
        self._silenced: Mask = np.zeros(runner.cut.source.channels, bool)
        self._predictions = profiled.predictions
        self._blocks = []
        size = -(-runner.back_batch_size // profiled.batch_size) * profiled.batch_size
        for start in range(0, len(profiled.predictions), size):
            images = slice(start, min(start + size, len(profiled.predictions)))
            batches = range(start // profiled.batch_size, -(-images.stop // profiled.batch_size))
            begun = profiled.sums[batches.start : batches.stop]
            firing = np.asarray(profiled.fires[images].any(axis=0))
            self._blocks.append(_Block(images, firing, begun if len(begun) == len(batches) else []))
        # From here on the blocks own them, and give them back one by one.
        profiled.sums.clear()

    def predict(self, silenced: Mask, reporter: Reporter = SILENT) -> Predictions:
        """Classes, shape (N,), with the channels of ``silenced`` (channels,) silent."""
        reporter.checkpoint()
        changed = silenced ^ self._silenced
        predictions = self._predictions.copy()
        undecided = np.asarray(self._profiled.fires[:, changed].any(axis=1))
        sums = self._runner.kept_sums
        if sums is not None and not silenced.all():
            self._predict_from_sums(sums, silenced, predictions, undecided, reporter)
        self._predict_whole(silenced, predictions, np.flatnonzero(undecided), reporter)
        # Together, and only now: a stop in the middle leaves the last complete state.
        self._silenced, self._predictions = silenced.copy(), predictions
        return predictions

    def _predict_from_sums(
        self, sums: KeptSums, silenced: Mask, predictions: Predictions, undecided: Mask, reporter: Reporter
    ) -> None:
        """Fill in what the shorter way can decide."""

        def predict(block: _Block) -> None:
            rows = np.flatnonzero(undecided[block.images])
            frontier = [values[block.images] for values in self._profiled.frontier]
            try:
                if block.kept is None:
                    block.kept = sums.begun(block.begun)
                    block.begun = []
                block.kept, classes, certain = sums.classes(block.kept, frontier, rows, silenced, block.firing)
            except Exception as problem:
                refuse_lost_device(problem)
                if not is_out_of_memory(problem):
                    raise
                # Without its sums the block needs less, and the whole back halves its batches.
                self._runner.tell("memory does not suffice for kept sums of some images; going on without them")
                block.kept, block.begun = None, []
                return
            decided = block.images.start + rows[certain]
            predictions[decided] = classes[certain]
            undecided[decided] = False
            self._let_go()

        blocks = [
            block
            for block in self._blocks
            if (block.kept or block.begun) and np.mean(undecided[block.images]) > _WORTH_KEEPING_UP
        ]
        if not blocks:
            return
        with done_in_order(predict, blocks) as results:
            for _ in results:
                reporter.checkpoint()

    def _predict_whole(self, silenced: Mask, predictions: Predictions, rows: Predictions, reporter: Reporter) -> None:
        """Fill in predictions by the whole back."""
        if not len(rows):
            return
        size = self._runner.back_batch_size
        if silenced.all() and self._runner.carries_everything:
            # To the back, all images are one.
            predictions[rows] = self._runner.back([values[rows[:1]] for values in self._profiled.frontier], silenced)
            return

        def predict(batch: Predictions) -> None:
            predictions[batch] = self._runner.back([values[batch] for values in self._profiled.frontier], silenced)
            self._let_go()

        with done_in_order(predict, [rows[start : start + size] for start in range(0, len(rows), size)]) as results:
            for _ in results:
                reporter.checkpoint()

    def _let_go(self) -> None:
        for values in self._profiled.frontier:
            let_go(values)
