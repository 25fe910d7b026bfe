"""What can be copied beside the focused row: the verdict, the run's path, the last error."""

from __future__ import annotations

import os

from bdtui.engine import events
from bdtui.engine.events import Event

COPIED = {"verdict": "Verdict", "path": "Path of the run's folder", "error": "Last error"}


class Copyable:
    """Remembers of the engine's events what a person may want elsewhere."""

    def __init__(self) -> None:
        self._texts: dict[str, str] = {}

    def note(self, event: Event) -> None:
        match event:
            case events.ModelOpened() | events.NothingOpen():
                self._texts.pop("verdict", None)
            case events.VerdictReached():
                self._texts["verdict"] = "\n".join(event.verdict.sentences)
            case events.SessionKept():
                self._texts["path"] = os.path.abspath(event.folder)  # noqa: PTH100 (resolve would follow links)
            case events.RunFinished():
                self._texts["path"] = os.path.abspath(event.out)  # noqa: PTH100
            case events.WorkFailed():
                self._texts["error"] = "\n".join(part for part in (event.sentence, event.details) if part)

    def text(self, name: str) -> str:
        """One of `COPIED`; empty while there is none."""
        return self._texts.get(name, "")
