"""A tree of folders and the files that bdtui can open, each with a summary of its content.

Textual's DirectoryTree reads folders in threads that the program waits for when it exits; this tree lists folders and
previews files in daemon threads.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import ClassVar

from rich.style import Style
from rich.text import Text
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widgets import Tree
from textual.widgets.tree import TreeNode

from bdtui.engine.inputs.file_preview import FoundFile, look_at
from bdtui.tui.opening.folder_listing import Listing, list_folder
from bdtui.tui.opening.tree_entry import SHORTEST_NAME, Entry, description, entry_line
from bdtui.tui.terminal.background import start_in_background
from bdtui.tui.wording import plain


class FileTree(Tree[Entry]):
    """Folders, and the files in them that can be opened; hidden ones are left out.

    A folder that can be opened itself (pictures, one sub-folder a class) is chosen like a file; ``right`` unfolds it.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "select_cursor", "Take", key_display="⏎"),
        Binding("backspace", "parent_folder", "Parent folder", key_display="⌫"),
        Binding("right", "unfold", "Unfold", show=False),
        Binding("left", "fold", "Fold", show=False),
        Binding("j", "cursor_down", "Down", show=False),
        Binding("k", "cursor_up", "Up", show=False),
    ]

    class Chosen(Message):
        """A file that can be opened was chosen."""

        def __init__(self, found: FoundFile) -> None:
            super().__init__()
            self.found = found

    class StatusChanged(Message):
        """A message about the chosen file."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    class Described(Message):
        """The description of the line under the cursor has changed."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    class Listed(Message):
        """From the thread: the content of a folder; None if it cannot be read."""

        def __init__(self, node: TreeNode[Entry], generation: int, listing: Listing | None) -> None:
            super().__init__()
            self.node, self.generation, self.listing = node, generation, listing

    class Previewed(Message):
        """From the thread: the content of a file; None if it cannot be opened."""

        def __init__(self, node: TreeNode[Entry], generation: int, path: Path, found: FoundFile | None) -> None:
            super().__init__()
            self.node, self.generation, self.path, self.found = node, generation, path, found

    def __init__(self, folder: Path, *, id: str | None = None) -> None:
        super().__init__(Text(""), id=id)
        self.guide_depth = 2
        self.folder = folder
        self._return_to: Path | None = None
        self._awaited: Path | None = None

    def on_mount(self) -> None:
        self._show_folder(self.folder)

    def action_parent_folder(self) -> None:
        """Move the root one folder up; the cursor stays on the former root."""
        if self.folder.parent != self.folder:
            self._return_to = self.folder
            self._show_folder(self.folder.parent)

    def action_unfold(self) -> None:
        """Unfold the folder under the cursor; if it is unfolded, move to its first entry."""
        node = self.cursor_node
        if node is not None and node.allow_expand and not node.is_expanded:
            node.expand()
        else:
            self.action_cursor_down()

    def action_fold(self) -> None:
        """Fold the folder under the cursor; on a file, move to its folder."""
        node = self.cursor_node
        if node is not None and node.allow_expand and node.is_expanded and not node.is_root:
            node.collapse()
        else:
            self.action_cursor_parent()

    def render_label(self, node: TreeNode[Entry], base_style: Style, style: Style) -> Text:
        """A mark, the name, and as much of the summary as fits."""
        entry = node.data
        if entry is None or entry.path is None:
            return Text.assemble((node.label if isinstance(node.label, str) else node.label.plain, "dim italic"))
        room = self.scrollable_content_region.width - self.guide_depth * _depth(node) - 2
        return entry_line(entry, room, base_style, style, is_unfolded=node.is_expanded)

    def action_select_cursor(self) -> None:
        """Choose what is under the cursor; a folder that can be opened itself is not unfolded."""
        node = self.cursor_node
        if node is not None and node.data is not None and node.data.folder and node.data.found is not None:
            self._choose(node.data.found.path, node.data.found)
        else:
            super().action_select_cursor()

    def on_resize(self) -> None:
        self._show_title()

    def _show_title(self) -> None:
        """Show the folder's path in the border, shortened at its start."""
        title = Text(plain(str(self.folder)))
        too_long = title.cell_len - max(self.size.width - 4, SHORTEST_NAME)
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
        """List the folder and preview each of its files, in a thread."""
        entry = node.data
        if entry is None or entry.path is None:
            return
        folder = entry.path
        entry.generation += 1
        generation = entry.generation

        def work() -> None:
            listing = list_folder(folder)
            self._post(self.Listed(node, generation, listing))
            for path in (*listing.files, *listing.folders) if listing is not None else ():
                if entry.generation != generation or not self.is_attached:
                    return
                self._post(self.Previewed(node, generation, path, look_at(path)))

        start_in_background(work)

    def _post(self, message: Message) -> None:
        with suppress(RuntimeError):  # the app has ended
            self.post_message(message)

    def on_tree_node_expanded(self, event: Tree.NodeExpanded[Entry]) -> None:
        """List the folder anew each time it is unfolded."""
        event.stop()
        self._list(event.node)

    def on_tree_node_collapsed(self, event: Tree.NodeCollapsed[Entry]) -> None:
        """Keep the message within the tree."""
        event.stop()

    def on_tree_node_highlighted(self, event: Tree.NodeHighlighted[Entry]) -> None:
        event.stop()
        self.post_message(self.Described(description(event.node.data)))

    def on_tree_node_selected(self, event: Tree.NodeSelected[Entry]) -> None:
        """Choose the file, once it has been previewed."""
        event.stop()
        entry = event.node.data
        if entry is None or entry.path is None or (entry.folder and entry.found is None):
            return
        if entry.previewed:
            self._choose(entry.path, entry.found)
        else:
            self._awaited = entry.path
            self.post_message(self.StatusChanged(f"reading {entry.path.name} …"))

    def _choose(self, path: Path, found: FoundFile | None) -> None:
        self._awaited = None
        if found is not None:
            self.post_message(self.Chosen(found))
        else:
            self.post_message(
                self.StatusChanged(f"{path.name}: unsupported file; expected a model, images or a recipe")
            )

    def on_file_tree_listed(self, event: FileTree.Listed) -> None:
        """Add the folder's content below its line."""
        event.stop()
        node, listing = event.node, event.listing
        entry = node.data
        if entry is None or entry.generation != event.generation:
            return
        node.remove_children()
        entry.lines.clear()
        if listing is None:
            node.add_leaf(Text("cannot be read"), Entry(None))
            return
        for path in listing.folders:
            child = entry.lines[path] = node.add(Text(plain(path.name)), Entry(path, folder=True))
            if path == self._return_to:
                self._return_to = None
                self.call_after_refresh(self.move_cursor, child)
        for path in listing.files:
            entry.lines[path] = node.add_leaf(Text(plain(path.name)), Entry(path))
        if listing.left_out:
            node.add_leaf(Text(f"… {listing.left_out:,} more: type their path"), Entry(None))
        elif not listing.folders and not listing.files:
            node.add_leaf(Text("nothing to open here"), Entry(None))

    def on_file_tree_previewed(self, event: FileTree.Previewed) -> None:
        """Add the summary to the file's line."""
        event.stop()
        folder = event.node.data
        if folder is None or folder.generation != event.generation or event.path not in folder.lines:
            return
        node = folder.lines[event.path]
        if node.data is None:
            return
        node.data.previewed, node.data.found = True, event.found
        node.refresh()
        if node is self.cursor_node:
            self.post_message(self.Described(description(node.data)))
        if event.path == self._awaited:
            self._choose(event.path, event.found)


def _depth(node: TreeNode[Entry]) -> int:
    depth = 0
    while node.parent is not None:
        node, depth = node.parent, depth + 1
    return depth
