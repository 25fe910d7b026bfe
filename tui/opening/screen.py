"""The screen that asks what to open: files from a tree, typed paths, recent files or unfinished runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widgets import Button, Footer, Input, OptionList, Static

from bdtui.engine.errors import InputError
from bdtui.engine.inputs.file_preview import FoundFile
from bdtui.engine.inputs.recipe import Recipe, read_recipe
from bdtui.engine.settings import ROLES, SAMPLE_MODEL, RunSettings
from bdtui.tui.dialogs import HelpScreen
from bdtui.tui.opening.file_tree import FileTree
from bdtui.tui.opening.form import LAYER, InputForm, LineRefused, Problem, label_of, missing, unopenable
from bdtui.tui.terminal.background import run_in_background
from bdtui.tui.widgets.path_input import PathInput, here
from bdtui.tui.wording import plain

if TYPE_CHECKING:
    from bdtui.engine.runs.unfinished import UnfinishedRun


_TOO_SMALL = (
    "This window needs a terminal of 60×18. Enlarge it, or name the files when starting: bdtui MODEL --clean-valid FILE"
)


class LoadScreen(ModalScreen["RunSettings | UnfinishedRun | None"]):
    """Asks for a model and image sets; returns settings to open, a run to resume, or None.

    Args:
        initial: fills the form, and supplies the settings that are not in the form.
        recent: recently opened files, the latest first.
        notice: shown on top, e.g. why opening failed.
    """

    HELP: ClassVar[str] = """\
The tree shows the files that can be opened, with their content: ◆ a model, ◇ weights only, ▦ images, ≡ a recipe,
▵ an architecture only, ✚ a picture that may be a trigger, ¶ names that may be those of the classes.

- `enter` on a file fills in the line that its kind and name suggest, as it does on a folder of pictures with one
  sub-folder a class (▦), which `right` unfolds; `backspace` goes one folder up.
- `f2` in a line moves to the tree to pick a file for this line; `f2` in the tree goes back.
- `f9` shows a letter on every line and button; it goes there. `j` and `k` move in the tree, `up` and `down` there and
  between lines. Paths are completed as you type: `right` accepts. `~` is the home folder.
- A model needs *Clean valid*; weights also need an *Architecture*, if they do not fit deepid. All other lines are optional.
  A *Trigger* with a *Target* makes the poisoned images from the clean ones.
