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

from bdtui.engine.errors import DataError, InputError, ModelError
from bdtui.engine.inputs.file_preview import FoundFile, Kind
from bdtui.engine.machine.files import require_file
from bdtui.engine.settings import CLEAN_TEST, CLEAN_VALID, POISONED_TEST, POISONED_VALID, ROLES, RunSettings
from bdtui.tui.widgets.choice import Choice
from bdtui.tui.widgets.path_input import PathInput, here


@dataclass(frozen=True)
class Field:
    """A line of the form.

    Attributes:
        name: of the field of `RunSettings`.
        label: for a person.
        placeholder: shown while the line is empty.
        kinds: what the file can be; empty for what is no file.
    """

    name: str
    label: str
    placeholder: str = ""
    kinds: tuple[Kind, ...] = ()


MODEL, WEIGHTS, ARCHITECTURE, LAYER = "model", "weights", "architecture", "layer"

FIELDS = (
    Field(MODEL, "Model", ".h5, .hdf5 or .keras", ("model",)),
    Field(WEIGHTS, "Weights", "only if a file of their own", ("weights", "model")),
    Field(ARCHITECTURE, "Architecture", "deepid or a Keras .json", ("architecture",)),
    Field(CLEAN_VALID, "Clean valid", "needed: HDF5, data and label", ("images",)),
    Field(POISONED_VALID, "Poisoned valid", "with the attacker's labels", ("images",)),
    Field(CLEAN_TEST, "Clean test", "for the final rates", ("images",)),
    Field(POISONED_TEST, "Poisoned test", "for the final rates", ("images",)),
)
LABELS = {field.name: field.label for field in FIELDS}
_KINDS = {field.name: field.kinds for field in FIELDS}

LAYOUTS = ("auto", "nchw", "nhwc")
SCALES = ("auto", "1", "255")


@dataclass(frozen=True)
class Problem:
    """Why something cannot be opened: a sentence, and the line that it is about."""

    sentence: str
    field: str


class InputForm(VerticalScroll, can_focus=False):
    """Lines for the files of a run, their layout, their scale, and the layer."""

    # Of this widget's own: a container that scrolls would take the arrows for itself.
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "app.focus_previous", show=False),
        Binding("down", "app.focus_next", show=False),
    ]

    def compose(self) -> ComposeResult:
        """One line a field."""
        for field in FIELDS:
            with Horizontal(classes="line last" if field.name in (ARCHITECTURE, ROLES[-1]) else "line"):
                yield Label(field.label)
                yield PathInput(id=field.name, placeholder=field.placeholder)
        for name, label, options in (("layout", "Layout", LAYOUTS), ("scale", "Scale", SCALES)):
            with Horizontal(classes="line"):
                yield Label(label)
                yield Choice(options, id=name)
        with Horizontal(classes="line"):
            yield Label("Layer")
            yield PathInput(id=LAYER, placeholder="the deepest pooling", paths=False)

    def fill(self, settings: RunSettings) -> None:
        """Show what settings say; what they leave open becomes empty."""
        for field in FIELDS:
            value = getattr(settings, field.name)
            self._input(field.name).fill("" if value is None else str(value))
        self.query_one("#layout", Choice).value = settings.layout
        self.query_one("#scale", Choice).value = settings.scale
        self._input(LAYER).fill(settings.layer or "")

    def settings(self, base: RunSettings) -> RunSettings:
        """What the form says, over settings that hold all that is not in the form."""
        texts = {field.name: self._input(field.name).text for field in FIELDS}
        values: dict[str, Any] = {
            name: _as_architecture(text) if name == ARCHITECTURE else _as_path(text) for name, text in texts.items()
        }
        given = replace(
            base,
            **values,
            layout=self.query_one("#layout", Choice).value,
            scale=self.query_one("#scale", Choice).value,
            layer=self._input(LAYER).text or None,
            sample=base.sample and not any(texts.values()),
        )
        return given if _prunes_the_same(given, base) else replace(given, order=None)

    @property
    def names_files(self) -> bool:
        """Whether any file is named."""
        return any(self._input(field.name).value for field in FIELDS)

    def take(self, found: FoundFile, aimed_at: str | None) -> str:
        """Put a file into the line where it belongs.

        Args:
            found: the file; no recipe.
            aimed_at: name of the field that the person comes from; it wins where it can hold such a file.

        Returns:
            What was done, for the person.
        """
        fits = aimed_at is not None and found.kind in _KINDS.get(aimed_at, ())
        name = aimed_at if fits and aimed_at is not None else self._guess(found)
        self._input(name).fill(_shortened(found.path))
        emptied = [other for other in _displaced(name) if self._input(other).value]
        for other in emptied:
            self._input(other).fill("")
        words = f"→ {LABELS[name].lower()}: {found.path.name}"
        return f"{words} ({' and '.join(LABELS[other].lower() for other in emptied)} emptied)" if emptied else words

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
        if _as_path(self._input(role).text) in (None, found.path):
            return role
        return next((other for other in ROLES if not self._input(other).value), role)

    def _input(self, name: str) -> PathInput:
        return self.query_one(f"#{name}", PathInput)


