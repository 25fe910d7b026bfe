"""Between the app and the engine's thread: the interface of the engine, and the message that carries its events."""

from __future__ import annotations

from typing import Protocol

from textual.message import Message

from bdtui.engine import events
from bdtui.engine.events import Event
from bdtui.engine.session.requests import Request


class Engine(Protocol):
    """The part of the engine that the app uses: `bdtui.engine.session.engine_thread.EngineThread`, or a fake in tests."""

    def start(self) -> None:
        """Start loading TensorFlow."""

    def submit(self, request: Request) -> None:
        """Queue a request."""

    def stop(self) -> None:
        """Stop the running work."""


class EngineEvent(Message):
    """Carries an event from the engine's thread into the app's loop."""

    def __init__(self, event: Event) -> None:
        super().__init__()
        self.event = event

    def can_replace(self, message: Message) -> bool:
        """Drop queued positions and progress that a newer one supersedes."""
        if not isinstance(message, EngineEvent) or type(message.event) is not type(self.event):
            return False
        return isinstance(self.event, events.Progress | events.PositionReached | events.StepFinished)
