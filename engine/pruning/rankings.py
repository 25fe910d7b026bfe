"""In which order channels are pruned. A new ranking is an entry in `RANKINGS`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from bdtui.engine.errors import OptionError
from bdtui.engine.settings import CLEAN_VALID, DEFAULT_RANKING

if TYPE_CHECKING:
    from bdtui.engine.evaluation.channel_profile import ChannelStatistics
    from bdtui.engine.evaluation.evaluator import PruningSession


@dataclass(frozen=True)
class RankingInput:
    """What a ranking may look at; nothing of it comes from poisoned or test data.

    Attributes:
        statistics: of the profiled layer over the clean validation images.
        weight_norms: L1 norm of the kernel that makes, or reads, each channel, shape (channels,).
        seed: of the run.
    """

    statistics: ChannelStatistics
    weight_norms: NDArray[np.float64]
    seed: int


@dataclass(frozen=True)
class Ranking:
    """A way to order channels.

    Attributes:
        description: which channels go first, for a person.
        score: gives each channel a number, shape (channels,); the lowest goes first.
    """

    description: str
    score: Callable[[RankingInput], NDArray[np.floating]]


RANKINGS: dict[str, Ranking] = {
    # Liu, Dolan-Gavitt, Garg 2018: channels that stay inactive on clean data go first.
    "mean-activation": Ranking(
        "lowest mean activation on clean validation images", lambda given: given.statistics.mean_activation
    ),
    "max-activation": Ranking("lowest largest activation", lambda given: given.statistics.max_activation),
    "firing-share": Ranking("firing on the fewest clean images", lambda given: given.statistics.firing_share),
    # Li et al. 2017 (filter pruning): the smallest kernels go first, whatever they do on data.
    "weight-norm": Ranking("smallest kernel, whatever it does on images", lambda given: given.weight_norms),
    # The control: what pruning as many channels does without any knowledge.
    "random": Ranking(
        "random order (baseline)", lambda given: np.random.default_rng(given.seed).random(len(given.weight_norms))
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
    return rank_channels(ranking, RankingInput(session.statistics[CLEAN_VALID], session.weight_norms, seed))
