"""The pruning defence in one call, for scripts: a curve and its thresholds from a model and images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bdtui.engine.evaluation.evaluator import PruningSession
from bdtui.engine.evaluation.excitation import Trigger, excite
from bdtui.engine.event_values import Threshold
from bdtui.engine.inputs.datasets import LabelledImages
from bdtui.engine.inputs.model import OpenedModel
from bdtui.engine.network.channels import find_source
from bdtui.engine.pruning.curve import Step, draw_curve, find_threshold
from bdtui.engine.pruning.rankings import order_channels
from bdtui.engine.reporter import SILENT, Reporter
from bdtui.engine.settings import CLEAN_VALID, DEFAULT_RANKING, DEFAULT_THRESHOLDS, POISONED_VALID, check_thresholds


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
    ranking: str = DEFAULT_RANKING,
    thresholds: Sequence[float] = DEFAULT_THRESHOLDS,
    seed: int = 0,
    batch_size: int | None = None,
    triggers: Sequence[Trigger] = (),
    reporter: Reporter = SILENT,
) -> PruningResult:
    """Prune a BadNet channel by channel, in ascending mean activation over clean validation images.

    Args:
        model: the BadNet B.
        clean_valid: D_valid; decides the order and the thresholds.
        poisoned_valid: triggered images with the attacker's labels; only measured, decides nothing.
        layer: the layer whose activations are read, e.g. ``pool_3``; None for the default.
        ranking: a name of `bdtui.engine.pruning.rankings.RANKINGS`.
        thresholds: drops of clean accuracy, in percentage points above 0 and up to 100.
        seed: for rankings that draw lots.
        batch_size: rows computed at once; None chooses by the size of the network's tensors.
        triggers: reversed ones, for the ranking ``trigger-excitation``, such as
            ``Examination(model, CleanPictures.of_set(clean_valid)).first_triggers()`` (`bdtui.engine.detect`).
        reporter: receives progress; is asked whether to stop.

    Returns:
        Order, curve (channels + 1 steps) and thresholds; rates are exact counts with ``percent`` 0–100.

    Raises:
        ModelError: the layer does not exist or cannot be pruned soundly.
        DataError: an image cannot be read or is not finite.
        OptionError: a threshold is out of range, there is no such ranking, or it needs triggers.
        Interrupted: the reporter requested a stop.

    References:
        K. Liu, B. Dolan-Gavitt, S. Garg, "Fine-Pruning: Defending Against Backdooring Attacks on Deep Neural
        Networks", RAID 2018. T. Gu, B. Dolan-Gavitt, S. Garg, "BadNets: Identifying Vulnerabilities in the Machine
        Learning Model Supply Chain", 2017.
    """
    drops = check_thresholds(thresholds)
    data = {CLEAN_VALID: clean_valid}
    if poisoned_valid is not None:
        data[POISONED_VALID] = poisoned_valid
    source = find_source(model.network, layer)
    session = PruningSession(model, source, data, batch_size=batch_size, reporter=reporter)
    if triggers:
        excite(session, triggers, reporter)
    order = order_channels(session, ranking, seed)
    curve = tuple(draw_curve(session, order, reporter))
    found = tuple(find_threshold(curve, order, Threshold(drop)) for drop in drops)
    return PruningResult(session, tuple(order), curve, found)
