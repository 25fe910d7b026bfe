"""The part of the app that holds layers and rankings side by side."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from bdtui.engine.events import Event
from bdtui.engine.pruning.moves import ChooseLayer, Place
from bdtui.engine.session.requests import Compare, Request
from bdtui.engine.settings import ALL, NEAR
from bdtui.tui.actions import first_key
from bdtui.tui.open_actions import AppWithFiles

if TYPE_CHECKING:
    from bdtui.tui.compare import ComparedRows


class AppWithComparison(AppWithFiles):
    """An app that compares layers and rankings in the background, and shows the table of them."""

    @cached_property
    def _compared(self) -> ComparedRows:
        # Imported where it is used, here and below: the first paint does not need it.
        from bdtui.tui.compare import ComparedRows

        return ComparedRows()

    def action_compare(self) -> None:
        """Show the table; begin to fill it, or go on, unless that is done or under way."""
        if self._refuse_while_opening():
            return
        if self._opened is None:
            self._notify_nothing_open()
            return
        opened = self._opened
        here = Place(opened.layer or "", opened.ranking)
        if not self._compared.is_current:
            self._submit(Compare((NEAR,)))

        def go(answer: ChooseLayer | None) -> None:
            if answer is not None:
                self._submit(answer)

        from bdtui.tui.compare import ComparisonScreen

        self.push_screen(ComparisonScreen(self._compared, here, first_key("stop", self._preferences.changed_keys)), go)

    def action_compare_all(self) -> None:
        """Compare all layers, in place of those near the end."""
        self._submit(Compare((ALL,)))

    def show_comparison(self, event: Event) -> None:
        """Take up what was compared, and show it while the table is open."""
        if not self._compared.take(event):
            return
        from bdtui.tui.compare import ComparisonScreen

        for screen in self.screen_stack:
            if isinstance(screen, ComparisonScreen):
                screen.show()

    def _submit(self, request: Request) -> None:
        if not self._refuse_while_opening():
            self._engine.submit(request)
