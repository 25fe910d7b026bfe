"""The terminal app: keys become requests to the engine's thread, its events become what the panes show.

Nothing is computed here, and nothing heavy is imported: TensorFlow comes with the engine's thread, after the first
paint.
"""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from rich.text import Text
from textual.actions import ActionParseResult
from textual.app import App, ComposeResult, SystemCommand
from textual.binding import Binding, BindingType
from textual.dom import DOMNode
from textual.events import Key
from textual.screen import Screen
from textual.widgets import Input

from bdtui.engine import events
from bdtui.engine.errors import OptionError
from bdtui.engine.events import LOADING, Event
from bdtui.engine.pruning.position import GoTo, Prune, Redo, Toggle, Undo
from bdtui.engine.reporter import Emit
from bdtui.engine.session.requests import ChooseLayer, ChooseRanking, Export, NextThreshold, Open, Request
from bdtui.engine.settings import ROLES, RunSettings
from bdtui.tui.actions import ACTIONS, COMMANDS, first_key, spoken_keys
from bdtui.tui.bars.activity import ActivityBar
from bdtui.tui.bars.header import HeaderBar
from bdtui.tui.bars.keys import KeyBar
from bdtui.tui.bars.status import StatusBar
from bdtui.tui.dialogs import ChoiceDialog, FailureDialog, GoToDialog, HelpScreen
from bdtui.tui.exit_codes import ExitCode
from bdtui.tui.messages import Engine, EngineSaid
from bdtui.tui.opening.recent import recent, remember
from bdtui.tui.options import check_given
from bdtui.tui.panes.model import ModelPane
from bdtui.tui.preferences import Preferences
from bdtui.tui.terminal.background import start
from bdtui.tui.terminal.terminal import TerminalWatch
from bdtui.tui.themes import THEMES
from bdtui.tui.wording import plain
from bdtui.tui.workspace import Workspace

if TYPE_CHECKING:
    from bdtui.engine.runs.unfinished import UnfinishedRun

_LARGEST_COUNT = 9999
_WATCH_SECONDS = 1.0
_WINDOW_SECONDS = 0.3

log = logging.getLogger("bdtui")


