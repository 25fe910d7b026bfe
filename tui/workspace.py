"""The layout of the panes: tabs on a small terminal, side by side on a larger one.

80×24      one pane at a time; F2 to F8 (or a click on its tab) choose
120×40     channels left, charts or verdict right above one of model, data, export, log
200×60     channels, all charts above the verdict, and model, data, export and log one above the other
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Container, Horizontal, Vertical
from textual.events import Resize
from textual.geometry import Size
from textual.widgets import Static

from bdtui.engine.events import Event
from bdtui.engine.session.requests import Export
from bdtui.tui.panes.channels import ChannelsPane
from bdtui.tui.panes.charts import ChartsPane
from bdtui.tui.panes.data import DataPane
from bdtui.tui.panes.export import ExportPane
from bdtui.tui.panes.log import LogPane
from bdtui.tui.panes.model import ModelPane
from bdtui.tui.panes.pane import Pane
from bdtui.tui.panes.verdict import VerdictPane

PANES = ("channels", "charts", "model", "data", "export", "log", "verdict")
FINDINGS = ("charts", "verdict")
DETAILS = ("model", "data", "export", "log")
_NARROW, _MEDIUM, _WIDE = "-narrow", "-medium", "-wide"
_SMALLEST_MEDIUM = Size(104, 32)
_SMALLEST_WIDE = Size(168, 46)
_ALL_TABS = 74
"""Columns that all tabs take with the usual space between them."""
_KEYS = dict(zip(PANES, ("F2", "F3", "F4", "F5", "F6", "F7", "F8"), strict=True))


def _layout_for(size: Size) -> str:
    """The CSS class of the layout for a terminal size."""
    for layout, smallest in ((_WIDE, _SMALLEST_WIDE), (_MEDIUM, _SMALLEST_MEDIUM)):
        if size.width >= smallest.width and size.height >= smallest.height:
            return layout
    return _NARROW


class Tab(Static):
    """The title of a pane; a click shows the pane."""

    def __init__(self, pane: str) -> None:
        super().__init__()
        self.pane = pane
        self.show_close(False)
        self.tooltip = f"Show {pane} ({_KEYS[pane]})"

    def show_close(self, close: bool) -> None:
        """Leave out the blank between key and title, and all around them but one, or not."""
        title = Text.assemble((_KEYS[self.pane], "dim"), "" if close else " ", self.pane.capitalize())
        self.update(title.append(" ") if close else title)

    def on_click(self) -> None:
        self.app.call_later(self.app.run_action, f"show_pane('{self.pane}')")


class TabBar(Horizontal):
    """A line of tabs; the shown pane's is highlighted."""

    def __init__(self, panes: Sequence[str], id: str) -> None:
        super().__init__(id=id)
        self._panes = panes

    def compose(self) -> ComposeResult:
        for pane in self._panes:
            yield Tab(pane)

    def mark(self, shown: str) -> None:
        for tab in self.query(Tab):
            tab.set_class(tab.pane == shown, "-shown")


class Workspace(Vertical):
    """All panes, laid out to fit the terminal."""

    def __init__(self, id: str, size: Size, keymap: Mapping[str, str]) -> None:
        super().__init__(id=id)
        self._keymap = keymap
        self._shown = PANES[0]
        self._finding = FINDINGS[0]
        self._detail = DETAILS[0]
        self._zoomed = False
        # Before the first styling: a later change of layout would style everything twice.
        self.set_class(True, _layout_for(size))

    def compose(self) -> ComposeResult:
        yield TabBar(PANES, id="all-tabs")
        with Container(id="areas"):
            yield ChannelsPane(id="channels")
            with Vertical(id="findings"):
                yield TabBar(FINDINGS, id="finding-tabs")
                yield ChartsPane(id="charts", keymap=self._keymap)
                yield VerdictPane(id="verdict", keymap=self._keymap)
            with Vertical(id="details"):
                yield TabBar(DETAILS, id="detail-tabs")
                yield ModelPane(id="model")
                yield DataPane(id="data")
                yield ExportPane(id="export")
                yield LogPane(id="log")

    @property
    def panes(self) -> list[Pane]:
        return list(self.query(Pane))

    @property
    def channels(self) -> ChannelsPane:
        return self.query_one(ChannelsPane)

    @property
    def export_request(self) -> Export:
        return self.query_one(ExportPane).request

    @property
    def verdict_in_view(self) -> bool:
        """Whether the layout shows a pane with the verdict."""
        return not self.has_class(_NARROW) or self._shown in FINDINGS

    def next_chart(self) -> None:
        self.query_one(ChartsPane).next_chart()

    def show(self, event: Event) -> None:
        for pane in self.panes:
            pane.show(event)

    def show_pane(self, name: str, *, focus: bool = True) -> None:
        """Show a pane, and focus it unless ``focus`` is False and the focused pane stays visible."""
        self._shown = name
        if name in DETAILS:
            self._detail = name
        elif name in FINDINGS:
            self._finding = name
        self._arrange()
        holder = self.focused_pane()
        if focus or holder is None or not self._in_view(holder):
            self.query_one(f"#{name}", Pane).focus_target().focus()

    def zoom(self) -> None:
        """Switch between one pane at a time, as on a small terminal, and the layout for the terminal's size."""
        if not self._zoomed and _layout_for(self.app.size) == _NARROW:
            return
        self._zoomed = not self._zoomed
        self._lay_out()

    def _in_view(self, pane: Pane) -> bool:
        """Whether the layout shows a pane; its display may not be updated yet."""
        if self.has_class(_NARROW):
            return pane.id == self._shown
        return self.has_class(_WIDE) or pane.id in (PANES[0], self._finding, self._detail)

    def focused_pane(self) -> Pane | None:
        """The pane that contains the focused widget."""
        widget = self.screen.focused
        while widget is not None and not isinstance(widget, Pane):
            widget = widget.parent  # type: ignore[assignment]
        return widget

    def on_mount(self) -> None:
        self._arrange()

    def on_resize(self, event: Resize) -> None:
        self._lay_out()

    def _lay_out(self) -> None:
        layout = _NARROW if self._zoomed else _layout_for(self.app.size)
        holder = self.focused_pane()
        if layout == _NARROW and not self.has_class(_NARROW) and holder is not None and holder.id:
            self._shown = holder.id
        for each in (_NARROW, _MEDIUM, _WIDE):
            self.set_class(each == layout, each)
        self.query_one(ChartsPane).set_class(layout == _WIDE, "-all")
        close = self.app.size.width < _ALL_TABS
        all_tabs = self.query_one("#all-tabs", TabBar)
        if all_tabs.has_class("-close") != close:
            all_tabs.set_class(close, "-close")
            for tab in all_tabs.query(Tab):
                tab.show_close(close)
        self._arrange()

    def _arrange(self) -> None:
        for pane in self.panes:
            pane.set_class(pane.id == self._shown, "-shown")
            pane.set_class(pane.id in (self._finding, self._detail), "-chosen")
        self.query_one("#findings").set_class(self._shown in FINDINGS, "-shown")
        self.query_one("#details").set_class(self._shown in DETAILS, "-shown")
        self.query_one("#all-tabs", TabBar).mark(self._shown)
        self.query_one("#finding-tabs", TabBar).mark(self._finding)
        self.query_one("#detail-tabs", TabBar).mark(self._detail)
