"""The terminal app: keys become requests to the engine's thread, its events become what the panes show.

Nothing is computed here, and nothing heavy is imported: TensorFlow comes with the engine's thread, after the first
paint.
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
from bdtui.engine.events import LOADING, Event
from bdtui.engine.pruning.position import GoTo, Prune, Redo, Toggle, Undo
from bdtui.engine.reporter import Emit
from bdtui.engine.session.requests import ChooseLayer, ChooseRanking, Export, NextThreshold, Open, Request
from bdtui.engine.settings import RunSettings
from bdtui.tui.actions import ACTIONS, first_key
from bdtui.tui.bars.activity import ActivityBar
from bdtui.tui.bars.header import HeaderBar
from bdtui.tui.bars.keys import KeyBar
from bdtui.tui.bars.status import StatusBar
from bdtui.tui.dialogs import ChoiceDialog, FailureDialog, GoToDialog
from bdtui.tui.exit_codes import ExitCode
from bdtui.tui.messages import Engine, EngineEvent
from bdtui.tui.open_actions import AppWithFiles
from bdtui.tui.opening.recent import remember
from bdtui.tui.panes.model import ModelPane
from bdtui.tui.preferences import Preferences
from bdtui.tui.terminal.background import start
from bdtui.tui.terminal.signals import handle_signals
from bdtui.tui.terminal.terminal import TerminalWatch
from bdtui.tui.themes import THEMES
from bdtui.tui.wording import plain
from bdtui.tui.workspace import Workspace

_WATCH_SECONDS = 1.0

log = logging.getLogger("bdtui")


class BdtuiApp(AppWithFiles):
    """The workbench on a terminal.

    Args:
        settings: what is open from the start, or what the load screen begins with.
        make_engine: makes the engine; is given where its events go.
        expected_sha256: hashes that a recipe recorded of the files in ``settings``.
        go_on_in: the folder of a session to go on with.
        preferences: theme and keys.
        watch: notices a terminal that has gone.
        leaving: called with the exit status when the app begins to end.
        painted: called when the first paint is out.
    """

    TITLE = "bdtui"
    CSS_PATH: ClassVar[list[str]] = [  # type: ignore[assignment]
        "app.tcss",
        "workspace.tcss",
        *(f"panes/{name}.tcss" for name in ("channels", "charts", "model", "data", "export", "log")),
    ]
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            action.keys,
            action.name,
            action.label,
            show=action.footer,
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
        go_on_in: Path | None = None,
        preferences: Preferences | None = None,
        watch: TerminalWatch | None = None,
        leaving: Callable[[int], None] = lambda code: None,
        painted: Callable[[], None] = lambda: None,
    ) -> None:
        super().__init__(
            settings,
            make_engine(self._post_event),
            expected_sha256,
            go_on_in,
            preferences or Preferences(),
            painted,
        )
        # Before anything is styled: a theme that comes later has everything styled twice.
        for theme in THEMES:
            self.register_theme(theme)
        self.theme = self._preferences.theme
        self._watch = watch
        self._leaving = leaving
        self.kept_in: str | None = None
        """The folder in which the session is kept; None before the first move."""
        self._position: events.PositionReached | None = None

    def compose(self) -> ComposeResult:
        """Bars, panes, bars."""
        yield HeaderBar(id="header")
        yield Workspace(id="workspace", size=self.size)
        yield ActivityBar(id="activity", stop_key=first_key("stop", self._preferences.keys))
        yield StatusBar(id="status")
        yield KeyBar(id="keys", keymap=self._preferences.keys)

    def on_load(self) -> None:
        """Before the terminal is taken over, so that a signal never leaves it taken."""
        handle_signals(partial(self._leave, ExitCode.INTERRUPTED), self.action_stop)

    def on_mount(self) -> None:
        """Keys; then, once the first paint is out, the engine."""
        self.set_keymap(dict(self._preferences.keys))
        if self._watch is not None:
            self.set_interval(_WATCH_SECONDS, self._leave_when_terminal_is_lost)
        self.workspace.show_pane("channels")
        self.call_after_refresh(self._begin)

    # What the engine says.

    def _post_event(self, event: Event) -> None:
        """Called in the engine's thread."""
        self.post_message(EngineEvent(event))

    def on_engine_event(self, message: EngineEvent) -> None:
        """Show an event everywhere."""
        event = message.event
        if not self.screen_stack:
            return
        main = self.screen_stack[0]
        main.query_one(HeaderBar).show(event)
        main.query_one(StatusBar).show(event)
        main.query_one(ActivityBar).show(event)
        self.workspace.show(event)
        match event:
            case events.PositionReached():
                self._position = event
            case events.ModelOpened() | events.NothingOpen():
                self._position = None
            case events.SessionOpened():
                self._opened = event.settings
                asked, self._opening = self._opening, None
                if asked is not None:
                    start(partial(remember, asked))
            case events.WorkStopped():
                asked, self._opening = self._opening, None
                if asked is not None and self._opened is None:
                    self._show_load_screen(event.sentence)
            case events.SessionKept():
                self.kept_in = event.folder
                self.show_notice(f"Autosaving to {event.folder}")
            case events.RunFinished():
                self.show_notice(f"Run complete: {event.out}")
            case events.WorkFailed():
                self._show_failure(event)

    def _show_failure(self, event: events.WorkFailed) -> None:
        log.error("%s: %s\n%s", event.what, event.sentence, event.details)
        opening, self._opening = self._opening, None
        if event.what == LOADING and not event.details:
            # A device that is not there: what --batch refuses with this sentence. It is said of every request.
            if self.return_code is None:
                self.exit(return_code=ExitCode.USAGE, message=Text(f"bdtui: error: {plain(event.sentence)}"))
        elif event.what == Open.work and opening is not None and not event.details:
            self._show_load_screen(event.sentence)
        elif not isinstance(self.screen, FailureDialog):
            self.push_screen(FailureDialog(event.what, event.sentence))

    # What a person wants. Each of these has a line in tui/actions.py.

    def action_prune(self) -> None:
        """Prune the next channels."""
        self._submit(Prune(self._taken_count()))

    def action_undo(self) -> None:
        """Take moves back."""
        self._submit(Undo(self._taken_count()))

    def action_redo(self) -> None:
        """Do moves again."""
        self._submit(Redo(self._taken_count()))

    def action_next_threshold(self) -> None:
        """Prune on to the next thresholds."""
        for _ in range(min(self._taken_count(), 100)):
            self._submit(NextThreshold())

    def action_go_to_step(self) -> None:
        """Go to the step that was typed in front, or ask for one."""
        position = self._position
        if self._count:
            step = int(self._count)
            self._taken_count()
            self._submit(GoTo(step))
        elif position is None:
            self._submit(GoTo(0))
        else:
            reached = {state.drop: state.step for state in position.thresholds if state.step is not None}

            def go(step: int | None) -> None:
                if step is not None:
                    self._submit(GoTo(step))

            self.push_screen(GoToDialog(len(position.order), reached), go)

    def action_toggle_channel(self) -> None:
        """Silence or revive the channel under the cursor."""
        pane = self.workspace.channels
        channel = pane.selected
        if channel is None:
            self._notify_nothing_open()
        elif not pane.display:
            key = first_key("show_channels", self._preferences.keys)
            self.show_notice(f"The channel under the cursor is meant{key and f': {key} shows the channels'}.")
        else:
            pane.keep_cursor()
            self._submit(Toggle(channel))

    def action_choose_layer(self) -> None:
        """Ask for a layer that can be pruned."""
        layers = self.workspace.query_one(ModelPane).prunable_layers()
        if not layers:
            self._notify_nothing_open()
            return

        present = self._opened.layer if self._opened else None

        def choose(layer: str | None) -> None:
            if layer is not None:
                self._submit(ChooseLayer(layer))

        self.push_screen(ChoiceDialog(f"Layer to prune ({self._restart_note()})", layers, present), choose)

    def on_model_pane_layer_picked(self, message: ModelPane.LayerPicked) -> None:
        """A layer was picked in the model pane."""
        self._submit(ChooseLayer(message.layer))

    def action_choose_ranking(self) -> None:
        """Ask for an order."""
        # Not above: it brings numpy, which the first paint does not wait for.
        from bdtui.engine.pruning.rankings import RANKINGS

        def choose(ranking: str | None) -> None:
            if ranking is not None:
                self._submit(ChooseRanking(ranking))

        choices = [(name, entry.description) for name, entry in RANKINGS.items()]
        present = (self._opened or self._requested).ranking
        self.push_screen(ChoiceDialog(f"Ranking ({self._restart_note()})", choices, present), choose)

    def _restart_note(self) -> str:
        by_hand = self._position is not None and any(point.by_hand for point in self._position.path)
        return (
            "restarts at step 0; the order made by hand is dropped, e exports it in a recipe"
            if by_hand
            else "restarts at step 0"
        )

    def action_export(self) -> None:
        """Write the files."""
        self.workspace.show_pane("export", focus=False)
        self._submit(Export(self.workspace.export_folder))

    def action_stop(self) -> None:
        """Stop what is running, and forget a count."""
        self._taken_count()
        self._engine.stop()

    async def action_quit(self) -> None:
        """Quit."""
        self._leave(ExitCode.DONE)

    def action_help_quit(self) -> None:
        """Textual's own answer to ctrl+c, which stops work here."""
        self.action_stop()

    def _submit(self, request: Request) -> None:
        self._engine.submit(request)

    # Leaving.

    def _leave_when_terminal_is_lost(self) -> None:
        if self._watch is not None and self._watch.lost():
            self._leave(ExitCode.INTERRUPTED)

    def _leave(self, code: ExitCode) -> None:
        self._leaving(code)
        self.exit(return_code=code)
