"""Methods that look for a backdoor."""

from __future__ import annotations

from dataclasses import dataclass

from bdtui.engine.event_values import SuspectedClass
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


@dataclass(frozen=True)
class DetectionFinished(Event):
    """An examination has come to its end, or was stopped with what there is.

    Attributes:
        verdict: ``backdoored``, ``no sign`` or ``inconclusive``.
        target: the class or classes that the backdoor leads to, or ``all-to-all``; None unless it is backdoored.
        sentences: why, and how often such a verdict is wrong.
        suspects: the most suspicious classes, the first one first.
        seconds: it took.
    """

    verdict: str
    target: int | tuple[int, ...] | str | None
    sentences: tuple[str, ...]
    suspects: tuple[SuspectedClass, ...]
    seconds: float
