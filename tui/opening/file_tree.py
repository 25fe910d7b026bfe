"""The folders below a place, and in them the files that bdtui can open, each with a few words on what it holds.

Textual's DirectoryTree reads folders in threads that are waited for when the program ends; this tree lists folders
and looks into files in daemon threads.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import ClassVar

from rich.style import Style
from rich.text import Text
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widgets import Tree
from textual.widgets.tree import TreeNode

from bdtui.engine.inputs.file_preview import SUFFIXES, FoundFile, look_at
from bdtui.tui.terminal.background import start
from bdtui.tui.wording import plain

MARKS = {"model": "◆", "weights": "◇", "images": "▦", "recipe": "≡", "architecture": "▵"}
_NOT_LOOKED_AT, _NOTHING = "·", "-"
_MOST_SHOWN = 1000
_MOST_ENTRIES = 50_000
_SHORTEST_NAME, _SHORTEST_SUMMARY = 8, 8


@dataclass
class Entry:
    """What stands on a line of the tree.

    Attributes:
        path: the folder or file; None for a line that only says something.
        folder: whether it is a folder.
        looked: whether the file has been looked into.
        found: what was found there; None when it is nothing that can be opened.
        turn: how often the folder has been listed; answers to earlier turns are dropped.
        lines: the folder's files, by path.
    """

    path: Path | None
    folder: bool = False
    looked: bool = False
    found: FoundFile | None = None
    turn: int = 0
    lines: dict[Path, TreeNode[Entry]] = field(default_factory=dict)


class FileTree(Tree[Entry]):
    """Folders and the files in them that can be opened. Hidden ones are left out."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "select_cursor", "Take", key_display="⏎"),
        Binding("backspace", "parent_folder", "Parent folder", key_display="⌫"),
        Binding("right", "unfold", "Unfold", show=False),
        Binding("left", "fold", "Fold", show=False),
    ]

    class Chosen(Message):
        """A file that can be opened was chosen."""

        def __init__(self, found: FoundFile) -> None:
            super().__init__()
            self.found = found

    class Told(Message):
        """There is something to say about what was chosen."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    class Described(Message):
        """The line under the cursor, in words, has changed."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    class Listed(Message):
        """From the thread: what lies in a folder; None where it cannot be read."""

        def __init__(self, node: TreeNode[Entry], turn: int, listing: Listing | None) -> None:
            super().__init__()
            self.node, self.turn, self.listing = node, turn, listing

    class LookedAt(Message):
        """From the thread: what a file holds."""

        def __init__(self, node: TreeNode[Entry], turn: int, path: Path, found: FoundFile | None) -> None:
            super().__init__()
            self.node, self.turn, self.path, self.found = node, turn, path, found

    def __init__(self, folder: Path, *, id: str | None = None) -> None:
        super().__init__(Text(""), id=id)
        self.guide_depth = 2
        self.folder = folder
        self._return_to: Path | None = None
        self._awaited: Path | None = None

    def on_mount(self) -> None:
        """Show the first folder."""
        self._show_folder(self.folder)

    def action_parent_folder(self) -> None:
        """Move the tree's root one folder up, and stay on the folder one comes from."""
        if self.folder.parent != self.folder:
            self._return_to = self.folder
            self._show_folder(self.folder.parent)

    def action_unfold(self) -> None:
        """Unfold the folder under the cursor; if that has been done, go to what it holds."""
        node = self.cursor_node
        if node is not None and node.allow_expand and not node.is_expanded:
            node.expand()
        else:
            self.action_cursor_down()

    def action_fold(self) -> None:
        """Fold the folder under the cursor, or the one that a file lies in."""
        node = self.cursor_node
        if node is not None and node.allow_expand and node.is_expanded and not node.is_root:
            node.collapse()
        else:
            self.action_cursor_parent()

    def render_label(self, node: TreeNode[Entry], base_style: Style, style: Style) -> Text:
        """A mark, the name, and as much of the summary as there is room for."""
        entry = node.data
        if entry is None or entry.path is None:
            return Text.assemble((node.label if isinstance(node.label, str) else node.label.plain, "dim italic"))
        room = self.scrollable_content_region.width - self.guide_depth * _depth(node) - 2
        if entry.folder:
            mark, kind = ("▾ " if node.is_expanded else "▸ "), Style(bold=True)
        else:
            mark, kind = _mark(entry) + " ", Style(dim=entry.looked and entry.found is None)
        name = Text(_shown_name(entry), style + kind)
        name.truncate(max(room, _SHORTEST_NAME), overflow="ellipsis")
        line = Text.assemble((mark, base_style + kind), name)
        room -= name.cell_len
        if entry.found is not None and room >= _SHORTEST_SUMMARY:
            summary = Text("  " + plain(entry.found.summary), base_style + Style(dim=True))
            summary.truncate(room, overflow="ellipsis")
            line.append_text(summary)
        return line

    def on_resize(self) -> None:
        """Show as much of the folder's path as there is room for now."""
        self._show_title()

    def _show_title(self) -> None:
        """The folder's path, its end if there is no room for all of it."""
        title = Text(plain(str(self.folder)))
        too_long = title.cell_len - max(self.size.width - 4, _SHORTEST_NAME)
        self.border_title = Text("…") + title[too_long + 1 :] if too_long > 0 else title

    def _show_folder(self, folder: Path) -> None:
        self.folder = folder
        self._show_title()
        self.reset(Text(plain(folder.name)), Entry(folder, folder=True))
        self.cursor_line = 0
        if self.root.is_expanded:
            self._list(self.root)
        else:
            self.root.expand()

    def _list(self, node: TreeNode[Entry]) -> None:
        """Ask for the folder's content, and then for what each of its files holds."""
        entry = node.data
        if entry is None or entry.path is None:
            return
        folder = entry.path
        entry.turn += 1
        turn = entry.turn

        def work() -> None:
            listing = list_folder(folder)
            self._tell(self.Listed(node, turn, listing))
            for path in listing.files if listing is not None else ():
                if entry.turn != turn or not self.is_attached:
                    return
                self._tell(self.LookedAt(node, turn, path, look_at(path)))

        start(work)

    def _tell(self, message: Message) -> None:
        with suppress(RuntimeError):  # the app has ended: nobody listens
            self.post_message(message)

    def on_tree_node_expanded(self, event: Tree.NodeExpanded[Entry]) -> None:
        """List a folder each time it is unfolded, so that one sees what is there now."""
        event.stop()
        self._list(event.node)

    def on_tree_node_collapsed(self, event: Tree.NodeCollapsed[Entry]) -> None:
        """Keep the messages of the tree within the tree."""
        event.stop()

    def on_tree_node_highlighted(self, event: Tree.NodeHighlighted[Entry]) -> None:
        """Describe the line under the cursor."""
        event.stop()
        self.post_message(self.Described(_description(event.node)))

    def on_tree_node_selected(self, event: Tree.NodeSelected[Entry]) -> None:
        """Hand on the chosen file as soon as it is known what it holds."""
        event.stop()
        entry = event.node.data
        if entry is None or entry.path is None or entry.folder:
            return
        if entry.looked:
            self._choose(entry.path, entry.found)
        else:
            self._awaited = entry.path
            self.post_message(self.Told(f"looking into {entry.path.name} …"))

    def _choose(self, path: Path, found: FoundFile | None) -> None:
        self._awaited = None
        if found is not None:
            self.post_message(self.Chosen(found))
        else:
            self.post_message(self.Told(f"{path.name}: unsupported file; expected a model, images, a recipe"))

    def on_file_tree_listed(self, event: FileTree.Listed) -> None:
        """Put a folder's content below its line."""
        event.stop()
        node, listing = event.node, event.listing
        entry = node.data
        if entry is None or entry.turn != event.turn:
            return
        node.remove_children()
        entry.lines.clear()
        if listing is None:
            node.add_leaf(Text("cannot be read"), Entry(None))
            return
        for path in listing.folders:
            child = node.add(Text(plain(path.name)), Entry(path, folder=True))
            if path == self._return_to:
                self._return_to = None
                self.call_after_refresh(self.move_cursor, child)
        for path in listing.files:
            entry.lines[path] = node.add_leaf(Text(plain(path.name)), Entry(path))
        if listing.left_out:
            node.add_leaf(Text(f"… {listing.left_out:,} more: type their path"), Entry(None))
        elif not listing.folders and not listing.files:
            node.add_leaf(Text("nothing to open here"), Entry(None))

    def on_file_tree_looked_at(self, event: FileTree.LookedAt) -> None:
        """Complete a file's line with what was found in it."""
        event.stop()
        folder = event.node.data
        if folder is None or folder.turn != event.turn or event.path not in folder.lines:
            return
        node = folder.lines[event.path]
        if node.data is None:
            return
        node.data.looked, node.data.found = True, event.found
        node.refresh()
        if node is self.cursor_node:
            self.post_message(self.Described(_description(node)))
        if event.path == self._awaited:
            self._choose(event.path, event.found)


