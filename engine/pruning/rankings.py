"""In which order channels are pruned. A new ranking is an entry in `RANKINGS`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from bdtui.engine.errors import OptionError
from bdtui.engine.settings import CLEAN_VALID, DEFAULT_RANKING, POISONED_VALID

if TYPE_CHECKING:
    from bdtui.engine.evaluation.channel_profile import ChannelStatistics
    from bdtui.engine.evaluation.evaluator import PruningSession
    from bdtui.engine.evaluation.excitation import Excitation

TRIGGER_EXCITATION = "trigger-excitation"


@dataclass(frozen=True)
class RankingInput:
    """What a ranking may look at; nothing of it comes from poisoned or test data.

    Attributes:
        statistics: of the profiled layer over the clean validation images.
        weight_norms: L1 norm of the kernel that makes, or reads, each channel, shape (channels,).
        seed: of the run.
        excitation: what reversed triggers do to the channels on clean validation images; None for rankings that do not
            need it.
    """

    statistics: ChannelStatistics
    weight_norms: NDArray[np.float64]
    seed: int
    excitation: Excitation | None = None


@dataclass(frozen=True)
class Ranking:
    """A way to order channels.

    Attributes:
        description: which channels go first, for a person.
        score: gives each channel a number, shape (channels,); the lowest goes first.
        score_name: what that number is, e.g. ``mean activation``.
        title: the same over a column, in at most eight characters.
        of_images: whether the number is another one on other images.
        needs_triggers: whether triggers have to be reversed first, which takes as long as a detection.
    """

    description: str
    score: Callable[[RankingInput], NDArray[np.floating]]
    score_name: str
    title: str
    of_images: bool = True
    needs_triggers: bool = False


def _excitation(given: RankingInput) -> NDArray[np.float64]:
    if given.excitation is None:
        raise OptionError(
            f"ranking {TRIGGER_EXCITATION} needs reversed triggers; pass `triggers` to prune, or call excite(session, triggers)"
        )
    return given.excitation.relative


RANKINGS: dict[str, Ranking] = {
    # Liu, Dolan-Gavitt, Garg 2018: channels that stay inactive on clean data go first.
    "mean-activation": Ranking(
        "lowest mean activation on clean validation images",
        lambda given: given.statistics.mean_activation,
        "mean activation",
        "mean",
    ),
    "max-activation": Ranking(
        "lowest largest activation", lambda given: given.statistics.max_activation, "largest activation", "max"
    ),
    "firing-share": Ranking(
        "firing on the fewest clean images", lambda given: given.statistics.firing_share, "share of images", "fires"
    ),
    # Li et al. 2017 (filter pruning): the smallest kernels go first, whatever they do on data.
    "weight-norm": Ranking(
        "smallest kernel, whatever it does on images",
        lambda given: given.weight_norms,
        "kernel norm (L1)",
        "kernel",
        of_images=False,
    ),
    # What a detector reversed on clean images stands in for the trigger that nobody has.
    TRIGGER_EXCITATION: Ranking(
        "excited most by a reversed trigger (takes as long as a detection)",
        _excitation,
        "lost under a trigger, of the clean mean",
        "excited",
        needs_triggers=True,
    ),
    # The control: what pruning as many channels does without any knowledge.
    "random": Ranking(
        "random order (baseline)",
        lambda given: np.random.default_rng(given.seed).random(len(given.weight_norms)),
        "random number",
        "random",
        of_images=False,
    ),
}


def check_ranking(ranking: str) -> None:
    """Raise `OptionError` where there is no ranking of that name."""
    if ranking not in RANKINGS:
        raise OptionError(f"there is no ranking {ranking!r}; expected one of {', '.join(RANKINGS)}")


def rank_channels(ranking: str, given: RankingInput) -> list[int]:
    """Channels in the order in which they are pruned: ascending score, of equals the lower index first.

    Raises:
        OptionError: there is no ranking of that name.
    """
    check_ranking(ranking)
    return [int(channel) for channel in np.argsort(RANKINGS[ranking].score(given), kind="stable")]


def order_channels(session: PruningSession, ranking: str = DEFAULT_RANKING, seed: int = 0) -> list[int]:
    """The order in which a ranking prunes the channels of a profiled layer.

    Raises:
        OptionError: there is no ranking of that name.
    """
    return rank_channels(ranking, _given(session, CLEAN_VALID, seed))


def channel_scores(
    session: PruningSession, ranking: str, seed: int = 0
) -> tuple[NDArray[np.floating], NDArray[np.floating] | None]:
    """What a ranking ranks the channels by, shape (channels,), and the same number on poisoned validation images.

    The latter is for looking at only, and None where there are no such images or the number is not of images. Of a ranking
    by reversed triggers, it is what the real trigger does to the channels.
    """
    entry = RANKINGS[ranking]
    clean = entry.score(_given(session, CLEAN_VALID, seed))
    if not entry.of_images or POISONED_VALID not in session.statistics:
        return clean, None
    return clean, entry.score(_given(session, POISONED_VALID, seed))


def _given(session: PruningSession, role: str, seed: int) -> RankingInput:
    statistics, excitation = session.statistics[role], session.excitation
    if excitation is not None and role != CLEAN_VALID:
        excitation = replace(excitation, stamped=statistics.mean_activation)
    return RankingInput(statistics, session.weight_norms, seed, excitation)
