"""What every part of the app builds on: its panes and notices, and the counts in front of keys (5n prunes five)."""

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
    """An app with panes, whose keys may have a number typed in front of them.

    Args:
        preferences: theme and keys.
    """

    def __init__(self, preferences: Preferences) -> None:
        super().__init__()
        self._preferences = preferences
        self._count = ""

    @property
    def workspace(self) -> Workspace:
        """The panes."""
        return self.screen_stack[0].query_one(Workspace)

    def show_notice(self, sentence: str) -> None:
        """Show a sentence for a while; it may hold names from outside."""
        self.notify(plain(sentence), timeout=4, markup=False)

    def _main(self, kind: type[Any]) -> Any:
        return self.screen_stack[0].query_one(kind)

    def on_key(self, event: Key) -> None:
        """Collect the digits in front of a key."""
        if len(self.screen_stack) > 1:
            return
        if event.character and event.character in "0123456789" and not isinstance(self.focused, Input):
            self._count = str(min(int(self._count + event.character), _LARGEST_COUNT))
            self._main(StatusBar).show_count(self._count)
            event.stop()
        elif event.key == "escape" and self._count:
            self._taken_count()

    def _taken_count(self) -> int:
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
        """Textual's way to every action; a count that it has no use for is forgotten."""
        before = self._count
        done = await super().run_action(action, default_namespace, namespaces)
        if before and self._count == before and self.screen_stack:
            self._taken_count()
        return done
