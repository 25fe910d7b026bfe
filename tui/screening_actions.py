"""The part of the app that judges images."""

from __future__ import annotations

from pathlib import Path

from bdtui.engine import events
from bdtui.engine.events import Event
from bdtui.engine.session.requests import KeepScreened, ScreenImages
from bdtui.tui.repair_actions import AppWithRepair


class AppWithScreening(AppWithRepair):
    """An app that says which images carry a trigger."""

    def action_screen_images(self) -> None:
        """Ask for images, and judge them."""
        if self._refuse_while_opening():
            return
        if self._opened is None:
            self._notify_nothing_open()
            return
        # Imported here, as below: the first paint does not need it.
        from bdtui.tui.screening import AskForImages

        def judge(path: Path | None) -> None:
            if path is not None:
                self._submit(ScreenImages(path))

        self.push_screen(AskForImages(), judge)

    def action_keep_screened(self) -> None:
        """Write what was found of the images."""
        self._submit(KeepScreened())

    def show_screening(self, event: Event) -> None:
        """Show images that were judged."""
        if isinstance(event, events.ImagesScreened):
            from bdtui.tui.screening import ScreeningScreen

            self.push_screen(ScreeningScreen(event))
