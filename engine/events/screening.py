"""Images that were judged."""

from __future__ import annotations

from dataclasses import dataclass

from bdtui.engine.events.event import Event


@dataclass(frozen=True)
class ScreenedImage:
    """An image that was judged.

    Attributes:
        name: of its file, or its number.
        score: the larger the more suspicious.
        predicted: the class that the network gives it.
        flagged: whether it seems to carry a trigger.
    """

    name: str
    score: float
    predicted: int
    flagged: bool


@dataclass(frozen=True)
class ImagesScreened(Event):
    """Images were judged.

    Attributes:
        path: of the images.
        method: that judged.
        sentences: how many are flagged, and how far that can be relied on.
        images: the most suspicious first.
    """

    path: str
    method: str
    sentences: tuple[str, ...]
    images: tuple[ScreenedImage, ...]
