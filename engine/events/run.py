"""What every long piece of work emits, and how a run ends."""

from __future__ import annotations

from dataclasses import dataclass

from bdtui.engine.event_values import Verdict
from bdtui.engine.events.event import Event


@dataclass(frozen=True)
class Progress(Event):
    """How far a long piece of work is.

    Attributes:
        stage: what is done, e.g. ``profile``.
        done: how many units are done.
        total: of how many; None when unknown.
        unit: what is counted, e.g. ``images``.
    """

    stage: str
    done: int
    total: int | None
    unit: str


@dataclass(frozen=True)
class Notice(Event):
    """Something a person should know and need not act on."""

    text: str


@dataclass(frozen=True)
class VerdictReached(Event):
    """What the run, or what is known of it so far, says about the network."""

    verdict: Verdict


@dataclass(frozen=True)
class ArtifactWritten(Event):
    """A file of the run lies under its final name."""

    path: str


@dataclass(frozen=True)
class ArtifactRefused(Event):
    """A file of the run was not kept; the run goes on.

    Attributes:
        name: of the file.
        text: what was wrong with it, a sentence.
    """

    name: str
    text: str


@dataclass(frozen=True)
class RunFinished(Event):
    """All is written."""

    out: str
    seconds: float
