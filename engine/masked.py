"""Predictions for one image set while channels come and go."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import ThreadpoolController

from bdtui.engine.events import SILENT, Reporter
from bdtui.engine.frontier import FrontierBlock, Mask
from bdtui.engine.in_order import cores, done_in_order
from bdtui.engine.profile import ProfiledImages
from bdtui.engine.smaller_batches import is_out_of_memory, refuse_lost_device
from bdtui.engine.split import CutRunner
from bdtui.engine.summed_shares import SummedShares

Predictions = NDArray[np.int64]

_WORTH_SUMMING = 0.15
"""Share of a block's images from which on the shorter way is taken; fewer take the whole back more quickly."""
_AS_BEFORE, _UNDECIDED = -1, -2
"""In place of a class: nothing at the cut changes with this state, or the whole back has to say what comes of it."""


class MaskedImages:
    """Predictions for one image set while channels come and go.

    Only images for which a changed channel fires are evaluated again; for all others nothing at the cut changes.

    Args:
        runner: the cut network.
        profiled: the image set.
    """

    def __init__(self, runner: CutRunner, profiled: ProfiledImages) -> None:
        self._runner = runner
        self._fires = profiled.fires
        self._blocks = profiled.blocks
        self._unpruned: list[tuple[Mask, Predictions]] = []
        self._last: list[tuple[Mask, Predictions]] = []

    def evaluations(self, channel: int) -> int:
        """For how many images the classes have to be looked at when a channel goes."""
        return int(np.count_nonzero(self._fires[:, channel]))

    def predict(self, silenced: Mask, reporter: Reporter = SILENT) -> Predictions:
        """Classes, shape (N,), with the channels of ``silenced`` (channels,) silent."""
        for mask, predictions in (*self._unpruned, *self._last):
            if np.array_equal(mask, silenced):
                return predictions
        found: Predictions = self.predict_states([silenced], reporter)[0]
        return found

    def predict_states(self, states: Sequence[Mask], reporter: Reporter = SILENT) -> Predictions:
        """Classes, shape (len(states), N), in several states at once.

        Args:
            states: masks (channels,) of silent channels, each with all those of the one before.
            reporter: hears whether to stop.
        """
        reporter.checkpoint()
        mask, predictions = self._nearest(states[0])
        # What no state changes is known from here on.
        changed = [
            states[0] ^ mask if mask is not None else None,
            *(after ^ before for before, after in pairwise(states)),
        ]
        found = np.full((len(states), len(self._fires)), _AS_BEFORE, np.int64)
        self._decide(states, changed, found, reporter)
        self._decide_the_rest(states, found, reporter)
        before = predictions
        for row in found:
            if before is not None:
                np.copyto(row, before, where=row == _AS_BEFORE)
            before = row
        # Together, and only now: a stop in the middle leaves what was known before.
        self._last = list(zip(states, found, strict=True))
        if not states[0].any():
            self._unpruned = [(states[0], found[0].copy())]
        return found

    def _nearest(self, state: Mask) -> tuple[Mask | None, Predictions | None]:
        """Of the states that are known, the one that differs in the fewest channels."""
        known = [*self._unpruned, *self._last]
        if not known:
            return None, None
        return min(known, key=lambda each: int(np.count_nonzero(each[0] ^ state)))

    def _decide(
        self, states: Sequence[Mask], changed: Sequence[Mask | None], found: Predictions, reporter: Reporter
    ) -> None:
        """Fill in what the shorter way can decide, and mark what is left to the whole back."""
        silence = states[-1].all() and self._runner.carries_everything
        if silence:
            # To the back, all images are one.
            first = self._blocks[0]
            tensors = self._runner.frontier.tensors(first, np.zeros(1, int), states[-1][np.newaxis])
            class_of_silence = self._runner.back(tensors)[0]

        def decide(block: FrontierBlock) -> None:
            rows = [self._touched(block, channels) for channels in changed]
            own = found[:, block.images]
            for state, touched in enumerate(rows):
                own[state, touched] = _UNDECIDED
            summed = slice(None, -1 if silence else None)
            if silence:
                own[-1, rows[-1]] = class_of_silence
            way = self._runner.shorter_way
            if way is not None and max(map(len, rows[summed]), default=0) > _WORTH_SUMMING * len(block.fires):
                self._sum(way, block, states[summed], rows[summed], own)
            block.let_go()

        with _one_thread().limit(limits=1), done_in_order(decide, self._blocks, cores()) as results:
            for _ in results:
                reporter.checkpoint()

    def _touched(self, block: FrontierBlock, channels: Mask | None) -> NDArray[np.intp]:
        """The images of a block for which any of the channels fires; all, where nothing is known before."""
        if channels is None:
            return np.arange(len(block.fires))
        return np.flatnonzero(block.fires[:, channels].any(axis=1))

    def _sum(
        self,
        way: SummedShares,
        block: FrontierBlock,
        states: Sequence[Mask],
        rows: Sequence[NDArray[np.intp]],
        found: Predictions,
    ) -> None:
        try:
            decided = way.decide(block, states, rows)
        except Exception as problem:
            refuse_lost_device(problem)
            if not is_out_of_memory(problem):
                raise
            # The whole back needs less, and halves its batches.
            self._runner.tell("memory does not suffice for the sums of some images; going on without them")
            return
        for state, (touched, said) in enumerate(zip(rows, decided, strict=True)):
            found[state, touched] = np.where(said.certain, said.classes, _UNDECIDED)

    def _decide_the_rest(self, states: Sequence[Mask], found: Predictions, reporter: Reporter) -> None:
        """Let the whole back say what is not decided, image by image and for each in its state."""
        images, state = np.nonzero((found == _UNDECIDED).T)
        if not len(images):
            return
        masks = np.stack(states)
        size = self._runner.back_batch_size

        def predict(some: slice) -> None:
            pieces = [
                self._runner.frontier.tensors(block, images[part] - block.images.start, masks[state[part]])
                for block, part in self._by_block(images, some)
            ]
            tensors = [np.concatenate(arrays) for arrays in zip(*pieces, strict=True)]
            found[state[some], images[some]] = self._runner.back(tensors)
            for block, _ in self._by_block(images, some):
                block.let_go()

        batches = [slice(start, min(start + size, len(images))) for start in range(0, len(images), size)]
        with done_in_order(predict, batches) as results:
            for _ in results:
                reporter.checkpoint()

    def _by_block(self, images: NDArray[np.intp], some: slice) -> Iterator[tuple[FrontierBlock, slice]]:
        """The blocks to which the images of a slice belong, each with its part of the slice."""
        numbers = images[some] // len(self._blocks[0].fires)
        ends = [*(np.flatnonzero(np.diff(numbers)) + 1), len(numbers)]
        for start, end in pairwise([0, *ends]):
            yield self._blocks[numbers[start]], slice(some.start + start, some.start + end)


@cache
def _one_thread() -> ThreadpoolController:
    """Lets a product in numpy take one thread: the others are busy with other images."""
    return ThreadpoolController().select(user_api="blas")
