"""The data pane: size, labels, layout and preprocessing of the image sets, and their images page by page."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container
from textual.events import Resize
from textual.message import Message
from textual.widgets import Static

from bdtui.engine import events
from bdtui.engine.events import Event
from bdtui.engine.session.requests import ShowPictures
from bdtui.engine.settings import ROLES
from bdtui.tui.panes.pane import Pane
from bdtui.tui.widgets.picture_strip import PictureStrip
from bdtui.tui.wording import plain

_LOWEST_STRIP = 11
"""In fewer lines a trigger is hardly visible."""
_KINDS = ("clean", "poisoned")


class PictureKeys(Static):
    """The keys that choose images, clickable, and what is chosen.

    Args:
        press: does what a key does, by the name of the pane's action.
    """

    def __init__(self, press: Callable[[str], None]) -> None:
        super().__init__(id="picture-keys")
        self._press = press
        self.tooltip = "Click to page through the images, or to choose some"

    def action_press(self, action: str) -> None:
        self._press(action)

    def show_view(self, view: ShowPictures) -> None:
        """Name the keys; what is chosen stands out."""
        of = "" if view.label is None else f" {view.label}"
        other = "valid" if view.part == "test" else "test"
        parts = (
            ("previous", "←", False),
            ("next", "→ page", False),
            ("wrong", "w wrong only", view.wrong),
            ("find", f"/ class{of}", view.label is not None),
            ("part", f"i {other}", view.part == "test"),
            ("all", "esc all", False),
        )
        texts = [
            f"[@click=press('{name}')]{f'[b reverse]{words}[/]' if chosen else words}[/]"
            for name, words, chosen in parts
        ]
        self.update(f"{texts[0]} {' · '.join(texts[1:])}")


class DataPane(Pane):
    """The open image sets, and a page of clean and of poisoned pictures."""

    TITLE = "Data"
    FINDS: ClassVar[str] = "class of the images, by number or name"
    HELP: ClassVar[str] = """\
The open image sets: number of images, number of distinct labels, layout and type in the file.

The line below shows how pixels are prepared, and the clean accuracy behind that choice. If it is wrong, reopen the
files with another preprocessing or layout: with `o`, or directly from the command palette (`ctrl+p`).

The pictures are clean and poisoned images, as stored: look for the trigger. Their class is the label in the file, for
poisoned images the attacker's; *is* gives the true one, if known. Below it is the class that the network, as it is pruned
now, gives to the image, with its probability; `✗` marks a wrong one. With a trigger given, the poisoned images are the clean
ones with the trigger over them.

