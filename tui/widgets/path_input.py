"""An input line for a path, with completion from the file system."""

from __future__ import annotations

import os
from itertools import islice
from pathlib import Path

from textual.suggester import Suggester
from textual.widgets import Input

from bdtui.tui.terminal.background import run_in_background
from bdtui.tui.wording import plain

_MOST_ENTRIES = 20_000


class PathInput(Input):
    """A one-line input for a path; the right arrow accepts the completion.

    A file name may contain characters that must not be sent to a terminal. They are shown replaced, and the real path is
    kept until the line is edited.
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
        """The path: the line as typed, or the real path behind the shown one."""
        return self._meant if self.value == self._shown else self.value.strip()

    def fill(self, text: str) -> None:
        """Show a path in the line."""
        self._meant, self._shown = text, plain(text)
        self.value = self._shown
        self.cursor_position = len(self.value)
        self.call_after_refresh(self._show_end)

    def on_resize(self) -> None:
        self.call_after_refresh(self._show_end)

    def on_blur(self) -> None:
        self.call_after_refresh(self._show_end)

    def _show_end(self) -> None:
        """Scroll to the path's end, which says more than its start, unless the line is being edited."""
        if not self.has_focus:
            self.scroll_to(x=self.max_scroll_x, animate=False, force=True)


class PathSuggester(Suggester):
    """Completes a path to the first matching folder or supported file."""

    def __init__(self) -> None:
        super().__init__(use_cache=False, case_sensitive=True)

    async def get_suggestion(self, value: str) -> str | None:
        """The completed path; None if nothing matches."""
        return await run_in_background(lambda: complete_path(value))


def here() -> Path:
    """The working directory; the home folder if it has been removed."""
    try:
        return Path.cwd()
    except OSError:
        return Path(os.path.expanduser("~"))  # noqa: PTH111


def complete_path(typed: str) -> str | None:
    """Complete a path; ``~`` means the home folder and stays as typed."""
    # Imported here: it brings the readers of files, which the first paint would wait for.
    from bdtui.engine.inputs.file_preview import may_be_opened

    if typed == "~":
        return "~/"
    folder, beginning = os.path.split(typed)
    names: list[str] = []
    try:
        with os.scandir(os.path.expanduser(folder) or ".") as entries:  # noqa: PTH111 (stays relative)
            for entry in islice(entries, _MOST_ENTRIES):
                if _offered(entry.name, beginning):
                    if os.path.isdir(entry.path):  # noqa: PTH112 (does not raise on circular links)
                        names.append(entry.name + "/")
                    elif may_be_opened(entry.name):
                        names.append(entry.name)
    except (OSError, ValueError):
        return None
    return typed + min(names, key=str.casefold)[len(beginning) :] if names else None


def _offered(name: str, beginning: str) -> bool:
    """Offer hidden names only after a typed dot, and only names that can be shown unchanged."""
    return name.startswith(beginning) and (beginning != "" or name[0] != ".") and plain(name) == name
