"""Methods that look for a backdoor."""

from __future__ import annotations

from dataclasses import dataclass

from bdtui.engine.event_values import Picture, SuspectedClass
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
class ClassesRanked(Event):
    """What an examination knows by now, after another of its methods.

    Attributes:
        scores: how suspicious each class is, by class; None where no method has said.
        suspects: the most suspicious classes, the first one first.
        verdict: ``backdoored``, ``no sign`` or ``inconclusive``, as far as that can be told.
        sentences: why.
        done: the methods that have run.
        planned: all that are to run, in order.
    """

    scores: tuple[float, ...]
    suspects: tuple[SuspectedClass, ...]
    verdict: str
    sentences: tuple[str, ...]
    done: tuple[str, ...]
    planned: tuple[str, ...]


@dataclass(frozen=True)
class TriggerShown(Event):
    """A reversed trigger as pictures.

    Attributes:
        target: the class that it leads to.
        strong: whether it is the strong one; else the small one.
        pictures: the mask, the pattern under it, a clean image, and that image with the trigger; none where the images
            of the network are no pictures.
        size: sum of the mask, in pixels.
        fooled: of the images that were looked at, so many are sent to the class.
        images: how many those were.
    """

    target: int
    strong: bool
    pictures: tuple[Picture, ...]
    size: float
    fooled: int
    images: int


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