@dataclass(frozen=True)
class Listing:
    """What of a folder is shown: its folders, its files that may be opened, and how many there was no room for."""

    folders: tuple[Path, ...]
    files: tuple[Path, ...]
    left_out: int


def list_folder(folder: Path) -> Listing | None:
    """What lies in a folder, sorted by name; None where it cannot be read."""
    folders: list[Path] = []
    files: list[Path] = []
    try:
        for path in _entries(folder):
            if os.path.isdir(path):  # noqa: PTH112 (Path.is_dir raises where nobody may look)
                folders.append(path)
            elif path.suffix.lower() in SUFFIXES:
                files.append(path)
    except OSError:
        return None
    shown_folders, shown_files = _sorted(folders)[:_MOST_SHOWN], _sorted(files)[:_MOST_SHOWN]
    left_out = len(folders) + len(files) - len(shown_folders) - len(shown_files)
    return Listing(tuple(shown_folders), tuple(shown_files), left_out)


def _entries(folder: Path) -> Iterator[Path]:
    with os.scandir(folder) as entries:
        for entry in islice(entries, _MOST_ENTRIES):
            if not entry.name.startswith("."):
                yield folder / entry.name


def _sorted(paths: list[Path]) -> list[Path]:
    return sorted(paths, key=lambda path: (path.name.casefold(), path.name))


def _mark(entry: Entry) -> str:
    if not entry.looked:
        return _NOT_LOOKED_AT
    return _NOTHING if entry.found is None else MARKS[entry.found.kind]


def _shown_name(entry: Entry) -> str:
    return "" if entry.path is None else plain(entry.path.name) + ("/" if entry.folder else "")


def _depth(node: TreeNode[Entry]) -> int:
    depth = 0
    while node.parent is not None:
        node, depth = node.parent, depth + 1
    return depth


def _description(node: TreeNode[Entry]) -> str:
    """A line of the tree in words, whole where the tree has to shorten it."""
    entry = node.data
    if entry is None or entry.path is None:
        return ""
    if entry.folder or not entry.looked:
        return _shown_name(entry)
    return f"{_shown_name(entry)}: {entry.found.summary if entry.found else 'unsupported file'}"
