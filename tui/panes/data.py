"""The data pane: size, labels, layout and preprocessing of the image sets, and pictures from them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from rich.console import Console, ConsoleOptions, ConsoleRenderable, RenderResult
from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Container
from textual.events import Resize
from textual.widgets import Static

from bdtui.engine import events
from bdtui.engine.event_values import Picture
from bdtui.engine.events import Event
from bdtui.engine.settings import CLEAN_VALID, POISONED_VALID, ROLES
from bdtui.tui.panes.pane import Pane
from bdtui.tui.wording import plain

_GAP = 1
_LOWEST_STRIP = 9
"""In fewer lines a trigger is hardly visible."""


class PictureStrip(Static):
    """Pictures of one image set side by side, two pixels per cell, as large and as many as fit."""

    def __init__(self, title: str, id: str) -> None:
        super().__init__(id=id, markup=False)
        self._title = title
        self._pictures: Sequence[Picture] = ()
        self._names: Sequence[str] = ()

    def show_pictures(self, pictures: Sequence[Picture], names: Sequence[str] = ()) -> None:
        self._pictures, self._names = pictures, names
        self._draw()

    def on_resize(self, event: Resize) -> None:
        self._draw()

    def _draw(self) -> None:
        width, lines = self.content_size.width, self.content_size.height - 1
        if not self._pictures or lines < 3:
            self.update(Text(self._title if self._pictures else "", style="dim"))
            return
        # Imported here: they would delay the first paint.
        from PIL import Image
        from rich_pixels import Pixels

        first = self._pictures[0]
        height = 2 * min(lines, first.height if first.height < lines else (first.height + 1) // 2)
        one = max(1, round(first.width * height / first.height))
        if one > width:
            one, height = width, 2 * max(1, round(first.height * width / first.width / 2))
        shown = self._pictures[: max(1, (width + _GAP) // (one + _GAP))]
        strip = Image.new("RGBA", (len(shown) * (one + _GAP), height))
        for place, picture in enumerate(shown):
            image = Image.frombytes("RGB", (picture.width, picture.height), picture.rgb)
            strip.paste(image.resize((one, height), Image.Resampling.LANCZOS), (place * (one + _GAP), 0))
        labels = [_caption(picture, self._names) for picture in shown]
        caption = "".join(label[: one + _GAP - 1].ljust(one + _GAP) for label in labels)
        self.update(
            _Stack(
                Text(f"{self._title}  {caption}" if len(shown) == 1 else caption, no_wrap=True),
                Pixels.from_image(strip),
            )
        )


class _Stack:
    """A caption above pixels, as one renderable."""

    def __init__(self, caption: Text, pixels: ConsoleRenderable) -> None:
        self._parts = caption, pixels

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield from self._parts


def _caption(picture: Picture, names: Sequence[str]) -> str:
    """A class by its name where it has one, else by its number."""

    def name(number: int) -> str:
        return plain(names[number]) if number < len(names) else str(number)

    true = "" if picture.true_label is None else f" (is {name(picture.true_label)})"
    return f"{name(picture.label)}{true}" if names else f"class {picture.label}{true}"


class DataPane(Pane):
    """The open image sets, with the first clean and poisoned pictures."""

    TITLE = "Data"
    HELP: ClassVar[str] = """\
The open image sets: number of images, number of distinct labels, layout and type in the file.

The line below shows how pixels are prepared, and the clean accuracy behind that choice. If it is wrong, reopen the
files with another preprocessing or layout: with `o`, or directly from the command palette (`ctrl+p`).

The pictures are the first clean and the first poisoned validation images, as stored: look for the trigger. Their class is
the label in the file, for poisoned images the attacker's; *is* gives the true one, if known. With a trigger given, the
poisoned images are the clean ones with the trigger over them.
"""

    def __init__(self, id: str) -> None:
        super().__init__(id=id)
        self.can_focus = True
        self._sets: dict[str, events.DataOpened] = {}
        self._scale = ""
        self._names: tuple[str, ...] = ()

    def compose(self) -> ComposeResult:
        yield Static("Open image sets to see them.", id="data-summary", markup=False)
        yield Static("", id="data-scale", markup=False)
        with Container(id="pictures"):
            yield PictureStrip("clean", id="clean-pictures")
            yield PictureStrip("poisoned", id="poisoned-pictures")

    def show(self, event: Event) -> None:
        match event:
            case events.ModelOpened() | events.NothingOpen():
                self._sets, self._scale, self._names = {}, "", ()
                for strip in self.query(PictureStrip):
                    strip.show_pictures(())
            case events.DataOpened():
                self._sets[event.role] = event
            case events.ClassesNamed():
                self._names = event.names
            case events.ScaleDecided():
                self._scale = event.text
            case events.PicturesTaken() if event.role in (CLEAN_VALID, POISONED_VALID):
                name = "clean" if event.role == CLEAN_VALID else "poisoned"
                self.query_one(f"#{name}-pictures", PictureStrip).show_pictures(event.pictures, self._names)
                return
            case _:
                return
        self._draw()

    def on_resize(self, event: Resize) -> None:
        """Put the strips side by side if stacked ones would be too low."""
        self.call_after_refresh(self._arrange)

    def copied_text(self) -> str:
        return "\n".join(entry.path for entry in self._sets.values())

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
        self.call_after_refresh(self._arrange)
