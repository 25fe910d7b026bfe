"""Opens files: those of the command line, those picked on the load screen, and the same ones read in another way."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from textual.widgets import Button

from bdtui.engine.session.requests import Open
from bdtui.engine.settings import AUTO, MissingOption, RunSettings, check_given, files_in_place_of_sample
from bdtui.tui.actions import first_key
from bdtui.tui.messages import Engine
from bdtui.tui.opening.recent import recent
from bdtui.tui.panes.empty import EmptyState
from bdtui.tui.preferences import Preferences
from bdtui.tui.view_actions import AppWithViewActions

if TYPE_CHECKING:
    from bdtui.engine.runs.unfinished import UnfinishedRun

_WINDOW_SECONDS = 0.3
_STILL_OPENING = "The files are still being opened; press the key again when they are."


class AppWithFiles(AppWithViewActions):
    """The part of the app that opens files.

    Args:
        settings: what to open at start; if that is not enough, the initial content of the load screen.
        engine: opens the files.
        expected_sha256: hashes of the files in ``settings`` as a recipe recorded them.
        resume_in: the folder of a session to resume.
        preferences: theme and keys.
        after_first_paint: called once, after the first paint.
    """

    def __init__(
        self,
        settings: RunSettings,
        engine: Engine,
        expected_sha256: Mapping[str, str] | None,
        resume_in: Path | None,
        preferences: Preferences,
        after_first_paint: Callable[[], None],
    ) -> None:
        super().__init__(preferences)
        self._requested = settings
        self._engine = engine
        self._expected_sha256 = expected_sha256
        self._resume_in = resume_in
        self._after_first_paint = after_first_paint
        self._opening: RunSettings | None = None
        self._opened: RunSettings | None = None

    def action_open(self) -> None:
        self._show_load_screen("")

    def action_open_sample(self) -> None:
        self._open(RunSettings(sample=True, device=self._requested.device, seed=self._requested.seed))

    def action_reopen_prepared(self, preprocess: str) -> None:
        """Reopen the same files with another ``--preprocess``."""
        self._reopen(preprocess=preprocess, scale=AUTO, mean=None, std=None)

    def action_reopen_laid_out(self, layout: str) -> None:
        """Reopen the same files with another ``--layout``."""
        self._reopen(layout=layout)

    def _reopen(self, **changed: Any) -> None:
        opened = self._opened
        if opened is None:
            self._notify_nothing_open()
            return
        # An order made by hand came from measurements of pixels that were read in another way.
        self._open(replace(opened, **changed, order=None))

    def _begin(self) -> None:
        """Start the engine, and open the requested files or the load screen."""
        self._after_first_paint()
        try:
            check_given(self._requested)
        except MissingOption:
            # Imported here: not needed when the command line names the files.
            from bdtui.tui.opening.form import missing

            problem = missing(self._requested) if files_in_place_of_sample(self._requested) else None
            self._show_load_screen(problem.sentence if problem else "")
            # Later: importing TensorFlow would delay the window.
            self.set_timer(_WINDOW_SECONDS, self._engine.start)
        else:
            self._engine.start()
            self._open(self._requested, self._expected_sha256, self._resume_in)

    def _show_load_screen(self, notice: str) -> None:
        # Imported here: not needed when the command line names the files.
        from bdtui.tui.opening.screen import LoadScreen

        open_already = next((screen for screen in self.screen_stack if isinstance(screen, LoadScreen)), None)
        if open_already is not None:
            open_already.show_message(notice)
            return

        def opened(answer: RunSettings | UnfinishedRun | None) -> None:
            if isinstance(answer, RunSettings):
                self._open(answer, screen.expected_sha256(answer))
            elif answer is not None:
                self._open(answer.settings, answer.sha256, answer.folder)
            elif self._opened is None and self._opening is None:
                self._show_empty(True)

        screen = LoadScreen(self._requested, recent(), notice)
        self.push_screen(screen, opened)

    def _open(
        self, settings: RunSettings, expected_sha256: Mapping[str, str] | None = None, resume_in: Path | None = None
    ) -> None:
        self._show_empty(False)
        self._requested = self._opening = settings
        self._engine.submit(Open(settings, expected_sha256 or {}, resume_in))

    def _show_empty(self, empty: bool) -> None:
        """Show what to do in place of empty panes, or the panes."""
        state = self._main(EmptyState)
        if state.display == empty:
            return
        state.display = empty
        self.workspace.display = not empty
        if empty:
            state.query_one(Button).focus()
        else:
            self.workspace.show_pane("channels")

    def _refuse_while_opening(self) -> bool:
        """Whether files are being opened: what would act on them is refused then, by one notice for all keys.

        Kept, a key would act on other files than those on the screen; and some keys, such as that of a dialog or of the
        channel under the cursor, could not be kept.
        """
        if self._opening is None:
            return False
        self._take_count()
        if _STILL_OPENING not in (notification.message for notification in self._notifications):
            self.show_notice(_STILL_OPENING)
        return True

    def _notify_nothing_open(self) -> None:
        key = first_key("open", self._preferences.changed_keys)
        self.show_notice(f"Nothing is open yet{key and f': {key} opens a model and images'}.")
