"""The part of the app that looks for a backdoor without poisoned images."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from bdtui.engine import events
from bdtui.engine.events import Event
from bdtui.engine.session.requests import Detect, UseTrigger
from bdtui.tui.actions import first_key
from bdtui.tui.compare_actions import AppWithComparison

if TYPE_CHECKING:
    from bdtui.tui.detection import DetectionFindings


class AppWithDetection(AppWithComparison):
    """An app that examines the network in the background, and shows what is found."""

    @cached_property
    def _findings(self) -> DetectionFindings:
        # Imported where it is used, here and below: the first paint does not need it.
        from bdtui.tui.detection import DetectionFindings

        return DetectionFindings()

    def action_detect(self) -> None:
        """Show what was found; begin to look, or go on, unless that is done or under way."""
        if self._refuse_while_opening():
            return
        if self._opened is None:
            self._notify_nothing_open()
            return
        findings = self._findings
        ranked = findings.ranked
        is_whole = ranked is not None and len(ranked.done) == len(ranked.planned) and bool(ranked.done)
        if not findings.is_begun or (findings.is_concluded and not is_whole):
            findings.is_begun, findings.is_concluded = True, False
            self._submit(Detect())
        from bdtui.tui.detection import DetectionScreen

        self.push_screen(
            DetectionScreen(findings, *(first_key(name, self._preferences.changed_keys) for name in ("stop", "help")))
        )

    def action_use_trigger(self) -> None:
        """Let the reversed trigger stand in for poisoned images, or no longer."""
        if not self._findings.triggers:
            self.show_notice("No trigger is reversed yet; detect first.")
            return
        if self._findings.has_poisoned:
            self.show_notice("Poisoned images are open: ASR is measured with them, and needs no estimate.")
            return
        self._findings.is_used = not self._findings.is_used
        self._submit(UseTrigger(self._findings.is_used))
        self._show_findings()

    def show_detection(self, event: Event) -> None:
        """Take up what was found, and show it while the screen is open."""
        if not self._findings.take(event):
            return
        self._show_findings(whole=not isinstance(event, events.Progress))

    def _show_findings(self, *, whole: bool = True) -> None:
        from bdtui.tui.detection import DetectionScreen

        for screen in self.screen_stack:
            if isinstance(screen, DetectionScreen) and screen.is_mounted:
                screen.show() if whole else screen.show_progress()
