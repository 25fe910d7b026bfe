"""Methods that look for a backdoor."""

from __future__ import annotations

from dataclasses import dataclass

from bdtui.engine.events.event import Event


@dataclass(frozen=True)
class DetectorFinished(Event):
    """A detection method has looked at the network.

    Attributes:
        method: its name.
        seconds: it took.
        scores: one a class, the larger the more suspicious; None where a class was not looked at, empty where the
            method says nothing of classes.
        statistic: the number that it is judged by.
        p: the chance of such a largest score without a backdoor; None where the method does not reckon one.
    """

    method: str
    seconds: float
    scores: tuple[float | None, ...]
    statistic: float
    p: float | None
