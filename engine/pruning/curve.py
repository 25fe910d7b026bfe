"""The pruning defence: silence channels one by one and see what that does to accuracy and attack success.

A `PruningSession` answers for any set of silenced channels; `draw_curve` walks through them in order.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

from bdtui.engine.evaluation.evaluator import PruningSession
from bdtui.engine.evaluation.rates import Rates, Share
from bdtui.engine.inputs.datasets import LabelledImages
from bdtui.engine.inputs.model import OpenedModel
from bdtui.engine.pruning.rankings import order_channels
from bdtui.engine.reporter import SILENT, Reporter
from bdtui.engine.settings import CLEAN_VALID, DEFAULT_RANKING, DEFAULT_THRESHOLDS, POISONED_VALID, check_thresholds


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
    order = order_channels(session, ranking, seed)
    curve = tuple(draw_curve(session, order, reporter))
    return PruningResult(session, tuple(order), curve, tuple(find_threshold(curve, order, drop) for drop in drops))


def find_threshold(curve: Sequence[Step], order: Sequence[int], drop: float) -> Threshold:
    """The first step of a curve at or past a drop of clean accuracy, in percentage points."""
    baseline = curve[0].rates.clean
    for step in curve:
        if baseline and step.rates.clean and has_dropped(baseline, step.rates.clean, drop):
            return Threshold(drop, step.step, tuple(order[: step.step]), step.rates)
    return Threshold(drop, None)
