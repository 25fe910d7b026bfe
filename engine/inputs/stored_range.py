"""Between which values the pixels of an image set are stored: what a file does not say and everything depends on."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class StoredRange:
    """The values that the pixels of an image set lie between, as far as they were looked at.

    Attributes:
        low: the smallest.
        high: the largest.
        is_whole: whether they are whole numbers by their type.
    """

    low: float
    high: float
    is_whole: bool

    @property
    def is_unit(self) -> bool:
        """Whether pixels lie in 0…1 and not in 0…255."""
        return not self.is_whole and self.low >= 0 and self.high <= 1

    @property
    def is_bytes(self) -> bool:
        """Whether pixels lie in 0…255 and not in 0…1."""
        return not self.is_unit and self.low >= 0 and self.high <= 255

    @property
    def ends(self) -> tuple[float, float]:
        """Of what pixels can be stored as: 0 and 1, 0 and 255, or what was found where it is neither."""
        return (0.0, 1.0) if self.is_unit else (0.0, 255.0) if self.is_bytes else (self.low, self.high)

    @property
    def brightest(self) -> float:
        """The largest magnitude; of pixels in 0…1 as if they lay in 0…255."""
        return max(abs(self.low), abs(self.high)) * (255 if self.is_unit else 1)