- `left` and `right` (or `pgup` and `pgdn`) page through all of them; `home` goes to the first page.
- `w` shows only those that the network gets wrong, `/` those of one class; `escape` shows all.
- `i` changes between validation and test images.
"""
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("right,pagedown", "next", show=False),
        Binding("left,pageup", "previous", show=False),
        Binding("home", "first", show=False),
        Binding("w", "wrong", show=False),
        Binding("i", "part", show=False),
        Binding("escape", "all", show=False),
    ]

    class PageWanted(Message):
        """Another page of images was chosen."""

        def __init__(self, view: ShowPictures) -> None:
            super().__init__()
            self.view = view

    def __init__(self, id: str) -> None:
        super().__init__(id=id)
        self.can_focus = True
        self._sets: dict[str, events.DataOpened] = {}
        self._scale = ""
        self._names: tuple[str, ...] = ()
        self._class_count = 0
        self._view = ShowPictures()
        self._asked_for: dict[str, int] = {}

    def compose(self) -> ComposeResult:
        yield Static("Open image sets to see them.", id="data-summary", markup=False)
        yield Static("", id="data-scale", markup=False)
        keys = PictureKeys(self._press)
        keys.display = False
        yield keys
        with Container(id="pictures"):
            for kind in _KINDS:
                yield PictureStrip(id=f"{kind}-pictures")

    def show(self, event: Event) -> None:
        match event:
            case events.ModelOpened() | events.NothingOpen():
                self._sets, self._scale, self._names, self._view = {}, "", (), ShowPictures()
                self._class_count = event.classes if isinstance(event, events.ModelOpened) else 0
                self._asked_for.clear()
                for kind in _KINDS:
                    self._strip(kind).show_page(events.PicturesTaken(f"{kind}_valid", ()))
            case events.DataOpened():
                self._sets[event.role] = event
            case events.ClassesNamed():
                self._names = event.names
            case events.ScaleDecided():
                self._scale = event.text
            case events.PicturesTaken():
                self._show_page(event)
                return
            case _:
                return
        self._draw()

    def action_next(self) -> None:
        first = self._view.first + self._fitting()
        if first < max(self._asked_for.values(), default=0):
            self._turn_to(first=first)

    def action_previous(self) -> None:
        self._turn_to(first=max(0, self._view.first - self._fitting()))

    def action_first(self) -> None:
        self._turn_to(first=0)

    def action_wrong(self) -> None:
        self._turn_to(first=0, wrong=not self._view.wrong)

    def action_part(self) -> None:
        part = "valid" if self._view.part == "test" else "test"
        if any(role.endswith(part) for role in self._sets):
            self._turn_to(first=0, part=part)
        elif self._sets:
            self.notify(f"There are no {part} images.", markup=False)

    def action_all(self) -> None:
        self._turn_to(first=0, label=None, wrong=False)

    @property
    def cursor(self) -> int:
        """The class whose images are shown; −1 for all."""
        return -1 if self._view.label is None else self._view.label

    def find(self, text: str, start: int) -> bool:
        """Show the images of a class, by its number or name, or by how its name begins; for no text those of ``start``."""
        if not text:
            self._turn_to(first=0, label=None if start < 0 else start)
            return True
        wanted = text.casefold()
        number = int(text) if text.isdecimal() and len(text) < 9 else -1
        named = [place for place, name in enumerate(self._names) if name.casefold().startswith(wanted)]
        label = number if 0 <= number < self._class_count else named[0] if named else None
        if label is None:
            return False
        self._turn_to(first=0, label=label)
        return True

    def on_resize(self, event: Resize) -> None:
        """Put the strips side by side if stacked ones would be too low."""
        self.call_after_refresh(self._arrange)

    def copied_text(self) -> str:
        return "\n".join(entry.path for entry in self._sets.values())

    def _press(self, action: str) -> None:
        self.focus()
        if action == "find":
            self.app.call_later(self.app.run_action, "find")
        else:
            getattr(self, f"action_{action}")()

    def _turn_to(self, **changed: object) -> None:
        if self._sets:
            # Kept at once: the next key may come before the page does.
            self._view = replace(self._view, number=self._fitting(), **changed)  # type: ignore[arg-type]
            self.query_one(PictureKeys).show_view(self._view)
            self.post_message(self.PageWanted(self._view))

    def _fitting(self) -> int:
        """How many pictures both strips have room for."""
        fitting = [shown for kind in _KINDS if (shown := self._strip(kind).shown)]
        return min(fitting, default=self._view.number)

    def _strip(self, kind: str) -> PictureStrip:
        return self.query_one(f"#{kind}-pictures", PictureStrip)

    def _show_page(self, page: events.PicturesTaken) -> None:
        kind, _, part = page.role.partition("_")
        if page.asked_for is None:
            # The first images, as the files are opened.
            if part == "valid":
                self._strip(kind).show_page(page, self._names)
            return
        self._strip(kind).show_page(page, self._names)
        self._asked_for[kind] = page.asked_for

    def _arrange(self) -> None:
        pictures = self.query_one("#pictures")
        pictures.set_class(pictures.size.height < 2 * _LOWEST_STRIP, "-side-by-side")

    def _draw(self) -> None:
        lines = []
        for role in ROLES:
            entry = self._sets.get(role)
            name = role.replace("_", " ").ljust(15)
            if entry is None:
                lines.append(f"{name} –")
                continue
            true = " · true labels" if entry.true_labels else ""
            made = f" + {entry.made_with}" if entry.made_with else ""
            lines.append(
                f"{name} {entry.images:>7,} images · {entry.classes} label{'s'[: entry.classes != 1]} · "
                f"{entry.layout} {entry.dtype}{true} · {plain(Path(entry.path).name + made)}"
            )
        self.query_one("#data-summary", Static).update(Text("\n".join(lines), no_wrap=True, overflow="ellipsis"))
        self.query_one("#data-scale", Static).update(self._scale)
        keys = self.query_one(PictureKeys)
        keys.display = bool(self._sets)
        keys.show_view(self._view)
        self.call_after_refresh(self._arrange)
