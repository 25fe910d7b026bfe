"""Predictions for one image set while channels come and go."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import ThreadpoolController

from bdtui.engine.evaluation.channel_profile import ProfiledImages
from bdtui.engine.evaluation.cut_runner import CutRunner
from bdtui.engine.evaluation.slow_progress import SlowProgress
from bdtui.engine.incremental.channel_sums import SummedShares
from bdtui.engine.machine.device_failures import is_out_of_memory, refuse_lost_device
from bdtui.engine.machine.ordered_threads import cores, done_in_order
from bdtui.engine.network.cut import Array
from bdtui.engine.network.cut_values import FrontierBlock, Mask
from bdtui.engine.reporter import SILENT, Reporter

Predictions = NDArray[np.int64]

_AS_BEFORE, _UNDECIDED = -1, -2
"""In place of a class: nothing at the cut changes with this state, or the whole back has to compute it."""


class MaskedImages:
    """Predictions for one image set while channels come and go; see `predict_states`.

    Args:
        runner: the cut network.
        profiled: the image set.
    """

    def __init__(self, runner: CutRunner, profiled: ProfiledImages) -> None:
        self.runner = runner
        self.fires = profiled.fires
        self.blocks = profiled.blocks
        self._unpruned: list[tuple[Mask, Predictions]] = []
        self._last: list[tuple[Mask, Predictions]] = []

    def evaluations(self, channel: int) -> int:
        """For how many images the classes have to be looked at when a channel goes."""
        return int(np.count_nonzero(self.fires[:, channel]))

    def known(self, silenced: Mask) -> Predictions | None:
        """Classes, shape (N,), with the channels of ``silenced`` (channels,) silent; None where that is not known."""
        return next((found for mask, found in self._all_known if np.array_equal(mask, silenced)), None)

    def nearest(self, silenced: Mask) -> tuple[Mask | None, Predictions | None]:
        """Of what is known, mask and classes of the state that differs in the fewest channels."""
        if not self._all_known:
            return None, None
        return min(self._all_known, key=lambda known: int(np.count_nonzero(known[0] ^ silenced)))

    def keep(self, states: Sequence[Mask], found: Predictions) -> None:
        """Know the classes of some states until others are kept, and for good those of the unpruned network."""
        # Callers receive these very arrays.
        found.setflags(write=False)
        self._last = list(zip(states, found, strict=True))
        if not states[0].any():
            unpruned = found[0].copy()
            unpruned.setflags(write=False)
            self._unpruned = [(states[0], unpruned)]

    def tensors(self, images: NDArray[np.intp], masks: Mask) -> list[Array]:
        """The tensors of the frontier of some images, of which those of one block stand together.

        Args:
            images: their numbers, shape (rows,).
            masks: of the channels that are silent for each, shape (rows, channels).
        """
        numbers = images // len(self.blocks[0].fires)
        pieces = []
        for start, end in pairwise([0, *(np.flatnonzero(np.diff(numbers)) + 1), len(numbers)]):
            block = self.blocks[numbers[start]]
            rows = images[start:end] - block.images.start
            pieces.append(self.runner.frontier.tensors(block, rows, masks[start:end]))
            block.let_go()
        return [np.concatenate(arrays) for arrays in zip(*pieces, strict=True)]

    @property
    def _all_known(self) -> list[tuple[Mask, Predictions]]:
        return [*self._unpruned, *self._last]


def predict(sets: Sequence[MaskedImages], silenced: Mask, reporter: Reporter = SILENT) -> list[Predictions]:
    """Classes of some image sets of one network, each (N,), with the channels of ``silenced`` (channels,) silent."""
    if unknown := [each for each in sets if each.known(silenced) is None]:
        predict_states(unknown, [silenced], reporter)
    return [found for each in sets if (found := each.known(silenced)) is not None]


def predict_states(
    sets: Sequence[MaskedImages], states: Sequence[Mask], reporter: Reporter = SILENT
) -> list[Predictions]:
    """Classes of some image sets of one network in several states at once.

    Only images for which a changed channel fires are evaluated again; for all others nothing at the cut changes.

    Args:
        sets: the image sets.
        states: masks (channels,) of silent channels, each with all those of the one before.
        reporter: receives progress where this takes longer than a second; is asked whether to stop.

    Returns:
        For every set an array (len(states), N).
    """
    reporter.checkpoint()
    asked = [_Asked(images, states) for images in sets]
    jobs = [(each, block) for each in asked for block in each.images.blocks]
    progress = SlowProgress(reporter, "channel sums", sum(len(block.fires) for _, block in jobs), "images")
    with (
        _one_thread().limit(limits=1),
        done_in_order(lambda job: job[0].decide(job[1], reporter), jobs, cores()) as results,
    ):
        for (_, block), _ in zip(jobs, results, strict=True):
            progress.advance(len(block.fires))
    rest = [(each, some) for each in asked for some in each.undecided()]
    progress = SlowProgress(reporter, "predictions", sum(len(images) for _, (images, _) in rest), "images")
    with done_in_order(lambda job: job[0].decide_whole(*job[1]), rest) as results:
        for (_, (images, _)), _ in zip(rest, results, strict=True):
            progress.advance(len(images))
    # Together, and only now: a stop in the middle leaves what was known before.
    return [each.finished() for each in asked]


class _Asked:
    """The states of one image set while their classes are found."""

    def __init__(self, images: MaskedImages, states: Sequence[Mask]) -> None:
        self.images = images
        self._states = states
        self._masks = np.stack(states)
        self._found = np.full((len(states), len(images.fires)), _AS_BEFORE, np.int64)
        mask, self._before = images.nearest(states[0])
        first = None if mask is None else states[0] ^ mask
        self._changed = [first, *(after ^ before for before, after in pairwise(states))]
        # With all channels silent, all images are one to a back that reads nothing else.
        self._class_of_silence: int | None = None
        if states[-1].all() and images.runner.carries_everything:
            some = np.zeros(1, int), np.full(1, len(states) - 1)
            self._class_of_silence = int(images.runner.back(1, lambda rows: self._tensors(*some))[0])

    def decide(self, block: FrontierBlock, reporter: Reporter) -> None:
        """Fill in what the shorter way can decide of a block, and mark what is left to the whole back.

        Raises:
            Interrupted: the reporter requested a stop; it is asked in this thread.
        """
        rows = [self._touched(block, channels) for channels in self._changed]
        found = self._found[:, block.images]
        for state, touched in enumerate(rows):
            found[state, touched] = _UNDECIDED
        states = self._states
        if self._class_of_silence is not None:
            found[-1, rows.pop()] = self._class_of_silence
            states = states[:-1]
        way = self.images.runner.shorter_way
        if way is not None and self._is_shorter(way, block, states, rows):
            self._sum(way, block, states, rows, reporter)
        block.let_go()

    def undecided(self) -> list[tuple[NDArray[np.intp], NDArray[np.intp]]]:
        """What is left to the whole back: numbers of images and of states, as many at once as it takes."""
        # Image by image, so that those of one block stand together.
        images, states = np.nonzero((self._found == _UNDECIDED).T)
        starts = range(0, len(images), self.images.runner.back_batch_size)
        some = [slice(start, start + starts.step) for start in starts]
        return [(images[part], states[part]) for part in some]

    def decide_whole(self, images: NDArray[np.intp], states: NDArray[np.intp]) -> None:
        """Compute the classes of images in states by the whole back."""
        self._found[states, images] = self.images.runner.back(
            len(images), lambda rows: self._tensors(images[rows], states[rows])
        )

    def _tensors(self, images: NDArray[np.intp], states: NDArray[np.intp]) -> list[Array]:
        """The tensors of the frontier of images in states."""
        return self.images.tensors(images, self._masks[states])

    def finished(self) -> Predictions:
        """The classes in all states, known to the image set from now on."""
        before = self._before
        for found in self._found:
            if before is not None:
                np.copyto(found, before, where=found == _AS_BEFORE)
            before = found
        self.images.keep(self._states, self._found)
        return self._found

    @staticmethod
    def _touched(block: FrontierBlock, channels: Mask | None) -> NDArray[np.intp]:
        """The images of a block for which any of the channels fires; all, where nothing is known before."""
        if channels is None:
            return np.arange(len(block.fires))
        return np.flatnonzero(block.fires[:, channels].any(axis=1))

    def _is_shorter(
        self, way: SummedShares, block: FrontierBlock, states: Sequence[Mask], rows: Sequence[NDArray[np.intp]]
    ) -> bool:
        """Whether the shorter way is: what the last state leaves has to be summed up first, for all of the block."""
        asked = sum(map(len, rows))
        shares = int(np.diff(block.starts)[~states[-1]].sum()) if asked else 0
        by_sums = shares * way.work_of_a_share + asked * way.work_of_a_state
        return bool(by_sums < asked * self.images.runner.work_of_the_whole_back)

    def _sum(
        self,
        way: SummedShares,
        block: FrontierBlock,
        states: Sequence[Mask],
        rows: Sequence[NDArray[np.intp]],
        reporter: Reporter,
    ) -> None:
        try:
            decided = way.decide(block, states, rows, reporter)
        except Exception as problem:
            refuse_lost_device(problem)
            if not is_out_of_memory(problem):
                raise
            # The whole back needs less, and halves its batches.
            self.images.runner.do_without_sums()
            return
        found = self._found[:, block.images]
        for state, (touched, decision) in enumerate(zip(rows, decided, strict=True)):
            found[state, touched] = np.where(decision.certain, decision.classes, _UNDECIDED)


@cache
def _one_thread() -> ThreadpoolController:
    """Lets a product in numpy take one thread: the others are busy with other images."""
    return ThreadpoolController().select(user_api="blas")