class BdtuiApp(App[None]):
    """The workbench on a terminal.

    Args:
        settings: what is open from the start, or what the load screen begins with.
        make_engine: makes the engine; is given where its events go.
        expected_sha256: hashes that a recipe recorded of the files in ``settings``.
        go_on_in: the folder of a session to go on with.
        preferences: theme and keys.
        watch: notices a terminal that has gone.
        leaving: is told the exit status when the app begins to end.
        painted: is told when the first paint is out.
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
        super().__init__()
        # Before anything is styled: a theme that comes later has everything styled twice.
        for theme in THEMES:
            self.register_theme(theme)
        self._preferences = preferences or Preferences()
        self.theme = self._preferences.theme
        self._asked = settings
        self._engine = make_engine(self._hear)
        self._watch = watch
        self._leaving = leaving
        self._painted = painted
        self._expected_sha256 = expected_sha256
        self._go_on_in = go_on_in
        self.kept_in: str | None = None
        """The folder in which the session is kept; None before the first move."""
        self._count = ""
        self._opening: RunSettings | None = None
        self._opened: RunSettings | None = None
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
        self._leave_on_signals()

    def on_mount(self) -> None:
        """Keys; then, once the first paint is out, the engine."""
        self.set_keymap(dict(self._preferences.keys))
        if self._watch is not None:
            self.set_interval(_WATCH_SECONDS, self._leave_when_terminal_is_lost)
        self.workspace.show_pane("channels")
        self.call_after_refresh(self._begin)

    @property
    def workspace(self) -> Workspace:
        """The panes."""
        return self.screen_stack[0].query_one(Workspace)

    # What the engine says.

    def _hear(self, event: Event) -> None:
        """Called in the engine's thread."""
        self.post_message(EngineSaid(event))

    def on_engine_said(self, message: EngineSaid) -> None:
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
            case events.WorkbenchSet():
                self._opened = event.settings
                asked, self._opening = self._opening, None
                if asked is not None:
                    start(partial(remember, asked))
            case events.WorkStopped():
                asked, self._opening = self._opening, None
                if asked is not None and self._opened is None:
                    self._ask_for_files(event.sentence)
            case events.SessionKept():
                self.kept_in = event.folder
                self.tell(f"What you do is kept in {event.folder}")
            case events.RunFinished():
                self.tell(f"Everything is written to {event.out}")
            case events.WorkFailed():
                self._tell_failure(event)

    def _tell_failure(self, event: events.WorkFailed) -> None:
        log.error("%s: %s\n%s", event.what, event.sentence, event.details)
        opening, self._opening = self._opening, None
        if event.what == LOADING and not event.details:
            # A device that is not there: what --batch refuses with this sentence. It is said of every request.
            if self.return_code is None:
                self.exit(return_code=ExitCode.USAGE, message=Text(f"bdtui: error: {plain(event.sentence)}"))
        elif event.what == Open.work and opening is not None and not event.details:
            self._ask_for_files(event.sentence)
        elif not isinstance(self.screen, FailureDialog):
            self.push_screen(FailureDialog(event.what, event.sentence))

    # What a person wants. Each of these has a line in tui/actions.py.

    def action_prune(self) -> None:
        """Prune the next channels."""
        self._ask(Prune(self._taken_count()))

    def action_undo(self) -> None:
        """Take moves back."""
        self._ask(Undo(self._taken_count()))

    def action_redo(self) -> None:
        """Do moves again."""
        self._ask(Redo(self._taken_count()))

    def action_next_threshold(self) -> None:
        """Prune on to the next thresholds."""
        for _ in range(min(self._taken_count(), 100)):
            self._ask(NextThreshold())

    def action_go_to_step(self) -> None:
        """Go to the step that was typed in front, or ask for one."""
        position = self._position
        if self._count:
            step = int(self._count)
            self._taken_count()
            self._ask(GoTo(step))
        elif position is None:
            self._ask(GoTo(0))
        else:
            reached = {state.drop: state.step for state in position.thresholds if state.step is not None}

            def go(step: int | None) -> None:
                if step is not None:
                    self._ask(GoTo(step))

            self.push_screen(GoToDialog(len(position.order), reached), go)

    def action_toggle_channel(self) -> None:
        """Silence or revive the channel under the cursor."""
        pane = self.workspace.channels
        channel = pane.selected
        if channel is None:
            self._say_nothing_is_open()
        elif not pane.display:
            key = first_key("show_channels", self._preferences.keys)
            self.tell(f"The channel under the cursor is meant{key and f': {key} shows the channels'}.")
        else:
            pane.keep_cursor()
            self._ask(Toggle(channel))

    def action_choose_layer(self) -> None:
        """Ask for a layer that can be pruned."""
        layers = self.workspace.query_one(ModelPane).prunable_layers()
        if not layers:
            self._say_nothing_is_open()
            return

        present = self._opened.layer if self._opened else None

        def choose(layer: str | None) -> None:
            if layer is not None:
                self._ask(ChooseLayer(layer))

        self.push_screen(
            ChoiceDialog(f"Prune the channels of which layer? ({self._begins_anew()})", layers, present), choose
        )

    def on_model_pane_layer_picked(self, message: ModelPane.LayerPicked) -> None:
        """A layer was picked in the model pane."""
        self._ask(ChooseLayer(message.layer))

    def action_choose_ranking(self) -> None:
        """Ask for an order."""
        # Not above: it brings numpy, which the first paint does not wait for.
        from bdtui.engine.pruning.rankings import RANKINGS

        def choose(ranking: str | None) -> None:
            if ranking is not None:
                self._ask(ChooseRanking(ranking))

        choices = [(name, entry.description) for name, entry in RANKINGS.items()]
        present = (self._opened or self._asked).ranking
        self.push_screen(
            ChoiceDialog(f"In which order do channels go? ({self._begins_anew()})", choices, present), choose
        )

    def _begins_anew(self) -> str:
        by_hand = self._position is not None and any(point.by_hand for point in self._position.path)
        return "from step 0; the order made by hand is dropped, e keeps it in a recipe" if by_hand else "from step 0"

    def action_open(self) -> None:
        """Ask for files."""
        self._ask_for_files("")

    def action_open_sample(self) -> None:
        """Open the bundled BadNet."""
        self._open(RunSettings(sample=True, device=self._asked.device, seed=self._asked.seed))

    def action_reopen_scaled(self, scale: str) -> None:
        """Open the same files with pixels divided by another number."""
        self._reopen(scale=scale)

    def action_reopen_laid_out(self, layout: str) -> None:
        """Open the same files with another axis order."""
        self._reopen(layout=layout)

    def _reopen(self, *, scale: str | None = None, layout: str | None = None) -> None:
        opened = self._opened
        if opened is None:
            self._say_nothing_is_open()
            return
        # An order made by hand was made of what the network did with the pixels as they were.
        self._open(replace(opened, scale=scale or opened.scale, layout=layout or opened.layout, order=None))

    def action_export(self) -> None:
        """Write the files."""
        self.workspace.show_pane("export", focus=False)
        self._ask(Export(self.workspace.export_folder))

    def action_stop(self) -> None:
        """Stop what is running, and forget a count."""
        self._taken_count()
        self._engine.stop()

    def action_sort(self) -> None:
        """Sort the channels by the next column."""
        self.workspace.channels.sort_next()

    def action_reverse_sort(self) -> None:
        """Turn the channels' order on the screen round."""
        self.workspace.channels.sort_reversed()

    def action_next_chart(self) -> None:
        """Show the next chart."""
        self.workspace.next_chart()

    def action_show_pane(self, name: str) -> None:
        """Bring a pane in front."""
        self.workspace.show_pane(name)

    def action_zoom(self) -> None:
        """Give the pane in focus the whole screen, or take it back."""
        self.workspace.zoom()

    def action_copy(self) -> None:
        """Copy the status line and what the pane in focus offers (OSC 52)."""
        pane = self.workspace.focused_pane()
        text = "\n".join(part for part in (self._main(StatusBar).status, pane.copied_text() if pane else "") if part)
        if text:
            self.copy_to_clipboard(text)
            self.tell("Copied.")

    def action_next_theme(self) -> None:
        """Change between dark, light and high contrast."""
        names = [theme.name for theme in THEMES]
        self.theme = names[(names.index(self.theme) + 1) % len(names)] if self.theme in names else names[0]

    def action_help(self) -> None:
        """Explain the pane in focus, and all keys."""
        pane = self.workspace.focused_pane()
        keymap = self._preferences.keys
        keys = [(spoken_keys(keymap.get(action.id, action.keys)), action.description) for action in ACTIONS]
        keys += [("ctrl+p", "Find any of this by name"), ("tab", "Go to the next part of the screen")]
        title, text = (pane.TITLE, pane.HELP) if pane else ("bdtui", "")
        self.push_screen(HelpScreen(title, text, keys))

    def action_save_screenshot(self) -> None:
        """Save the screen as SVG in the working directory."""
        try:
            self.tell(f"Saved as {self.save_screenshot(path=str(Path.cwd()))}")
        except OSError as problem:
            self.tell(f"The picture cannot be saved here ({problem.strerror}).")

    async def action_quit(self) -> None:
        """Quit at once."""
        self._leave(ExitCode.DONE)

    def action_help_quit(self) -> None:
        """Textual's own answer to ctrl+c, which stops work here."""
        self.action_stop()

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        """Every action, for the command palette; none while a dialog waits for its answer."""
        if screen is not self.screen_stack[0]:
            return
        keymap = self._preferences.keys
        for action in (*ACTIONS, *COMMANDS):
            keys = keymap.get(action.id, action.keys)
            hint = f"key {spoken_keys(keys)}" if keys else ""
            yield SystemCommand(
                action.description, hint, lambda name=action.name: self.call_later(self.run_action, name)
            )

    # Counts: 5n prunes five.

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

    # Opening.

    def _begin(self) -> None:
        """Start the engine, and open what was asked for or ask for it."""
        self._painted()
        try:
            check_given(self._asked)
        except OptionError as missing:
            given = any(getattr(self._asked, name) for name in ("model", "weights", "architecture", *ROLES))
            self._ask_for_files(str(missing) if given else "")
            # After its window is there: the import of TensorFlow would make that wait.
            self.set_timer(_WINDOW_SECONDS, self._engine.start)
        else:
            self._engine.start()
            self._open(self._asked, self._expected_sha256, self._go_on_in)

    def _ask_for_files(self, notice: str) -> None:
        # Not above: who names the files when starting does not wait for it.
        from bdtui.tui.opening.screen import LoadScreen

        asking = next((screen for screen in self.screen_stack if isinstance(screen, LoadScreen)), None)
        if asking is not None:
            asking.tell(notice)
            return

        def opened(answer: RunSettings | UnfinishedRun | None) -> None:
            if isinstance(answer, RunSettings):
                self._open(answer, screen.expected_sha256(answer))
            elif answer is not None:
                self._open(answer.settings, answer.sha256, answer.folder)

        screen = LoadScreen(self._asked, recent(), notice)
        self.push_screen(screen, opened)

    def _open(
        self, settings: RunSettings, expected_sha256: Mapping[str, str] | None = None, go_on_in: Path | None = None
    ) -> None:
        self._asked = self._opening = settings
        self._engine.submit(Open(settings, expected_sha256 or {}, go_on_in))

    def _ask(self, request: Request) -> None:
        self._engine.submit(request)

    def _say_nothing_is_open(self) -> None:
        key = first_key("open", self._preferences.keys)
        self.tell(f"Nothing is open yet{key and f': {key} opens a model and images'}.")

    def tell(self, sentence: str) -> None:
        """Show a sentence for a while; it may hold names from outside."""
        self.notify(plain(sentence), timeout=4, markup=False)

    def _main(self, kind: type[Any]) -> Any:
        return self.screen_stack[0].query_one(kind)

    # Leaving.

    def _leave_on_signals(self) -> None:
        """Leave the terminal as it was, whoever ends the app."""
        loop = asyncio.get_running_loop()
        try:
            for number in (signal.SIGTERM, signal.SIGHUP):
                loop.add_signal_handler(number, self._leave, ExitCode.INTERRUPTED)
            loop.add_signal_handler(signal.SIGINT, self.action_stop)
        except (NotImplementedError, RuntimeError, ValueError):
            # Not in the main thread, as in some tests.
            return

    def _leave_when_terminal_is_lost(self) -> None:
        if self._watch is not None and self._watch.lost():
            self._leave(ExitCode.INTERRUPTED)

    def _leave(self, code: ExitCode) -> None:
        self._leaving(code)
        self.exit(return_code=code)
