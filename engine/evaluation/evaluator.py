"""What a network with some channels silent predicts, and the rates of that."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from bdtui.engine.evaluation.channel_profile import ChannelStatistics, profile_images
from bdtui.engine.evaluation.counting import count_rates
from bdtui.engine.evaluation.cut_runner import CutRunner
from bdtui.engine.evaluation.excitation import Excitation
from bdtui.engine.evaluation.measurements import GOODNET, PRUNED, Evaluator, Measurement
from bdtui.engine.evaluation.predictions import MaskedImages, Predictions, predict, predict_states
from bdtui.engine.events import Notice, Progress
from bdtui.engine.inputs.datasets import LabelledImages
from bdtui.engine.inputs.model import OpenedModel
from bdtui.engine.machine.array_store import ArrayStore, default_budget
from bdtui.engine.network.channels import ChannelSource, check_channels, silent_channels, weight_norms
from bdtui.engine.network.copies import copy_with_pruned
from bdtui.engine.network.cut import cut_network
from bdtui.engine.network.pruned_channels import PrunedChannels, along
from bdtui.engine.rates import Rates
from bdtui.engine.reporter import SILENT, Reporter
from bdtui.engine.settings import CLEAN_VALID

WORK_AT_ONCE = 2 * 10**11
"""Multiplications of a stretch of steps: about two seconds on two cores."""

_MOST_PREDICTIONS = 2**23
"""Predictions that are held at once."""


class PruningSession(Evaluator):
    """A BadNet, one of its layers, and image sets, profiled and ready for any mask.

    Args:
        model: the BadNet B.
        source: the channels of the model that are pruned (`bdtui.engine.network.channels.find_source`).
        data: image sets by role (`bdtui.engine.settings.ROLES`); ``clean_valid`` is needed.
        batch_size: rows computed at once; None chooses by the size of the network's tensors.
        memory_budget: bytes of activations kept in memory before a file is used; None for a quarter of what is free.
        scratch: folder of that file, which has no name there; None for the system's temporary folder.
        shorter_way: through the back, where the graph allows it (`bdtui.engine.incremental.channel_sums`).
        reporter: receives progress; may stop the work between batches.

    Attributes:
        excitation: what reversed triggers do to the channels; None until somebody has measured it (`excite`).

    Raises:
        DataError: an image cannot be read or is not finite.
        OutOfMemory: memory does not suffice for a single image.
        Interrupted: the reporter requested a stop, or the GPU does not answer any more.
    """

    def __init__(
        self,
        model: OpenedModel,
        source: ChannelSource,
        data: Mapping[str, LabelledImages],
        *,
        batch_size: int | None = None,
        memory_budget: int | None = None,
        scratch: Path | None = None,
        shorter_way: bool = True,
        reporter: Reporter = SILENT,
    ) -> None:
        super().__init__()
        self.model = model
        self.data = dict(data)
        self.source = source
        self.channels = source.channels
        runner = CutRunner(
            cut_network(model.network, source),
            self.data[CLEAN_VALID].image_shape,
            batch_size,
            shorter_way=shorter_way,
            notify=lambda sentence: reporter.emit(Notice(sentence)),
            checkpoint=reporter.checkpoint,
        )
        store = ArrayStore(default_budget() if memory_budget is None else memory_budget, scratch)
        self.excitation: Excitation | None = None
        self.statistics: dict[str, ChannelStatistics] = {}
        self._masked: dict[str, MaskedImages] = {}
        self._runner = runner
        for role, images in self.data.items():
            with images.reader() as read:
                profiled = profile_images(runner, read, images.images, store, reporter, role.replace("_", " "))
            self.statistics[role] = profiled.statistics
            self._masked[role] = MaskedImages(runner, profiled)

    @property
    def weight_norms(self) -> NDArray[np.float64]:
        """L1 norm of the kernel that makes, or reads, each channel, shape (channels,)."""
        return weight_norms(self.source)

    @property
    def pruned_value(self) -> float:
        """What pruned channels hold where they are read, the value farthest from 0: 0 mostly, ½ behind a sigmoid."""
        held = np.concatenate([values.ravel() for values in self._runner.frontier.silent])
        return float(held[np.abs(held).argmax()])

    def first_images(self, role: str, number: int) -> NDArray[np.float32]:
        """The first images of a set as the network reads them, at most ``number``."""
        return next(self.data[role].batches(number))

    def mean_activation(
        self,
        images: NDArray[np.float32],
        change: Callable[[NDArray[np.float32]], NDArray[np.float32]] = lambda images: images,
        reporter: Reporter = SILENT,
    ) -> NDArray[np.float64]:
        """Of each channel of the profiled layer over other images, and all positions, shape (channels,).

        Args:
            images: as the network reads them, shape (n, …), n ≥ 1.
            change: is made to each batch of them first.
            reporter: receives progress; is asked whether to stop.

        Raises:
            Interrupted: the reporter requested a stop.
        """
        sums = np.zeros(self.channels)
        for start in range(0, len(images), self._runner.batch_size):
            reporter.checkpoint()
            some = images[start : start + self._runner.batch_size]
            sums += self._runner.front(change(some)).activation_sums
            reporter.emit(Progress("excitation", start + len(some), len(images), "images"))
        return sums / len(images)

    def scores(
        self, role: str, images: NDArray[np.intp], pruned: Collection[int], reporter: Reporter = SILENT
    ) -> NDArray[np.floating[Any]]:
        """Scores of all classes, shape (images, N), of a few images by their numbers, with some channels pruned."""
        masks = np.broadcast_to(self._mask(pruned), (len(images), self.channels))
        return self._runner.back_scores(self._masked[role].tensors(images, masks), reporter.checkpoint)

    def silent_from_the_start(self) -> list[int]:
        """Channels whose weights are zero in the model as it was opened."""
        return [int(channel) for channel in np.flatnonzero(silent_channels(self.source))]

    def predict(self, role: str, pruned: Collection[int], reporter: Reporter = SILENT) -> Predictions:
        """Classes of an image set, shape (N,), with some channels pruned: those of the saved B′, one by one.

        Where rounding lets B′ give an image several classes, one for each batch size, it is one of these.
        """
        return self._predict([role], pruned, reporter)[role]

    def predict_goodnet(self, role: str, pruned: Collection[int], reporter: Reporter = SILENT) -> Predictions:
        """Classes, shape (N,), that G gives: that of B and B′ where they agree, else the number of classes."""
        return self._predict_goodnet([role], pruned, reporter)[role]

    def measure(self, measurement: Measurement, reporter: Reporter) -> Rates:
        """See `Evaluator.measure`."""
        classes_of = self._predict_goodnet if measurement.network == GOODNET else self._predict
        return self._rates(measurement.part, classes_of(self._roles(measurement.part), measurement.pruned, reporter))

    def measure_steps(
        self, order: Sequence[int], first: int, reporter: Reporter = SILENT, most: int = WORK_AT_ONCE
    ) -> None:
        """Measure a stretch of steps of an order on the ``valid`` image sets, unless the ``first`` of them is known.

        Together they take a fraction of what each of them would. The stretch ends where a step is known, where it
        takes ``most`` multiplications or, on a large network, a few times what it takes to begin one, or where the
        predictions need too much room.
        """
        steps = along(order)
        if self.known_rates("valid", steps[first]) is not None:
            return
        roles = self._roles("valid")
        images = sum(self.data[role].images for role in roles)
        most = max(most, 2 * self._runner.work_to_begin * images)
        last = first
        work = 0
        while last < len(order) and self.known_rates("valid", steps[last + 1]) is None:
            evaluations = sum(self._masked[role].evaluations(order[last]) for role in roles)
            work += evaluations * self._runner.work_of_a_state
            if work > most or (last - first + 1) * images > _MOST_PREDICTIONS:
                break
            last += 1
        stretch = steps[first : last + 1]
        check_channels(self.source, stretch[-1])
        states = [self._mask(stretch[0])]
        for channel in order[first:last]:
            states.append(states[-1].copy())
            states[-1][channel] = True
        predictions = predict_states([self._masked[role] for role in roles], states, reporter)
        for row, pruned in enumerate(stretch):
            found = {role: classes[row] for role, classes in zip(roles, predictions, strict=True)}
            self.measured[Measurement(PRUNED, "valid", pruned)] = self._rates("valid", found)

    def _roles(self, part: str) -> list[str]:
        return [role for role in self.data if role.endswith(part)]

    def _mask(self, pruned: Collection[int]) -> NDArray[np.bool_]:
        check_channels(self.source, pruned)
        return PrunedChannels.of(pruned).mask(self.channels)

    def _predict(self, roles: Sequence[str], pruned: Collection[int], reporter: Reporter) -> dict[str, Predictions]:
        found = predict([self._masked[role] for role in roles], self._mask(pruned), reporter)
        return dict(zip(roles, found, strict=True))

    def _predict_goodnet(
        self, roles: Sequence[str], pruned: Collection[int], reporter: Reporter
    ) -> dict[str, Predictions]:
        masked = self._predict(roles, pruned, reporter)
        unpruned = self._predict(roles, (), reporter)
        return {role: np.where(masked[role] == unpruned[role], masked[role], self.model.classes) for role in roles}

    def _rates(self, part: str, predictions: Mapping[str, Predictions]) -> Rates:
        return count_rates(part, predictions, self.data, self.model.classes)

    def pruned_model(self, pruned: Collection[int]) -> keras.Model:
        """B′: a copy of the model with the weights of some channels set to zero."""
        return copy_with_pruned(self.model.keras_model, self.source, pruned)
