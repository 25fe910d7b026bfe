"""What the app shows of an open network."""

from __future__ import annotations

from dataclasses import dataclass

from bdtui.engine.event_values import ChannelFigures, MeasuredPoint, Picture, Threshold
from bdtui.engine.events.event import Event
from bdtui.engine.settings import RunSettings


@dataclass(frozen=True)
class NothingOpen(Event):
    """A model and images could not be opened, and nothing was open before: events about them do not hold."""


@dataclass(frozen=True)
class SessionKept(Event):
    """What the person does is kept in a journal from here on; ``folder`` goes to ``--resume --out``."""

    folder: str


@dataclass(frozen=True)
class SessionOpened(Event):
    """Model and images are open and the layer is profiled; ``settings`` has what was found filled in."""

    settings: RunSettings


@dataclass(frozen=True)
class PicturesTaken(Event):
    """A page of an image set; empty where its images are no pictures, or none is asked for.

    Attributes:
        role: of the set.
        pictures: with the predictions of the network as it is pruned now, if they are known.
        first: number of the first of them among those that are asked for, from 0.
        asked_for: how many images are; None for all of the set.
        label: their true class; None for all.
        wrong: only those that the network gets wrong.
        step: how many channels are pruned in the network that predicts.
    """

    role: str
    pictures: tuple[Picture, ...]
    first: int = 0
    asked_for: int | None = None
    label: int | None = None
    wrong: bool = False
    step: int = 0


@dataclass(frozen=True)
class ChannelsProfiled(Event):
    """The channels of the chosen layer, by index, and the ranking that orders them.

    Attributes:
        ranking: its name.
        channels: with their scores.
        score: what the scores are, e.g. ``mean activation``.
        score_title: the same in at most eight characters.
    """

    ranking: str
    channels: tuple[ChannelFigures, ...]
    score: str
    score_title: str


@dataclass(frozen=True)
class PositionWished(Event):
    """The step the last request leads to; a `PositionReached` follows when it has been measured."""

    step: int


@dataclass(frozen=True)
class PositionReached(Event):
    """Where the person stands, measured. Holds everything a screen shows of it.

    Attributes:
        order: every channel once, in pruning order.
        step: how many of them, from the front, are silent.
        present: the rates here.
        path: the measured steps of this order, ascending, step 0 first.
        measured: everything measured for this layer so far, this order and others, in the order of measuring.
        thresholds: in ascending order of the drop.
        undoable: how many moves can be taken back.
        redoable: how many can be done again.
    """

    order: tuple[int, ...]
    step: int
    present: MeasuredPoint
    path: tuple[MeasuredPoint, ...]
    measured: tuple[MeasuredPoint, ...]
    thresholds: tuple[Threshold, ...]
    undoable: int
    redoable: int


@dataclass(frozen=True)
class ExportPlanned(Event):
    """Where the next export goes, and the names of the files every run has."""

    out: str
    files: tuple[str, ...]
