"""A line to type a path into, completed from the file system as the person types."""

from __future__ import annotations

import os
from itertools import islice
from pathlib import Path

from textual.suggester import Suggester
from textual.widgets import Input

from bdtui.engine.inputs.file_preview import SUFFIXES
from bdtui.tui.terminal.background import ask
from bdtui.tui.wording import plain

_MOST_ENTRIES = 20_000


class PathInput(Input):
    """A one-line input for a path; the right arrow accepts the completion.

    A file's name may hold what a terminal must not be sent. Such a path is shown with those characters replaced, and
    kept as it is for as long as nobody edits the line.
    """

    def __init__(self, *, id: str, placeholder: str = "", paths: bool = True) -> None:
        super().__init__(
            id=id,
            placeholder=placeholder,
            suggester=PathSuggester() if paths else None,
            select_on_focus=False,
            compact=True,
        )
        self._shown, self._meant = "", ""

    @property
    def text(self) -> str:
        """What the person means: the line, or the very path that it stands for."""
        return self._meant if self.value == self._shown else self.value.strip()

    def fill(self, text: str) -> None:
        """Put a path into the line."""
        self._meant, self._shown = text, plain(text)
        self.value = self._shown
        self.cursor_position = len(self.value)
        self.call_after_refresh(self._show_end)

    def on_resize(self) -> None:
        """Keep the end of the path in sight."""
        self.call_after_refresh(self._show_end)

    def on_blur(self) -> None:
        """Show the end again when the person is done with the line."""
        self.call_after_refresh(self._show_end)

    def _show_end(self) -> None:
        """A path's end tells more than its beginning, also on a line that is not being edited."""
        if not self.has_focus:
            self.scroll_to(x=self.max_scroll_x, animate=False, force=True)


class PathSuggester(Suggester):
    """Completes a path to the first folder, or file of a kind that can be opened, whose name goes on like it."""

    def __init__(self) -> None:
        super().__init__(use_cache=False, case_sensitive=True)

    async def get_suggestion(self, value: str) -> str | None:
        """The completed path; None where nothing goes on like this."""
        return await ask(lambda: complete_path(value))


def here() -> Path:
    """The folder that relative paths start from; the home folder where that one has been removed."""
    try:
        return Path.cwd()
    except OSError:
        return Path(os.path.expanduser("~"))  # noqa: PTH111


def complete_path(typed: str) -> str | None:
    """What a path may go on to; ``~`` stands for the home folder and stays as it is."""
    if typed == "~":
        return "~/"
    folder, beginning = os.path.split(typed)
    names: list[str] = []
    try:
        with os.scandir(os.path.expanduser(folder) or ".") as entries:  # noqa: PTH111 (stays relative)
            for entry in islice(entries, _MOST_ENTRIES):
                if _offered(entry.name, beginning):
                    if os.path.isdir(entry.path):  # noqa: PTH112 (answers where others raise: links in a ring)
                        names.append(entry.name + "/")
                    elif Path(entry.name).suffix.lower() in SUFFIXES:
                        names.append(entry.name)
    except (OSError, ValueError):
        return None
    return typed + min(names, key=str.casefold)[len(beginning) :] if names else None


def _offered(name: str, beginning: str) -> bool:
    """Hidden names only to those who type the dot; no name that could not be shown as it is."""
    return name.startswith(beginning) and (beginning != "" or name[0] != ".") and plain(name) == name
