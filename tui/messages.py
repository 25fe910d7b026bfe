"""Between the app and the engine's thread: what the app asks of the engine, and events on their way back."""

from __future__ import annotations

from typing import Protocol

from textual.message import Message

from bdtui.engine import events
from bdtui.engine.events import Event
from bdtui.engine.session.requests import Request


class Engine(Protocol):
    """What the app needs of the engine: `bdtui.engine.session.engine_thread.EngineThread`, or a fake in tests."""

    def start(self) -> None:
        """Begin to load what is heavy."""

    def submit(self, request: Request) -> None:
        """Ask for something."""

    def stop(self) -> None:
        """Stop what is running."""


class EngineEvent(Message):
    """An event that crossed from the engine's thread."""

    def __init__(self, event: Event) -> None:
        super().__init__()
        self.event = event

    def can_replace(self, message: Message) -> bool:
        """Of a flood of positions or of progress, only the last is worth showing."""
        if not isinstance(message, EngineEvent) or type(message.event) is not type(self.event):
            return False
        return isinstance(self.event, events.Progress | events.PositionReached | events.StepFinished)
