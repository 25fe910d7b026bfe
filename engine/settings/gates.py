"""What a person demands of a network."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from bdtui.engine.settings.run_settings import RunSettings


@dataclass(frozen=True)
class Gates:
    """What a person demands, for a recommendation and for exit status 3.

    Attributes:
        max_asr: attack success that a network may have, in percent; None for no demand.
        min_accuracy: clean accuracy that it needs, in percent; None for no demand.
        fail_if: verdicts that are to fail, of `FAIL_IF`.
    """

    max_asr: float | None = None
    min_accuracy: float | None = None
    fail_if: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """The demands that were made."""
        made = {name: value for name, value in asdict(self).items() if value not in (None, ())}
        return made | ({"fail_if": list(self.fail_if)} if self.fail_if else {})


NO_GATES = Gates()


def gates_of(settings: RunSettings) -> Gates:
    """What the settings demand of a network."""
    return Gates(settings.max_asr, settings.min_accuracy, settings.fail_if or ())
