"""What the engine's thread is doing."""

from __future__ import annotations

from dataclasses import dataclass

from bdtui.engine.events.event import Event


@dataclass(frozen=True)
class EngineReady(Event):
    """TensorFlow is loaded; ``device`` is what is computed on, e.g. ``CPU`` or ``GPU 0``."""

    tensorflow: str
    keras: str
    device: str


LOADING = "loading TensorFlow"
"""The first work of the engine's thread."""


@dataclass(frozen=True)
class WorkStarted(Event):
    """The engine's thread took up a request; ``what`` names the work, e.g. ``opening``."""

    what: str


@dataclass(frozen=True)
class WorkEnded(Event):
    """The engine's thread waits for requests again, or works in the background."""


@dataclass(frozen=True)
class WorkFailed(Event):
    """A request could not be fulfilled; everything stays as it was before.

    Attributes:
        what: the work that failed.
        sentence: for the person.
        details: for the log; a traceback for an internal error, else empty.
    """

    what: str
    sentence: str
    details: str


@dataclass(frozen=True)
class JobEnded(Event):
    """Minutes of work are over: done, failed, stopped, or dropped before they began.

    Attributes:
        work: that of the request, e.g. ``detecting``.
    """

    work: str


@dataclass(frozen=True)
class WorkStopped(Event):
    """Work ended early because somebody stopped it; ``sentence`` is for the person."""

    sentence: str
