"""The terminal app: keys become requests to the engine's thread, and its events update the panes.

Nothing is computed here and nothing heavy is imported: the engine's thread loads TensorFlow after the first paint.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from bdtui.engine import events
from bdtui.engine.event_values import SURVIVAL
from bdtui.engine.events import LOADING, Event
from bdtui.engine.pruning.moves import ChooseLayer, ChooseRanking, GoTo, Prune, Redo, Toggle, Undo
from bdtui.engine.reporter import Emit
from bdtui.engine.session.requests import NextThreshold, Open
from bdtui.engine.settings import RunSettings
from bdtui.tui.actions import ACTIONS, first_key
from bdtui.tui.bars.activity import ActivityBar
from bdtui.tui.bars.footer import KeyBar
from bdtui.tui.bars.header import HeaderBar
from bdtui.tui.bars.status import StatusBar
from bdtui.tui.exit_codes import ExitCode
from bdtui.tui.messages import Engine, EngineEvent
from bdtui.tui.opening.recent import remember
from bdtui.tui.panes.data import DataPane
from bdtui.tui.panes.empty import EmptyState
from bdtui.tui.panes.model import ModelPane
from bdtui.tui.preferences import Preferences
from bdtui.tui.screening_actions import AppWithScreening
from bdtui.tui.terminal.background import start_in_background
from bdtui.tui.terminal.signals import handle_signals
from bdtui.tui.terminal.terminal import TerminalWatch
from bdtui.tui.themes import THEMES
from bdtui.tui.wording import plain
from bdtui.tui.workspace import Workspace

_WATCH_SECONDS = 1.0

log = logging.getLogger("bdtui")


class BdtuiApp(AppWithScreening):
    """The terminal app.

    Args:
        settings: what to open at start; if that is not enough, the initial content of the load screen.
        make_engine: creates the engine from the callback that receives its events.
        expected_sha256: hashes of the files in ``settings`` as a recipe recorded them.
        resume_in: the folder of a session to resume.
        preferences: theme and keys.
        watch: detects that the terminal has closed.
        before_exit: called with the exit status when the app starts to shut down.
        after_first_paint: called once, after the first paint.
    """

    TITLE = "bdtui"
    CSS_PATH: ClassVar[list[str]] = [  # type: ignore[assignment]
        "app.tcss",
        "workspace.tcss",
        *(f"panes/{name}.tcss" for name in ("channels", "charts", "verdict", "model", "data", "export", "log")),
    ]
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            action.keys,
            action.name,
            action.label,
            show=bool(action.footer),
            id=action.id,
            tooltip=action.description,
        )
        for action in ACTIONS
    ]

    def __init__(
        self,
        settings: RunSettings,
        make_engine: Callable[[Emit], Engine],
        *,
        expected_sha256: Mapping[str, str] | None = None,
        resume_in: Path | None = None,
        preferences: Preferences | None = None,
        watch: TerminalWatch | None = None,
        before_exit: Callable[[int], None] = lambda code: None,
        after_first_paint: Callable[[], None] = lambda: None,
    ) -> None:
        super().__init__(
            settings,
            make_engine(self._post_event),
            expected_sha256,
            resume_in,
            preferences or Preferences(),
            after_first_paint,
        )
        # Before the first styling: a later change of theme would style everything twice.
        for theme in THEMES:
            self.register_theme(theme)
        self.theme = self._preferences.theme
        self._watch = watch
        self._before_exit = before_exit
        self.autosave_folder: str | None = None
        """Where the session is saved; None before the first move."""
        self._position: events.PositionReached | None = None

    def compose(self) -> ComposeResult:
        yield HeaderBar(id="header")
        yield EmptyState(id="empty", keymap=self._preferences.changed_keys)
        yield Workspace(id="workspace", size=self.size, keymap=self._preferences.changed_keys)
        yield ActivityBar(id="activity", keymap=self._preferences.changed_keys)
        yield StatusBar(id="status")
        yield KeyBar(id="keys", keymap=self._preferences.changed_keys)

    def on_load(self) -> None:
        """Runs before Textual changes the terminal's mode, so that a signal never leaves it changed."""
        handle_signals(partial(self._leave, ExitCode.INTERRUPTED), self.action_stop)

    def on_mount(self) -> None:
        """Start the engine only after the first paint."""
        self.set_keymap(self._preferences.changed_keys)
        if self._watch is not None:
            self._watching = self.set_interval(_WATCH_SECONDS, self._leave_when_terminal_is_lost)
        self.workspace.show_pane("channels")
        self.call_after_refresh(self._begin)

    # Events from the engine.

    def _post_event(self, event: Event) -> None:
        """Runs in the engine's thread."""
        self.post_message(EngineEvent(event))

    def on_engine_event(self, message: EngineEvent) -> None:
        event = message.event
        if not self.screen_stack:
            return
        self.copyable.note(event)
        main = self.screen_stack[0]
        main.query_one(HeaderBar).show(event)
        main.query_one(StatusBar).show(event)
        main.query_one(ActivityBar).show(event)
        self.workspace.show(event)
        self.show_comparison(event)
        self.show_detection(event)
        self.show_repair(event)
        self.show_screening(event)
        match event:
            case events.PositionReached():
                self._position = event
            case events.ModelOpened() | events.NothingOpen():
                self._position = None
            case events.SessionOpened():
                self._opened = event.settings
                requested, self._opening = self._opening, None
                if requested is not None:
                    start_in_background(partial(remember, requested))
            case events.WorkStopped():
                requested, self._opening = self._opening, None
                if requested is not None and self._opened is None:
                    self._show_load_screen(event.sentence)
            case events.SessionKept():
                self.autosave_folder = event.folder
                self.show_notice(f"Autosaving to {event.folder}")
            case events.VerdictReached() if SURVIVAL in event.verdict.kinds and not self.workspace.verdict_in_view:
                # The answer of ``a a a``, wherever one looks.
                main.query_one(ActivityBar).show_verdict(" ".join(event.verdict.sentences[:2]))
            case events.RunFinished():
                self.show_notice(f"Run complete: {event.out}")
            case events.WorkFailed():
                self._show_failure(event)

    def _show_failure(self, event: events.WorkFailed) -> None:
        log.error("%s: %s\n%s", event.what, event.sentence, event.details)
        opening, self._opening = self._opening, None
        if event.what == LOADING and not event.details:
            # A missing device, say: --batch exits with the same sentence. It would fail every request, so it ends the app.
            if self.return_code is None:
                self.exit(return_code=ExitCode.USAGE, message=Text(f"bdtui: error: {plain(event.sentence)}"))
        elif event.what == Open.work and opening is not None and not event.details:
            self._show_load_screen(event.sentence)
        else:
            # Imported here, like all dialogs: the first paint does not need them.
            from bdtui.tui.dialogs import FailureDialog

            if not isinstance(self.screen, FailureDialog):
                self.push_screen(FailureDialog(event.what, event.sentence))

    # Actions. Each has an entry in tui/actions.py.

    def action_prune(self) -> None:
        self._submit(Prune(self._take_count()))

    def action_undo(self) -> None:
        self._submit(Undo(self._take_count()))

    def action_redo(self) -> None:
        self._submit(Redo(self._take_count()))

    def action_next_threshold(self) -> None:
        if self._refuse_while_opening():
            return
        for _ in range(min(self._take_count(), 100)):
            self._submit(NextThreshold())

    def action_go_to_step(self) -> None:
        """Go to the step typed before the key (20g), else open a dialog."""
        if self._refuse_while_opening():
            return
        position = self._position
        if self._count:
            step = int(self._count)
            self._take_count()
            self._submit(GoTo(step))
        elif position is None:
            self._submit(GoTo(0))
        else:
            from bdtui.tui.dialogs import GoToDialog

            reached = {state.drop: state.step for state in position.thresholds if state.step is not None}

            def go(step: int | None) -> None:
                if step is not None:
                    self._submit(GoTo(step))

            self.push_screen(GoToDialog(len(position.order), reached), go)

    def action_toggle_channel(self) -> None:
        if self._refuse_while_opening():
            return
        pane = self.workspace.channels
        channel = pane.selected
        if channel is None:
            self._notify_nothing_open()
        elif not pane.display:
            key = first_key("show_channels", self._preferences.changed_keys)
            self.show_notice(f"This acts on the channel under the cursor{key and f'; {key} shows the channels'}.")
        else:
            pane.keep_cursor()
            self._submit(Toggle(channel))

    def action_choose_layer(self) -> None:
        if self._refuse_while_opening():
            return
        layers = self.workspace.query_one(ModelPane).prunable_layers()
        if not layers:
            self._notify_nothing_open()
            return

        from bdtui.tui.dialogs import ChoiceDialog

        present = self._opened.layer if self._opened else None

        def choose(layer: str | None) -> None:
            if layer is not None:
                self._submit(ChooseLayer(layer))

        self.push_screen(ChoiceDialog(f"Layer to prune ({self._return_note()})", layers, present), choose)

    def on_model_pane_layer_picked(self, message: ModelPane.LayerPicked) -> None:
        self._submit(ChooseLayer(message.layer))

    def on_data_pane_page_wanted(self, message: DataPane.PageWanted) -> None:
        self._submit(message.view)

    def action_choose_ranking(self) -> None:
        if self._refuse_while_opening():
            return
        # Imported here: it imports numpy, which would delay the first paint.
        from bdtui.engine.pruning.rankings import RANKINGS
        from bdtui.tui.dialogs import ChoiceDialog

        def choose(ranking: str | None) -> None:
            if ranking is not None:
                self._submit(ChooseRanking(ranking))

        choices = [(name, entry.description) for name, entry in RANKINGS.items()]
        present = (self._opened or self._requested).ranking
        self.push_screen(ChoiceDialog(f"Ranking ({self._return_note()})", choices, present), choose)

    def _return_note(self) -> str:
        key = first_key("undo", self._preferences.changed_keys)
        return f"from step 0; {key} returns" if key else "from step 0"

    def action_export(self) -> None:
        if self._refuse_while_opening():
            return
        self.workspace.show_pane("export", focus=False)
        self._submit(self.workspace.export_request)

    def action_stop(self) -> None:
        """Stop the running work, and drop a typed count."""
        self._take_count()
        self._engine.stop()

    async def action_quit(self) -> None:
        self._leave(ExitCode.DONE)

    def action_help_quit(self) -> None:
        """Textual's default for ctrl+c, which stops the running work here."""
        self.action_stop()

    # Exit.

    def _leave_when_terminal_is_lost(self) -> None:
        if self._watch is not None and self._watch.lost():
            self._watching.stop()
            self._leave(ExitCode.INTERRUPTED)

    def _leave(self, code: ExitCode) -> None:
        self._before_exit(code)
        self.exit(return_code=code)
