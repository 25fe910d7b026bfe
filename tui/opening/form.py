"""The files of a run, and how they are to be read, as lines to fill in."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.widgets import Input, Label

from bdtui.engine.errors import InputError, OptionError
from bdtui.engine.inputs.file_preview import FoundFile
from bdtui.engine.option import FLAG, options_of
from bdtui.engine.settings import (
    CLEAN_TEST,
    CLEAN_VALID,
    NETWORK,
    POISONED_TEST,
    POISONED_VALID,
    ROLES,
    MissingOption,
    RunSettings,
    check_given,
    files_in_place_of_sample,
    spelled_out,
)
from bdtui.tui.widgets.choice import Choice
from bdtui.tui.widgets.path_input import PathInput, here

LAYER = "layer"
_NO_YES = ("no", "yes")


def label_of(name: str) -> str:
    """What stands in front of an option's line."""
    return name.replace("_", " ").capitalize()


@dataclass(frozen=True)
class Problem:
    """Why something cannot be opened: a sentence, and the line that it is about."""

    sentence: str
    field: str


class LineRefused(OptionError):
    """A line holds what its option does not take.

    Attributes:
        refusal: for the person, with the line.
    """

    def __init__(self, sentence: str, field: str) -> None:
        super().__init__(sentence)
        self.refusal = Problem(sentence, field)


