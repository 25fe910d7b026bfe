"""What a network with some channels silent predicts, and the rates of that."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path

import keras
import numpy as np
from numpy.typing import NDArray

from bdtui.engine.evaluation.channel_profile import ChannelStatistics, profile_images
from bdtui.engine.evaluation.cut_runner import CutRunner
from bdtui.engine.evaluation.predictions import MaskedImages, Predictions, predict, predict_states
from bdtui.engine.evaluation.rates import GOODNET, PRUNED, Measured, Measurement, Rates, Share, share_equal
from bdtui.engine.events import Notice
from bdtui.engine.inputs.datasets import LabelledImages
from bdtui.engine.inputs.model import OpenedModel
from bdtui.engine.machine.array_store import ActivationStore, default_budget
from bdtui.engine.network.channels import check_channels, find_source, silent_channels, weight_norms
from bdtui.engine.network.copies import silenced_copy
from bdtui.engine.network.cut import cut_network
from bdtui.engine.reporter import SILENT, Reporter
from bdtui.engine.settings import CLEAN_VALID

_Predict = Callable[[Sequence[str], Collection[int], Reporter], dict[str, Predictions]]
WORK_AT_ONCE = 2 * 10**11
"""Multiplications of a stretch of steps: about two seconds on two cores."""


_MOST_PREDICTIONS = 2**23
"""Predictions that are held at once."""


class PruningSession:
    """A BadNet, one of its layers, and image sets, profiled and ready for any mask.

    Args:
        model: the BadNet B.
        data: image sets by role (`bdtui.engine.settings.ROLES`); ``clean_valid`` is needed.
        layer: name of the profiled layer; None for the default.
        scale: pixels are divided by this.
        batch_size: rows computed at once; None chooses by the size of the network's tensors.
        memory_budget: bytes of activations kept in memory before a file is used; None for a quarter of what is free.
        scratch: folder of that file, which has no name there; None for the system's temporary folder.
        shorter_way: through the back, where the graph allows it (`bdtui.engine.incremental.channel_sums`).
        reporter: hears progress, is asked whether to stop.

    Raises:
        ModelError: the layer does not exist or cannot be pruned soundly.
        DataError: an image cannot be read or is not finite.
        OutOfMemory: memory does not suffice for a single image.
        Interrupted: the reporter was told to stop, or the GPU does not answer any more.
    """

    def __init__(
        self,
        model: OpenedModel,
        data: Mapping[str, LabelledImages],
        *,
        layer: str | None = None,
        scale: float = 1,
        batch_size: int | None = None,
        memory_budget: int | None = None,
        scratch: Path | None = None,
        shorter_way: bool = True,
        reporter: Reporter = SILENT,
    ) -> None:
        self.model = model
        self.data = dict(data)
        self.scale = scale
        self.source = find_source(model.network, layer)
        cut = cut_network(model.network, self.source)
        runner = CutRunner(
            cut,
            self.data[CLEAN_VALID].image_shape,
            batch_size,
            shorter_way=shorter_way,
            tell=lambda sentence: reporter.emit(Notice(sentence)),
        )
        store = ActivationStore(default_budget() if memory_budget is None else memory_budget, scratch)
        self.statistics: dict[str, ChannelStatistics] = {}
        self._masked: dict[str, MaskedImages] = {}
        self._runner = runner
        self.measured: Measured = {}
        for role, images in self.data.items():
            with images.reader(scale) as read:
                profiled = profile_images(runner, read, images.images, store, reporter, role.replace("_", " "))
            self.statistics[role] = profiled.statistics
            self._masked[role] = MaskedImages(runner, profiled)

    @property
    def channels(self) -> int:
        """How many channels the profiled layer has."""
        return self.source.channels

    @property
    def weight_norms(self) -> NDArray[np.float64]:
        """L1 norm of the kernel that makes each channel, shape (channels,)."""
        return weight_norms(self.source)

    def first_images(self, role: str, number: int) -> NDArray[np.float32]:
        """The first images of a set as the network reads them, at most ``number``."""
        return next(self.data[role].batches(number, self.scale))

    def silent_from_the_start(self) -> list[int]:
        """Channels whose weights are zero in the model as it was opened."""
        return [int(channel) for channel in np.flatnonzero(silent_channels(self.source))]

    def predict(self, role: str, silenced: Collection[int], reporter: Reporter = SILENT) -> Predictions:
        """Classes of an image set, shape (N,), with some channels silent: those of the saved B′, one by one.

        Where rounding lets B′ give an image several classes, one for each batch size, it is one of these.
        """
        return self._predict([role], silenced, reporter)[role]

    def rates(self, part: str, silenced: Collection[int] = (), reporter: Reporter = SILENT) -> Rates:
        """Rates of B′ with some channels silent, on the ``valid`` or the ``test`` image sets.

        What was measured once is known from then on, so that undoing and jumping back cost nothing.
        """
        return self._measure(Measurement(PRUNED, part, frozenset(silenced)), self._predict, reporter)

    def measure_steps(
        self, order: Sequence[int], first: int, reporter: Reporter = SILENT, most: int = WORK_AT_ONCE
    ) -> None:
        """Measure a stretch of steps of an order on the ``valid`` image sets, unless the ``first`` of them is known.

        Together they take a fraction of what each of them would. The stretch ends where a step is known, where it
        takes ``most`` multiplications or, on a large network, a few times what it takes to begin one, or where the
        predictions need too much room.
        """
        if self.knows_rates("valid", order[:first]):
            return
        roles = self._roles("valid")
        images = sum(self.data[role].images for role in roles)
        most = max(most, 2 * self._runner.work_to_begin * images)
        steps = [first]
        work = 0
        while steps[-1] < len(order) and not self.knows_rates("valid", order[: steps[-1] + 1]):
            evaluations = sum(self._masked[role].evaluations(order[steps[-1]]) for role in roles)
            work += evaluations * self._runner.work_of_a_state
            if work > most or len(steps) * images > _MOST_PREDICTIONS:
                break
            steps.append(steps[-1] + 1)
        states = [self._mask(order[:step]) for step in steps]
        predictions = predict_states([self._masked[role] for role in roles], states, reporter)
        for row, step in enumerate(steps):
            found = {role: classes[row] for role, classes in zip(roles, predictions, strict=True)}
            self.measured[Measurement(PRUNED, "valid", frozenset(order[:step]))] = self._rates("valid", found)

    def knows_rates(self, part: str, silenced: Collection[int]) -> bool:
        """Whether `rates` has measured this before."""
        return Measurement(PRUNED, part, frozenset(silenced)) in self.measured

    def keep_measured_in(self, book: Measured) -> None:
        """Keep what was and will be measured in ``book``; what it holds already is not measured again."""
        for measurement, rates in self.measured.items():
            book.setdefault(measurement, rates)
        self.measured = book

    def predict_goodnet(self, role: str, silenced: Collection[int], reporter: Reporter = SILENT) -> Predictions:
        """Classes, shape (N,), that G gives: that of B and B′ where they agree, else the number of classes."""
        return self._predict_goodnet([role], silenced, reporter)[role]

    def goodnet_rates(self, part: str, silenced: Collection[int], reporter: Reporter = SILENT) -> Rates:
        """Rates of the GoodNet of B and of B′ with some channels silent, on ``valid`` or ``test`` image sets.

        What was measured once is known from then on.
        """
        return self._measure(Measurement(GOODNET, part, frozenset(silenced)), self._predict_goodnet, reporter)

    def _measure(self, measurement: Measurement, classes_of: _Predict, reporter: Reporter) -> Rates:
        if measurement not in self.measured:
            found = classes_of(self._roles(measurement.part), measurement.silenced, reporter)
            self.measured[measurement] = self._rates(measurement.part, found)
        return self.measured[measurement]

    def _roles(self, part: str) -> list[str]:
        return [role for role in self.data if role.endswith(part)]

    def _mask(self, silenced: Collection[int]) -> NDArray[np.bool_]:
        mask = np.zeros(self.channels, bool)
        mask[check_channels(self.source, silenced)] = True
        return mask

    def _predict(self, roles: Sequence[str], silenced: Collection[int], reporter: Reporter) -> dict[str, Predictions]:
        found = predict([self._masked[role] for role in roles], self._mask(silenced), reporter)
        return dict(zip(roles, found, strict=True))

    def _predict_goodnet(
        self, roles: Sequence[str], silenced: Collection[int], reporter: Reporter
    ) -> dict[str, Predictions]:
        pruned = self._predict(roles, silenced, reporter)
        unpruned = self._predict(roles, (), reporter)
        return {role: np.where(pruned[role] == unpruned[role], pruned[role], self.model.classes) for role in roles}

    def _rates(self, part: str, predictions: Mapping[str, Predictions]) -> Rates:
        clean, poisoned = f"clean_{part}", f"poisoned_{part}"
        measured: dict[str, Share] = {}
        extra = self.model.classes
        if clean in predictions:
            measured["clean"] = share_equal(predictions[clean], self.data[clean].labels)
            measured["clean_flagged"] = share_equal(predictions[clean], extra)
        if poisoned in predictions:
            images = self.data[poisoned]
            measured["attack"] = share_equal(predictions[poisoned], images.labels)
            measured["poisoned_flagged"] = share_equal(predictions[poisoned], extra)
            if images.true_labels is not None:
                measured["recovered"] = share_equal(predictions[poisoned], images.true_labels)
        return Rates(**measured)

    def pruned_model(self, silenced: Collection[int]) -> keras.Model:
        """B′: a copy of the model with the weights of some channels set to zero."""
        return silenced_copy(self.model.keras_model, self.source.profiled.name, silenced)