- `f10` (or `ctrl+o`) opens, as does `enter` in the last line. *Sample* opens the bundled BadNet.
- `↻ Resume` continues an unfinished run or session under `bdtui-runs/` where it stopped.
- `escape` closes this window without opening anything.
"""

    CSS_PATH = "screen.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f10,ctrl+o", "open", "Open", key_display="f10"),
        Binding("f2", "switch", "Tree/Form"),
        Binding("up", "app.focus_previous", show=False),
        Binding("down", "app.focus_next", show=False),
        Binding("f1", "help", "Help"),
        Binding("f9", "app.jump", show=False),
        Binding("escape", "cancel", "Cancel", key_display="esc"),
        Binding("q", "app.quit", "Quit"),
        Binding("ctrl+c", "cancel", show=False, priority=True),
    ]
    VERTICAL_BREAKPOINTS = [(0, "-too-low"), (18, "-low"), (36, "-tall")]  # noqa: RUF012 (Textual's own is annotated otherwise)
    HORIZONTAL_BREAKPOINTS = [(0, "-too-narrow"), (60, "-wide-enough")]  # noqa: RUF012

    def __init__(self, initial: RunSettings, recent: Sequence[RunSettings] = (), notice: str = "") -> None:
        super().__init__()
        self._base = initial
        self._recent = tuple(recent)
        self._notice = notice
        self._target_field: str | None = None
        self._recipe: Recipe | None = None
        self._unfinished: Sequence[UnfinishedRun] = ()

    def compose(self) -> ComposeResult:
        with Vertical(id="load-window") as window:
            window.border_title = "Open"
            if self._notice:
                yield Static(Text(plain(self._notice)), id="load-notice")
            with Horizontal(id="load-panes"):
                yield FileTree(here(), id="load-tree")
                with Vertical(id="load-right"):
                    yield InputForm(id="load-form")
                    with Horizontal(id="load-buttons"):
                        yield Button(
                            "Open", id="load-open", variant="primary", compact=True, tooltip="Open these files (f10)"
                        )
                        yield Button(
                            "Sample", id="load-sample", compact=True, tooltip="Open the bundled BadNet and its images"
                        )
                        yield Button("Cancel", id="load-cancel", compact=True, tooltip="Close this window (escape)")
                    yield Static("Recent files" if self._recent else "", id="load-recent-title")
                    recent = OptionList(*map(_recent_line, self._recent), id="load-recent", compact=True, markup=False)
                    recent.display = bool(self._recent)
                    self.set_class(recent.display, "-recent")
                    yield recent
            yield Static(_TOO_SMALL, id="load-too-small", markup=False)
            yield Static(id="load-description", markup=False)
            yield Static(id="load-message", markup=False)
        yield Footer(show_command_palette=False)

    def on_mount(self) -> None:
        self._form.fill(self._base)
        if self._base.sample:
            self.show_message("the bundled sample is open: f10 reopens it, choosing a file replaces it")
        self.query_one(FileTree).focus()
        self.run_worker(self._list_unfinished(), group="unfinished")

    async def _list_unfinished(self) -> None:
        """Offer the unfinished runs that were started in this folder."""

        def look() -> list[UnfinishedRun]:
            # Imported here: it imports SQLite and numpy, which would delay the window.
            from bdtui.engine.runs.unfinished import unfinished_runs

            return unfinished_runs(here())

        self._unfinished = await run_in_background(look)
        if self._unfinished:
            choices = self.query_one("#load-recent", OptionList)
            choices.clear_options()
            choices.add_options([*map(_unfinished_line, self._unfinished), *map(_recent_line, self._recent)])
            choices.display = True
            self.add_class("-recent")
            choices.highlighted = 0
            title = "Unfinished runs and recent files" if self._recent else "Unfinished runs"
            self.query_one("#load-recent-title", Static).update(title)

    def expected_sha256(self, settings: RunSettings) -> dict[str, str]:
        """The hashes in the recipe, for those of its files that ``settings`` still name."""
        if self._recipe is None:
            return {}
        named = self._recipe.settings
        return {
            name: value for name, value in self._recipe.sha256.items() if getattr(settings, name) == named.get(name)
        }

    def show_message(self, sentence: str) -> None:
        self.query_one("#load-message", Static).update(Text(plain(self._form.in_its_words(sentence))))

    def action_cancel(self) -> None:
        self.dismiss(None)

    def action_help(self) -> None:
        """Show help on this screen; the app's help covers the panes behind it."""
        self.app.push_screen(HelpScreen("opening a model and its images", self.HELP, ()))

    def action_open(self) -> None:
        self.run_worker(self._open(), group="open", exclusive=True)

    def action_switch(self) -> None:
        """Move from a line to the tree, and from the tree back to that line."""
        tree = self.query_one(FileTree)
        if not tree.has_focus:
            tree.focus()
        else:
            self._form.focus_line(self._target_field or "model")

    async def _open(self) -> None:
        try:
            settings = self._form.settings(self._base)
        except LineRefused as refused:
            self._show_problem(refused.refusal)
            return
        problem = missing(settings) or await run_in_background(lambda: unopenable(settings))
        if problem is None:
            self.dismiss(settings)
        else:
            self._show_problem(problem)

    def _open_sample(self) -> None:
        """Open the bundled BadNet, without options chosen for other files."""
        self._base = replace(self._base, sample=True)
        try:
            kept = self._form.settings(self._base).sample
        except LineRefused:
            kept = False
        if not kept:
            self._form.fill(RunSettings())
        self.dismiss(self._form.settings(self._base))

    def on_button_pressed(self, event: Button.Pressed) -> None:
        event.stop()
        actions = {"load-open": self.action_open, "load-sample": self._open_sample, "load-cancel": self.action_cancel}
        actions[str(event.button.id)]()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Open on Enter in the last line."""
        event.stop()
        if event.input.id == LAYER:
            self.action_open()

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Resume the run, or fill the form from recent files."""
        event.stop()
        number = event.option_index - len(self._unfinished)
        if number < 0:
            self.dismiss(self._unfinished[event.option_index])
            return
        self._base, self._recipe = replace(self._base, sample=False), None
        self._form.fill(self._recent[number])
        self.show_message("filled in; f10 opens it")

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        """Remember the line from which the focus moves to the tree, and name it there."""
        tree = self.query_one(FileTree)
        if event.widget is not tree:
            name = event.widget.id if isinstance(event.widget, PathInput) else None
            self._set_target(name if self._form.holds_file(name) else None)

    def on_file_tree_described(self, event: FileTree.Described) -> None:
        event.stop()
        self.query_one("#load-description", Static).update(Text(plain(event.text)))

    def on_file_tree_status_changed(self, event: FileTree.StatusChanged) -> None:
        event.stop()
        self.show_message(event.text)

    def on_file_tree_chosen(self, event: FileTree.Chosen) -> None:
        event.stop()
        if event.found.kind == "recipe":
            self.run_worker(self._fill_from_recipe(event.found), group="recipe", exclusive=True)
            return
        self.show_message(self._form.take(event.found, self._target_field))
        self._set_target(None)

    async def _fill_from_recipe(self, found: FoundFile) -> None:
        try:
            recipe = await run_in_background(lambda: read_recipe(found.path))
        except InputError as problem:
            self.show_message(str(problem))
            return
        # A recipe replaces all files; settings that it lacks fall back to their defaults.
        self._recipe = recipe
        self._base = replace(RunSettings(), **{**recipe.settings, "device": self._base.device})
        self._form.fill(self._base)
        self.show_message(f"filled in from {found.path.name}; f10 opens it")

    def _set_target(self, name: str | None) -> None:
        self._target_field = name
        self.query_one(FileTree).border_subtitle = Text(f"→ {label_of(name)}" if name else "")

    def _show_problem(self, problem: Problem) -> None:
        self.show_message(problem.sentence)
        self._form.focus_line(problem.field)

    @property
    def _form(self) -> InputForm:
        return self.query_one(InputForm)


