"""Whether a repaired network follows what fools B more than a network does that never saw B."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

from bdtui.engine.repair.transfer import Transfer

_CHANCE_POINTS = 2.0
_DEVIATIONS = 2.0
_STRICT_DEVIATIONS = 1.0
"""Of chance, so many are allowed: fewer where a kind of change is like a trigger, as a false claim is worse than none."""
_LIKE_A_TRIGGER = (20.0, 40.0)
"""A kind is like a trigger where it leads the reference astray at most so often, and B by so many points more."""
_TELLING_POINTS = 20.0
"""By so much B has to follow what fools it more than the reference does: else the bank tells nothing."""
_WEIGHT_POWER = 4
"""Changes count by how much more they fool B than the reference, to this power: of 184 repairs, with 50 images and more held
out, the order by what is left then had a Spearman correlation of 0.85 with that by attack success; by the sum, 0.79."""
_NAMES = {"shared": "shared perturbations", "box": "boxes", "warp": "warps"}


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
        """Whether the network follows B as little as the reference does, whatever the kind of change."""
        ours, theirs = self.found.shares, self.reference.shares
        return ours.keys() == theirs.keys() and all(share.percent <= self._limit(kind) for kind, share in ours.items())

    @property
    def beyond(self) -> float:
        """So often the network follows B beyond the reference, in points; most by what tells B from the reference most."""
        return self._beyond(self.found)

    @property
    def left(self) -> float | None:
        """Of what leads B astray, beyond what leads the reference astray, so much is left, in percent.

        0 for a network that is fooled as the reference is, 100 for one that is fooled as B is; below 0 where it is fooled less
        than the reference. None where B is fooled hardly more than the reference is: then there is nothing to tell by.
        """
        whole = self._beyond(self.badnet)
        return 100 * self.beyond / whole if whole >= _TELLING_POINTS else None

    @property
    def tells(self) -> bool:
        """Whether B is fooled so much more than the reference that a network that is not has lost something."""
        return self.left is not None

    @property
    def kind(self) -> str | None:
        """The kind of change to speak of: that which is above its limit by most, else that which tells most."""
        shares = self.found.shares
        above = {kind: share.percent - self._limit(kind) for kind, share in shares.items()}
        return max(shares, key=self._gap if self.no_more else above.__getitem__, default=None)

    @property
    def compared(self) -> str:
        """The three transfers by one kind of change."""
        kind = self.kind
        if kind is None:
            return "–"
        ours, theirs, badnet = (each.by(kind) for each in (self.found, self.reference, self.badnet))
        return f"by {_NAMES.get(kind, kind)} {ours:.1f} %, {theirs:.1f} % from scratch, {badnet:.1f} % for B"

    def _gap(self, kind: str) -> float:
        return self.badnet.shares[kind].percent - self.reference.shares[kind].percent

    def _limit(self, kind: str) -> float:
        reference = self.reference.shares[kind].percent
        most, more = _LIKE_A_TRIGGER
        like_a_trigger = reference <= most and self._gap(kind) >= more
        return transfer_limit(reference, self.found.images, _STRICT_DEVIATIONS if like_a_trigger else _DEVIATIONS)

    def _beyond(self, transfer: Transfer) -> float:
        theirs, badnet = self.reference.hits, self.badnet.hits
        weights = [
            float(max(0, fooled - reference)) ** _WEIGHT_POWER for fooled, reference in zip(badnet, theirs, strict=True)
        ]
        if not sum(weights):
            return 0.0
        more = sum(
            weight * (ours - reference) for weight, ours, reference in zip(weights, transfer.hits, theirs, strict=True)
        )
        return 100 * more / (sum(weights) * transfer.images)


def transfer_limit(reference: float, images: int, deviations: float = _DEVIATIONS) -> float:
    """The transfer, in percent, up to which a network follows B no more than the reference does, by chance.

    Args:
        reference: the transfer to the network that never saw B, in percent.
        images: that it was measured on.
        deviations: of chance that are allowed.
    """
    share = max(reference, 2.0) / 100
    return reference + max(_CHANCE_POINTS, 100 * deviations * sqrt(share * (1 - share) / max(1, images)))
