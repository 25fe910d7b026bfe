"""Which channels of a layer are pruned, as a value: the one form of it from the key press to the journal."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate
from operator import index, or_
from typing import TYPE_CHECKING, SupportsIndex

from bdtui.engine.errors import ModelError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


_MOST_CHANNELS = 2**24


@dataclass(frozen=True, slots=True, eq=False)
class PrunedChannels(Collection[int]):
    """A set of channels, by index; equal sets are equal, in whatever order the channels were pruned.

    Attributes:
        bits: the bit of each channel in the set is 1; quick to hash, and to make from that of the step before.
    """

    bits: int = 0

    @classmethod
    def of(cls, channels: Iterable[int]) -> PrunedChannels:
        """The set of some channels.

        Raises:
            ModelError: no layer has such a channel.
        """
        if isinstance(channels, cls):
            return channels
        bits = 0
        for channel in channels:
            if not 0 <= channel < _MOST_CHANNELS:
                raise ModelError(f"there is no channel {channel}; expected one from 0 to {_MOST_CHANNELS - 1}")
            bits |= 1 << int(channel)
        return cls(bits)

    def mask(self, channels: int) -> NDArray[np.bool_]:
        """Whether each channel of a layer is pruned, shape (channels,)."""
        # Not above: the first paint of the app does not wait for it.
        import numpy as np

        mask = np.zeros(channels, bool)
        mask[list(self)] = True
        return mask

    # As `dataclass` would, without a tuple for each: thousands are looked up at every key press.
    def __eq__(self, other: object) -> bool:
        return self.bits == other.bits if isinstance(other, PrunedChannels) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.bits)

    def __contains__(self, channel: object) -> bool:
        return isinstance(channel, SupportsIndex) and index(channel) >= 0 and bool(self.bits >> index(channel) & 1)

    def __iter__(self) -> Iterator[int]:
        """In ascending order."""
        return (index for index, bit in enumerate(reversed(f"{self.bits:b}")) if bit == "1")

    def __len__(self) -> int:
        return self.bits.bit_count()


def along(order: Sequence[int]) -> tuple[PrunedChannels, ...]:
    """What is pruned at steps 0, 1, 2 … of a pruning order; remembered for the last few orders."""
    # Integers of Python: numpy's are equal to them, but have 64 bits.
    return _along(tuple(map(int, order)))


@lru_cache(maxsize=4)
def _along(order: tuple[int, ...]) -> tuple[PrunedChannels, ...]:
    return tuple(map(PrunedChannels, accumulate((1 << channel for channel in order), or_, initial=0)))