def _unfinished_line(run: UnfinishedRun) -> Text:
    """An unfinished run on one line: folder, time, progress, network."""
    model = Path(SAMPLE_MODEL) if run.settings.sample else run.settings.model or run.settings.weights or Path()
    when = datetime.fromtimestamp(run.touched).astimezone()
    # Networks made by hand are measured beside those of the order.
    done = f"{min(run.steps, run.channels)} of {run.channels}" if run.channels else str(run.steps)
    steps = "step" if done == "1" else "steps"
    # How far it came stands first: the end of the line may not fit.
    line = Text(f"↻ Resume: {done} {steps} measured", no_wrap=True, overflow="ellipsis")
    line.append(plain(f"  {when:%d %b %H:%M} · {run.folder.name} · {model.name}"), "dim")
    return line


def _recent_line(settings: RunSettings) -> Text:
    """Recently opened files on one line: network, image sets, folder."""
    network = settings.model or settings.weights or Path()
    clean = settings.clean_valid
    sets = sum(getattr(settings, role) is not None for role in ROLES)
    line = Text(plain(network.name), no_wrap=True, overflow="ellipsis")
    words = [f"{sets} image set{'' if sets == 1 else 's'}"] if clean is not None else ["no images"]
    line.append(plain("  " + " · ".join([*words, str(network.parent)])), "dim")
    return line