class InputForm(VerticalScroll, can_focus=False):
    """A line for every option that says what is opened, or how.

    Args:
        declared: its fields are the options.
    """

    # Of this widget's own: a container that scrolls would take the arrows for itself.
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "app.focus_previous", show=False),
        Binding("down", "app.focus_next", show=False),
    ]

    def __init__(self, declared: type[RunSettings] = RunSettings, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._options = {name: option for name, option in options_of(declared).items() if option.opens}

    def compose(self) -> ComposeResult:
        """One line an option; the last file of a group is marked."""
        last_files = {option.group: name for name, option in self._options.items() if option.names_file}
        for name, option in self._options.items():
            with Horizontal(classes="line last" if name in last_files.values() else "line"):
                yield Label(label_of(name))
                line: Choice | PathInput
                if option.choices or option.kind is FLAG:
                    line = Choice(option.choices or _NO_YES, id=name)
                else:
                    line = PathInput(id=name, placeholder=option.hint, paths=option.names_file)
                line.tooltip = option.help.replace("{default}", str(option.default))
                yield line

    def on_mount(self) -> None:
        # Not higher than its lines and the blank ones behind each group.
        self.styles.max_height = len(self._options) + len({option.group for option in self._options.values()}) - 1

    def in_its_words(self, sentence: str) -> str:
        """A sentence with the names of lines in place of the options of the command line."""
        labels = {f"--{name.replace('_', '-')}": label_of(name) for name in self._options}
        return re.sub(r"--[a-z][a-z-]*", lambda found: labels.get(found[0], found[0]), sentence)

    def fill(self, settings: RunSettings) -> None:
        """Show what settings say; what they leave open becomes empty."""
        shown = spelled_out(settings)
        for name in self._options:
            self._fill_line(name, getattr(shown, name))

    def _fill_line(self, name: str, value: Any) -> None:
        line = self.query_one(f"#{name}")
        if isinstance(line, Choice):
            line.value = _NO_YES[value] if self._options[name].kind is FLAG else value
        else:
            self._input(name).fill("" if value is None else self._options[name].kind.show(value))

    def settings(self, base: RunSettings) -> RunSettings:
        """What the form says, over settings that hold all that is not in the form.

        Raises:
            LineRefused: a line holds what its option does not take.
        """
        given = replace(spelled_out(base), **{name: self._value(name) for name in self._options})
        if files_in_place_of_sample(given):
            given = replace(given, sample=False)
        return given if _prunes_the_same(given, base) else replace(given, order=None)

    def _value(self, name: str) -> Any:
        option, line = self._options[name], self.query_one(f"#{name}")
        if isinstance(line, Choice):
            return line.value == _NO_YES[1] if option.kind is FLAG else line.value
        text = self._input(name).text
        try:
            return option.relocate(option.kind.parse(text), _absolute) if text else option.default
        except OptionError as problem:
            raise LineRefused(f"{label_of(name)}: {problem}", name) from problem

    def holds_file(self, name: str | None) -> bool:
        """Whether a line is one for a file."""
        return name in self._options and self._options[name].names_file

    def take(self, found: FoundFile, aimed_at: str | None) -> str:
        """Put a file into the line where it belongs.

        Args:
            found: the file; no recipe.
            aimed_at: name of the field that the person comes from; it wins where it can hold such a file.

        Returns:
            What was done, for the person.
        """
        name = aimed_at if aimed_at and found.kind in self._options[aimed_at].kind.contents else self._guess(found)
        self._input(name).fill(_shortened(found.path))
        displaced = [other for other, option in self._options.items() if name in option.displaced_by]
        emptied = [other for other in displaced if self._value(other) != self._options[other].default]
        for other in emptied:
            self._fill_line(other, self._options[other].default)
        words = f"→ {label_of(name).lower()}: {found.path.name}"
        if name == "weights" and found.architecture and not self._value("model") and not self._value("architecture"):
            self._fill_line("architecture", found.architecture)
            words += f", architecture: {found.architecture}, which they fit"
        return f"{words} ({' and '.join(label_of(other).lower() for other in emptied)} emptied)" if emptied else words

    def focus_line(self, name: str) -> None:
        """Put the cursor into a line."""
        self._input(name).focus()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Go on to the next line; the last one is for the screen to answer."""
        if event.input.id != LAYER:
            event.stop()
            self.screen.focus_next()

    def _guess(self, found: FoundFile) -> str:
        if found.kind != "images":
            return found.kind
        role = guess_role(found.path)
        text = self._input(role).text
        if not text or _absolute(Path(text)) == found.path:
            return role
        return next((other for other in ROLES if not self._input(other).value), role)

    def _input(self, name: str) -> PathInput:
        return self.query_one(f"#{name}", PathInput)


def guess_role(path: Path) -> str:
    """Which image set a file is, by its name; where that says nothing, by the name of its folder."""
    names = (path.stem, path.parent.name)
    poisoned = _first_known(names, _sounds_poisoned)
    test = _first_known(names, _sounds_like_test)
    if poisoned:
        return POISONED_TEST if test else POISONED_VALID
    return CLEAN_TEST if test else CLEAN_VALID


def missing(settings: RunSettings) -> Problem | None:
    """What has to be given before anything can be opened."""
    if not settings.sample and settings.model is not None and settings.architecture is not None:
        return Problem("both a model and an architecture were given; expected one of them", "architecture")
    poisoned = settings.poisoned_valid or settings.poisoned_test
    if settings.trigger is not None and poisoned is not None:
        return Problem("both a trigger and poisoned images were given; expected one of them", "trigger")
    try:
        check_given(settings)
    except MissingOption as problem:
        line = label_of(problem.option)
        of_network = options_of(settings)[problem.option].group == NETWORK
        expected = (
            "a model, or an architecture with weights"
            if of_network
            else f"a class, or next, at {line}"
            if problem.option == "target"
            else f"a file or folder at {line}"
            if problem.option in ROLES
            else f"a file at {line}"
        )
        return Problem(f"{problem.finding}; expected {expected}", problem.option)
    return None


def unopenable(settings: RunSettings) -> Problem | None:
    """The first file or folder that is not there. Asks the file system."""
    for name, option in options_of(settings).items():
        path = option.file(getattr(settings, name))
        try:
            if path is not None:
                option.kind.require(path)
        except InputError as problem:
            return Problem(str(problem), name)
    return None


def _prunes_the_same(given: RunSettings, base: RunSettings) -> bool:
    """Whether an order made by hand still speaks of the same channels."""
    options = options_of(base)
    return all(
        options[name].relocate(getattr(given, name), _absolute)
        == options[name].relocate(getattr(base, name), _absolute)
        for name in options["order"].displaced_by
    )


def _absolute(path: Path) -> Path:
    """A path made absolute; not resolved, since a link may be meant to be followed later."""
    return Path(os.path.normpath(here() / os.path.expanduser(path)))  # noqa: PTH111


def _shortened(path: Path) -> str:
    """A path as one would type it here, so that it fits into a narrow line."""
    for folder, shown in ((here(), ""), (Path(os.path.expanduser("~")), "~")):  # noqa: PTH111
        if path.is_relative_to(folder):
            return os.path.join(shown, path.relative_to(folder))  # noqa: PTH118
    return str(path)


def _first_known(names: Sequence[str], said: Any) -> bool:
    return next((answer for answer in map(said, names) if answer is not None), False)


def _sounds_poisoned(name: str) -> bool | None:
    words = _words(name)
    if "bd" in words or any(sign in name.casefold() for sign in ("poison", "trigger", "sunglass", "backdoor")):
        return True
    return False if {"cl", "clean"} & words else None


def _sounds_like_test(name: str) -> bool | None:
    if "test" in name.casefold():
        return True
    return False if "val" in name.casefold() else None


def _words(name: str) -> set[str]:
    return set(re.split(r"[^a-z]+", name.casefold()))
