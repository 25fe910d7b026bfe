"""Rates of a classifier under attack, kept as exact counts, with their confidence intervals."""

from __future__ import annotations

import math
from dataclasses import dataclass

FEW_IMAGES = 200
"""Below so many images a rate says little without its interval: 95 % of 100 images is anything from 89 to 98 %."""


@dataclass(frozen=True)
class Share:
    """A number of hits among a number of images (at least one)."""

    hits: int
    images: int

    @property
    def percent(self) -> float:
        """The share in percent, 0–100, unrounded."""
        return 100 * self.hits / self.images

    @property
    def is_of_few(self) -> bool:
        """Whether it is of so few images that it is to be shown with its interval."""
        return self.images < FEW_IMAGES

    def wilson_interval(self, confidence: float = 0.95) -> tuple[float, float]:
        """The Wilson score interval of the share, in percent.

        Unlike the normal approximation it stays inside 0–100 and is honest at 0 % and 100 %.

        Args:
            confidence: coverage, between 0 and 1.

        Returns:
            Lower and upper bound in percent.

        References:
            E. B. Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22 (1927).
        """
        # Imported here: it brings fractions and decimals, which the first paint would wait for.
        from statistics import NormalDist

        z = NormalDist().inv_cdf((1 + confidence) / 2)
        n, share = self.images, self.hits / self.images
        centre = (share + z * z / (2 * n)) / (1 + z * z / n)
        spread = z / (1 + z * z / n) * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
        return 100 * max(0.0, centre - spread), 100 * min(1.0, centre + spread)


@dataclass(frozen=True)
class Rates:
    """How a network does on clean and on poisoned images; None where there is no such data.

    Attributes:
        clean: share of clean images that get their label (clean accuracy).
        attack: share of poisoned images that get the attacker's label (attack success rate, ASR); where true labels are
            known, of those that do not belong to the attacker's class anyway.
        recovered: share of poisoned images that get their true label (recovered accuracy, R-Acc).
        clean_flagged: for a GoodNet, share of clean images put into the extra class N.
        poisoned_flagged: for a GoodNet, share of poisoned images put into the extra class N.
    """

    clean: Share | None = None
    attack: Share | None = None
    recovered: Share | None = None
    clean_flagged: Share | None = None
    poisoned_flagged: Share | None = None

    @property
    def clean_accuracy(self) -> float | None:
        """In percent."""
        return None if self.clean is None else self.clean.percent

    @property
    def attack_success_rate(self) -> float | None:
        """In percent."""
        return None if self.attack is None else self.attack.percent

    def as_json(self, *, flags: bool = False) -> dict[str, float | int | None]:
        """The rates in percent, under the names of results.json.

        Args:
            flags: add the two shares that only a GoodNet has.
        """

        def percent(share: Share | None) -> float | None:
            return None if share is None else share.percent

        rates: dict[str, float | int | None] = {
            "clean_accuracy": self.clean_accuracy,
            "attack_success_rate": self.attack_success_rate,
        }
        if self.recovered is not None:
            rates["recovered_accuracy"] = self.recovered.percent
            rates["attack_images"] = 0 if self.attack is None else self.attack.images
        if flags:
            rates["clean_flagged"] = percent(self.clean_flagged)
            rates["poisoned_flagged"] = percent(self.poisoned_flagged)
        return rates


NO_RATES = Rates()
"""Of image sets that were not given."""
