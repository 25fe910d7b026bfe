"""How sentences of a verdict give numbers and lists."""

from __future__ import annotations

from collections.abc import Sequence

from bdtui.engine.rates import Share


def percent(share: Share) -> str:
    """A share as ``99.50 %``."""
    return f"{share.percent:.2f} %"


def interval(share: Share) -> str:
    """The interval of a share, in percent, with as few digits as say it."""
    low, high = (f"{bound:.1f}".removesuffix(".0") for bound in share.wilson_interval())
    return f"95 % interval {low}–{high}"


def listed(names: Sequence[str]) -> str:
    """Names in one phrase: ``a, b and c``."""
    *some, last = names
    return f"{', '.join(some)} and {last}" if some else last
