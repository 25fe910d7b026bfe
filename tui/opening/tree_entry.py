"""A line of the tree of files: what is known of a path, and how it is shown."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from rich.style import Style
from rich.text import Text
from textual.widgets.tree import TreeNode

from bdtui.engine.inputs.file_preview import FoundFile
from bdtui.tui.wording import plain

MARKS = {
    "model": "◆",
    "weights": "◇",
    "images": "▦",
    "recipe": "≡",
    "architecture": "▵",
    "trigger": "✚",
    "class_names": "¶",
}
_PENDING, _NOTHING = "·", "-"
SHORTEST_NAME, _SHORTEST_SUMMARY = 8, 8
"""Cells of a name that are shown even where there is no room; cells below which no summary is shown."""


@dataclass
class Entry:
    """A line of the tree.

    Attributes:
        path: the folder or file; None for a line of text only.
        folder: whether it is a folder.
        previewed: whether ``found`` is known.
        found: content of the file; None if it cannot be opened.
        generation: how often the folder has been listed; results of earlier listings are dropped.
        lines: the lines of the folder's entries, by path.
    """

    path: Path | None
    folder: bool = False
    previewed: bool = False
    found: FoundFile | None = None
    generation: int = 0
    lines: dict[Path, TreeNode[Entry]] = field(default_factory=dict)


def entry_line(entry: Entry, room: int, base_style: Style, style: Style, *, is_unfolded: bool) -> Text:
    """A mark, the name, and as much of the summary as fits.

    Args:
        entry: of a path.
        room: for the name and the summary, in cells.
        base_style: of the mark and the summary.
        style: of the name.
        is_unfolded: whether the entries of the folder are shown.
    """
    if entry.folder and (entry.found is None or is_unfolded):
        mark, kind = ("▾ " if is_unfolded else "▸ "), Style(bold=True)
    elif entry.folder:
        mark, kind = _mark(entry) + " ", Style(bold=True)
    else:
        mark, kind = _mark(entry) + " ", Style(dim=entry.previewed and entry.found is None)
    name = Text(_shown_name(entry), style + kind)
    name.truncate(max(room, SHORTEST_NAME), overflow="ellipsis")
    line = Text.assemble((mark, base_style + kind), name)
    room -= name.cell_len
    if entry.found is not None and room >= _SHORTEST_SUMMARY:
        summary = Text("  " + plain(entry.found.summary), base_style + Style(dim=True))
        summary.truncate(room, overflow="ellipsis")
        line.append_text(summary)
    return line


def description(entry: Entry | None) -> str:
    """The full text of a line that the tree may have to shorten."""
    if entry is None or entry.path is None:
        return ""
    if not entry.previewed or (entry.folder and entry.found is None):
        return _shown_name(entry)
    return f"{_shown_name(entry)}: {entry.found.summary if entry.found else 'unsupported file'}"


def _mark(entry: Entry) -> str:
    if not entry.previewed:
        return _PENDING
    return _NOTHING if entry.found is None else MARKS[entry.found.kind]


def _shown_name(entry: Entry) -> str:
    return "" if entry.path is None else plain(entry.path.name) + ("/" if entry.folder else "")