def guess_role(path: Path) -> str:
    """Which image set a file is, by its name; where that says nothing, by the name of its folder."""
    names = (path.stem, path.parent.name)
    poisoned = _first_said(names, _sounds_poisoned)
    test = _first_said(names, _sounds_like_test)
    if poisoned:
        return POISONED_TEST if test else POISONED_VALID
    return CLEAN_TEST if test else CLEAN_VALID


def missing(settings: RunSettings) -> Problem | None:
    """What has to be given before anything can be opened."""
    if settings.sample:
        return None
    if settings.model is None and (settings.architecture is None or settings.weights is None):
        line = MODEL if settings.architecture is None else WEIGHTS
        return Problem("no model was given; expected a model, or an architecture with weights", line)
    if settings.model is not None and settings.architecture is not None:
        return Problem("both a model and an architecture were given; expected one of them", ARCHITECTURE)
    if settings.clean_valid is None:
        return Problem("no clean validation images were given; expected a file at Clean valid", CLEAN_VALID)
    return None


def unopenable(settings: RunSettings) -> Problem | None:
    """The first file that is not there. Asks the file system."""
    whole, weights = "a Keras model (.h5, .hdf5 or .keras)", "the weights of a Keras model"
    files: list[tuple[str, Path | None, type[InputError], str]] = [
        (MODEL, settings.model, ModelError, whole),
        (WEIGHTS, settings.weights, ModelError, weights),
        (ARCHITECTURE, _json_file(settings.architecture), ModelError, "a Keras JSON file"),
        *((role, getattr(settings, role), DataError, "an HDF5 file") for role in ROLES),
    ]
    for name, path, error, expected in files:
        try:
            if path is not None:
                require_file(path, error, expected)
        except InputError as problem:
            return Problem(str(problem), name)
    return None


def _prunes_the_same(given: RunSettings, base: RunSettings) -> bool:
    """Whether an order made by hand still speaks of the same channels."""
    same_files = all(
        _absolute(getattr(given, name)) == _absolute(getattr(base, name)) for name in (MODEL, WEIGHTS, ARCHITECTURE)
    )
    return same_files and given.sample == base.sample and given.layer == base.layer


def _absolute(file: Path | str | None) -> Path | None:
    return None if file is None else _as_path(str(file))


def _displaced(name: str) -> Sequence[str]:
    """What cannot stand beside a field, or was meant for the network that it replaces."""
    return {MODEL: (WEIGHTS, ARCHITECTURE), ARCHITECTURE: (MODEL,)}.get(name, ())


def _as_path(text: str) -> Path | None:
    """A path made absolute; not resolved, since a link may be meant to be followed later."""
    return Path(os.path.normpath(here() / os.path.expanduser(text))) if text else None  # noqa: PTH111


def _as_architecture(text: str) -> str | None:
    path = _json_file(text)
    return str(_as_path(str(path))) if path is not None else text or None


def _json_file(architecture: str | None) -> Path | None:
    """The file that an architecture names; None for a built-in one, which the engine knows."""
    if architecture and (architecture.endswith(".json") or os.sep in architecture):
        return Path(architecture)
    return None


def _shortened(path: Path) -> str:
    """A path as one would type it here, so that it fits into a narrow line."""
    for folder, shown in ((here(), ""), (Path(os.path.expanduser("~")), "~")):  # noqa: PTH111
        if path.is_relative_to(folder):
            return os.path.join(shown, path.relative_to(folder))  # noqa: PTH118
    return str(path)


def _first_said(names: Sequence[str], said: Any) -> bool:
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
