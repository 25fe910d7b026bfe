"""The root of all events, and how one is written as JSON."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

from bdtui.engine.event_values import ComparedOrder
from bdtui.engine.rates import Rates


@dataclass(frozen=True)
class Event:
    """Root of all events."""

    def as_json(self) -> dict[str, Any]:
        """The event as a JSON object; ``event`` holds its name, e.g. ``step_finished``."""
        name = re.sub(r"(?<!^)(?=[A-Z])", "_", type(self).__name__).lower()
        return {"event": name, **_fields_json(self)}


def _fields_json(value: Any) -> dict[str, Any]:
    return {field.name: _as_json(getattr(value, field.name)) for field in fields(value)}


def _as_json(value: Any) -> Any:
    if isinstance(value, Rates | ComparedOrder):
        return value.as_json()
    if isinstance(value, tuple):
        return [_as_json(each) for each in value]
    return _fields_json(value) if is_dataclass(value) else value
