"""The part of the app that makes a network without the backdoor."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from bdtui.engine import events
from bdtui.engine.events import Event
from bdtui.engine.session.requests import OfferRepairs, RepairNetwork
from bdtui.tui.actions import first_key
from bdtui.tui.detect_actions import AppWithDetection

if TYPE_CHECKING:
    from bdtui.tui.repair import Repairs


class AppWithRepair(AppWithDetection):
    """An app that repairs the network in the background, and shows how it goes and what came of it."""

    @cached_property
    def _repairs(self) -> Repairs:
        # Imported where it is used, here and below: the first paint does not need it.
        from bdtui.tui.repair import Repairs

        return Repairs()

    def action_repair(self) -> None:
        """Show the repairs, with about how long each takes here."""
        if self._refuse_while_opening():
            return
        if self._opened is None:
            self._notify_nothing_open()
            return
        from bdtui.tui.repair import RepairScreen

        if isinstance(self.screen, RepairScreen):
            return
        if not self._repairs.offered:
            self._submit(OfferRepairs())
        self.push_screen(
            RepairScreen(self._repairs, *(first_key(name, self._preferences.changed_keys) for name in ("stop", "help")))
        )

    def action_repair_by(self, name: str) -> None:
        """Repair by a method."""
        self._repairs.running, self._repairs.looks, self._repairs.attacks = name, [], []
        self._submit(RepairNetwork(name))
        self._show_repairs()

    def action_export_repairs(self) -> None:
        """Close the repairs, and export."""
        self.screen.dismiss(None)
        self.call_later(self.run_action, "export")

    def show_repair(self, event: Event) -> None:
        """Take up how a repair goes, and show it while the screen is open."""
        if self._repairs.take(event):
            self._show_repairs(whole=not isinstance(event, events.Progress))

    def _show_repairs(self, *, whole: bool = True) -> None:
        from bdtui.tui.repair import RepairScreen

        for screen in self.screen_stack:
            if isinstance(screen, RepairScreen) and screen.is_mounted:
                screen.show() if whole else screen.show_progress()
