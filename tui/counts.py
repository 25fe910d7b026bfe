"""The base of the app: panes, notices, and counts typed before a key (5n prunes five)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from textual.actions import ActionParseResult
from textual.app import App
from textual.dom import DOMNode
from textual.events import Key
from textual.widgets import Input

from bdtui.tui.bars.status import StatusBar
from bdtui.tui.preferences import Preferences
from bdtui.tui.wording import plain
from bdtui.tui.workspace import Workspace

_LARGEST_COUNT = 9999


class AppWithCounts(App[None]):
    """An app with panes whose keys accept a count.

    Args:
        preferences: theme and keys.
    """

    def __init__(self, preferences: Preferences) -> None:
        super().__init__()
        self._preferences = preferences
        self._count = ""

    @property
    def workspace(self) -> Workspace:
        return self.screen_stack[0].query_one(Workspace)

    def show_notice(self, sentence: str) -> None:
        """Show a sentence for four seconds; it may contain file names, which are made harmless."""
        self.notify(plain(sentence), timeout=4, markup=False)

    def _main(self, kind: type[Any]) -> Any:
        return self.screen_stack[0].query_one(kind)

    def on_key(self, event: Key) -> None:
        """Collect the digits of a count."""
        if len(self.screen_stack) > 1:
            return
        if event.character and event.character in "0123456789" and not isinstance(self.focused, Input):
            self._count = str(min(int(self._count + event.character), _LARGEST_COUNT))
            self._main(StatusBar).show_count(self._count)
            event.stop()
        elif event.key == "escape" and self._count:
            self._take_count()

    def _take_count(self) -> int:
        count = max(1, int(self._count or 1))
        self._count = ""
        self._main(StatusBar).show_count("")
        return count

    async def run_action(
        self,
        action: str | ActionParseResult,
        default_namespace: DOMNode | None = None,
        namespaces: Mapping[str, DOMNode] | None = None,
    ) -> bool:
        """Run an action, then drop the typed count if the action did not use it."""
        before = self._count
        done = await super().run_action(action, default_namespace, namespaces)
        if before and self._count == before and self.screen_stack:
            self._take_count()
        return done
