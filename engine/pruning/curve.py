"""The pruning defence: silence channels one by one and see what that does to accuracy and attack success.

A `PruningSession` answers for any set of silenced channels; `draw_curve` walks through them in order.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import keras
import numpy as np
from numpy.typing import NDArray

from bdtui.engine.errors import OptionError
from bdtui.engine.evaluation.channel_profile import ChannelStatistics, profile_images
from bdtui.engine.evaluation.cut_runner import CutRunner
from bdtui.engine.evaluation.predictions import MaskedImages, Predictions, predict, predict_states
from bdtui.engine.evaluation.rates import Rates, Share, share_equal
from bdtui.engine.events import SILENT, Notice, Reporter
from bdtui.engine.inputs.datasets import LabelledImages
from bdtui.engine.inputs.model import OpenedModel, copy_model
from bdtui.engine.machine.array_store import ActivationStore, default_budget
from bdtui.engine.measurements import GOODNET, PRUNED, Measured, Measurement
from bdtui.engine.network.channels import check_channels, find_source, silence, silent_channels, weight_norms
from bdtui.engine.network.cut import cut_network
from bdtui.engine.network.graph import trace_network
from bdtui.engine.pruning.rankings import RankingInput, rank_channels
from bdtui.engine.settings import CLEAN_VALID, DEFAULT_RANKING, DEFAULT_THRESHOLDS, POISONED_VALID

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

    def order(self, ranking: str = DEFAULT_RANKING, seed: int = 0) -> list[int]:
        """The pruning order that a ranking gives; see `bdtui.engine.pruning.rankings`."""
        statistics = self.statistics[CLEAN_VALID]
        return rank_channels(ranking, RankingInput(statistics, self.weight_norms, seed))

    def predict(self, role: str, silenced: Collection[int], reporter: Reporter = SILENT) -> Predictions:
        """Classes of an image set, shape (N,), with some channels silent: those of the saved B′, one by one."""
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


def silenced_copy(model: keras.Model, layer: str, channels: Collection[int]) -> keras.Model:
    """A copy of a model in which some channels of a layer are silenced in the weights.

    Args:
        model: Functional or Sequential, untouched.
        layer: name of the layer whose channels are meant, e.g. ``pool_3``; the weighted layer behind it changes.
        channels: indices of the channels.

    Raises:
        ModelError: the layer does not exist or cannot be pruned soundly, or a channel is out of range.
    """
    copy = copy_model(model)
    source = find_source(trace_network(copy), layer)
    silence(source, channels)
    return copy


@dataclass(frozen=True)
class Step:
    """The network after the first ``step`` channels of the order were silenced; step 0 is the BadNet itself.

    Attributes:
        step: how many channels are silent by pruning.
        channel: the one that went last; None at step 0.
        fraction: ``step`` ÷ channels, 0–1.
        rates: on the validation sets.
    """

    step: int
    channel: int | None
    fraction: float
    rates: Rates


@dataclass(frozen=True)
class Threshold:
    """What a tolerated drop of clean validation accuracy led to.

    Attributes:
        drop: in percentage points.
        step: the first step at or past the drop; None when no step fell that far.
        channels: those silent at that step, in pruning order.
        rates: on the validation sets at that step.
    """

    drop: float
    step: int | None
    channels: tuple[int, ...] = ()
    rates: Rates | None = None


def draw_curve(session: PruningSession, order: Sequence[int], reporter: Reporter = SILENT) -> Iterator[Step]:
    """Walk through the steps of a pruning order, from step 0 to the last channel."""
    for step in range(len(order) + 1):
        session.measure_steps(order, step, reporter)
        yield _step(session, order, step)


def known_steps(session: PruningSession, order: Sequence[int], first: int) -> Iterator[Step]:
    """The steps of a pruning order from the ``first`` on that are measured already, up to one that is not."""
    for step in range(first, len(order) + 1):
        if not session.knows_rates("valid", order[:step]):
            return
        yield _step(session, order, step)


def _step(session: PruningSession, order: Sequence[int], step: int) -> Step:
    rates = session.rates("valid", order[:step])
    return Step(step, order[step - 1] if step else None, step / session.channels, rates)


def has_dropped(baseline: Share, now: Share, drop: float) -> bool:
    """Whether accuracy fell by at least ``drop`` percentage points, without rounding."""
    return Fraction(100 * (baseline.hits - now.hits), baseline.images) >= Fraction(repr(float(drop)))


def check_thresholds(drops: Sequence[float]) -> tuple[float, ...]:
    """The drops in ascending order, each once.

    Raises:
        OptionError: one is not a number above 0 and at most 100.
    """
    if not drops:
        raise OptionError("no threshold was given; expected percentage points above 0, up to 100")
    for drop in drops:
        if not 0 < drop <= 100:
            raise OptionError(f"threshold {drop:g} makes no sense; expected percentage points above 0, up to 100")
    return tuple(sorted({float(drop) for drop in drops}))


@dataclass(frozen=True)
class PruningResult:
    """A pruning run on the validation sets.

    Attributes:
        session: answers further questions, and makes the pruned models.
        order: the channels in pruning order.
        curve: step 0 first.
        thresholds: in ascending order of the drop.
    """

    session: PruningSession
    order: tuple[int, ...]
    curve: tuple[Step, ...]
    thresholds: tuple[Threshold, ...]


def prune(
    model: OpenedModel,
    clean_valid: LabelledImages,
    poisoned_valid: LabelledImages | None = None,
    *,
    layer: str | None = None,
    scale: float = 1,
    ranking: str = DEFAULT_RANKING,
    thresholds: Sequence[float] = DEFAULT_THRESHOLDS,
    seed: int = 0,
    batch_size: int | None = None,
    reporter: Reporter = SILENT,
) -> PruningResult:
    """Prune a BadNet channel by channel, in ascending mean activation over clean validation images.

    Args:
        model: the BadNet B.
        clean_valid: D_valid; decides the order and the thresholds.
        poisoned_valid: triggered images with the attacker's labels; only measured, decides nothing.
        layer: the layer whose activations are read, e.g. ``pool_3``; None for the default.
        scale: pixels are divided by this before they reach the network.
        ranking: a name of `bdtui.engine.pruning.rankings.RANKINGS`.
        thresholds: drops of clean accuracy, in percentage points above 0 and up to 100.
        seed: for rankings that draw lots.
        batch_size: rows computed at once; None chooses by the size of the network's tensors.
        reporter: hears progress, is asked whether to stop.

    Returns:
        Order, curve (channels + 1 steps) and thresholds; rates are exact counts with ``percent`` 0–100.

    Raises:
        ModelError: the layer does not exist or cannot be pruned soundly.
        DataError: an image cannot be read or is not finite.
        OptionError: a threshold or the ranking makes no sense.
        Interrupted: the reporter was told to stop.

    References:
        K. Liu, B. Dolan-Gavitt, S. Garg, "Fine-Pruning: Defending Against Backdooring Attacks on Deep Neural
        Networks", RAID 2018. T. Gu, B. Dolan-Gavitt, S. Garg, "BadNets: Identifying Vulnerabilities in the Machine
        Learning Model Supply Chain", 2017.
    """
    drops = check_thresholds(thresholds)
    data = {CLEAN_VALID: clean_valid}
    if poisoned_valid is not None:
        data[POISONED_VALID] = poisoned_valid
    session = PruningSession(model, data, layer=layer, scale=scale, batch_size=batch_size, reporter=reporter)
    order = session.order(ranking, seed)
    curve = tuple(draw_curve(session, order, reporter))
    return PruningResult(session, tuple(order), curve, tuple(find_threshold(curve, order, drop) for drop in drops))


def find_threshold(curve: Sequence[Step], order: Sequence[int], drop: float) -> Threshold:
    """The first step of a curve at or past a drop of clean accuracy, in percentage points."""
    baseline = curve[0].rates.clean
    for step in curve:
        if baseline and step.rates.clean and has_dropped(baseline, step.rates.clean, drop):
            return Threshold(drop, step.step, tuple(order[: step.step]), step.rates)
    return Threshold(drop, None)
