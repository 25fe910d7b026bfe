"""Whether a repaired network follows what fools B more than a network does that never saw B."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, sqrt

from bdtui.engine.rates import Share
from bdtui.engine.repair.shared_warps import SMALL_WARP
from bdtui.engine.repair.transfer import KINDS, Transfer

_CHANCE_POINTS = 2.0
_DEVIATIONS = 2.0
_STRICT_DEVIATIONS = 1.0
"""Of chance, so many are allowed: fewer where changes are like a trigger, as a false claim is worse than none."""
_LIKE_A_TRIGGER = (20.0, 40.0)
"""Changes are like a trigger where they lead the reference astray at most so often, and B by so many points more."""
_LEFT = 3.0
"""Percent of B's transfer that may be left, however few the images: their chance could hide an attack that still works."""
_RULED_OUT = 5.0
"""Where B obeys warps, a claim needs so many images that an ASR above this, in percent, is ruled out: what a repair keeps of
a warped trigger differs from what warps do to any network by little more than chance does on few (docs/repairs.md)."""
TELLING_POINTS = 20.0
"""By so much B has to follow what fools it more than the reference does: else the bank tells nothing."""
_WEIGHT_POWER = 4
"""Changes count by how much more they fool B than the reference, to this power: warps that fool any network would blur the order
of repairs (docs/repairs.md)."""


@dataclass(frozen=True)
class Following:
    """How a network follows what fools B, beside B itself and a network that never saw B.

    Attributes:
        found: the transfer to the network.
        reference: to the network that never saw B.
        badnet: to B itself.
    """

    found: Transfer
    reference: Transfer
    badnet: Transfer

    @property
    def no_more(self) -> bool:
        """Whether the network follows B as little as the reference does, by every kind of change and by what is left.

        The second, because a kind that fools the reference by some of its changes says little by its share, and one of the
        others may be the trigger; and because chance on few images could hide an attack that still works.
        """
        ours, theirs = self.found.shares, self.reference.shares
        return ours.keys() == theirs.keys() and not self._is_any_above and not self._is_too_much_left

    @property
    def beyond(self) -> float:
        """So often the network follows B beyond the reference, in points; most by what tells B from the reference most."""
        return self._weighted(self.found) - self._weighted(self.reference)

    @property
    def left(self) -> float | None:
        """Of what leads B astray, beyond what leads the reference astray, so much is left, in percent.

        0 for a network that is fooled as the reference is, 100 for one that is fooled as B is; below 0 where it is fooled less
        than the reference. None where B is fooled hardly more than the reference is: then there is nothing to tell by.
        """
        whole = self._weighted(self.badnet) - self._weighted(self.reference)
        return 100 * self.beyond / whole if whole >= TELLING_POINTS else None

    @property
    def tells(self) -> bool:
        """Whether B is fooled so much more than the reference that a network that is not has lost something."""
        return self.left is not None

    @property
    def claims(self) -> bool:
        """Whether all this speaks for a backdoor, if there was one, to be gone."""
        return self.no_more and self.tells and (not self.obeys_warps or self.not_ruled_out <= _RULED_OUT)

    @property
    def obeys_warps(self) -> bool:
        """Whether small warps suffice to lead B astray; no others are in the bank (shared_warps.py)."""
        return SMALL_WARP in self.found.shares

    @property
    def kind(self) -> str | None:
        """The kind of change to speak of: that which is above its limit by most, else that which tells most."""
        return max(self.found.shares, key=self._above if self._is_any_above else self._gap, default=None)

    @property
    def compared(self) -> str:
        """The three transfers by one kind of change, and what is left where no kind is above its limit but that is."""
        kind = self.kind
        if kind is None:
            return "–"
        ours, theirs, badnet = (each.by(kind) for each in (self.found, self.reference, self.badnet))
        compared = f"of {KINDS[kind]} {ours:.1f} %, {theirs:.1f} % from scratch, {badnet:.1f} % for B"
        if self.left is None or self._is_any_above or not self._is_too_much_left:
            return compared
        return f"{compared}; over all changes {self.left:.1f} % of B's transfer beyond that of scratch is left, at most {_LEFT:g} may be"

    @property
    def not_ruled_out(self) -> float:
        """The attack success, in percent, up to which so many images would show as little as they do, if the bank had the trigger.

        The upper end of the 95 % interval (Wilson) of what is left. Without images 100.
        """
        number = self.found.images
        hits = ceil(max(0.0, self.left or 0.0) * number / 100)
        return max(_LEFT, Share(min(hits, number), number).wilson_interval()[1]) if number else 100.0

    @property
    def _is_too_much_left(self) -> bool:
        """Whether the changes that tell most mislead the network by more than a few percent; by more than chance, if none tells much."""
        if self.left is not None:
            return self.left > _LEFT
        return self._weighted(self.found) > self._limit(self._weighted(self.reference), self._weighted(self.badnet))

    @property
    def _is_any_above(self) -> bool:
        """Whether any kind of change is above its limit."""
        return any(self._above(kind) > 0 for kind in self.found.shares)

    def _gap(self, kind: str) -> float:
        return self.badnet.shares[kind].percent - self.reference.shares[kind].percent

    def _above(self, kind: str) -> float:
        """By so much the share of a kind is above its limit, in points."""
        ours, theirs, badnet = (each.shares[kind].percent for each in (self.found, self.reference, self.badnet))
        return ours - self._limit(theirs, badnet)

    def _limit(self, reference: float, badnet: float) -> float:
        most, more = _LIKE_A_TRIGGER
        like_a_trigger = reference <= most and badnet >= reference + more
        return transfer_limit(reference, self.found.images, _STRICT_DEVIATIONS if like_a_trigger else _DEVIATIONS)

    def _weighted(self, transfer: Transfer) -> float:
        """The share over all changes, in percent, each counted by how much more it fools B than the reference."""
        gaps = (
            max(0, fooled - by_chance) for fooled, by_chance in zip(self.badnet.hits, self.reference.hits, strict=True)
        )
        weights = [float(gap) ** _WEIGHT_POWER for gap in gaps]
        if not sum(weights):
            return 0.0
        hits = sum(weight * ours for weight, ours in zip(weights, transfer.hits, strict=True))
        return 100 * hits / (sum(weights) * transfer.images)


def transfer_limit(reference: float, images: int, deviations: float = _DEVIATIONS) -> float:
    """The transfer, in percent, up to which a network follows B no more than the reference does, by chance.

    Args:
        reference: the transfer to the network that never saw B, in percent.
        images: that it was measured on.
        deviations: of chance that are allowed.
    """
    share = max(reference, 2.0) / 100
    return reference + max(_CHANCE_POINTS, 100 * deviations * sqrt(share * (1 - share) / max(1, images)))
