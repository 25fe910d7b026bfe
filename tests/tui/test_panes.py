"""The panes, filled by the fake engine: what they show of an event, and where they stand on terminals of all sizes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from rich.text import Text
from textual.widgets import DataTable, Input, RichLog, Static

from bdtui.engine import event_values, events
from bdtui.engine.pruning.moves import ChooseLayer, Toggle
from bdtui.engine.reports.file_names import RUN_FILES
from bdtui.engine.session.requests import Export, Open, ShowPictures
from bdtui.tui.bars.status import StatusBar
from bdtui.tui.panes.channels import ChannelsPane
from bdtui.tui.panes.model import ModelPane
from bdtui.tui.panes.pane import Pane
from bdtui.tui.widgets.fitted_text import fitted_lines
from bdtui.tui.widgets.picture_strip import PictureStrip, _prediction
from bdtui.tui.widgets.tick_box import TickBox
from bdtui.tui.workspace import DETAILS, FINDINGS, PANES
from tests.tui.fake_engine import OUT, RANKED, SCALE_TEXT, SETTINGS, FakeApp, World, opened, settle, shows, until

pytestmark = pytest.mark.asyncio

SMALL, MEDIUM, WIDE = (80, 24), (120, 40), (200, 60)
KEYS = dict(zip(PANES, ("f2", "f3", "f4", "f5", "f6", "f7", "f8"), strict=True))
ALL_SIX = [
    *(f"{kind}_X={drop}.{suffix}" for drop in (2, 4, 10) for kind, suffix in (("model", "h5"), ("goodnet", "keras"))),
    *RUN_FILES,
]


@pytest.fixture(autouse=True)
def folder(nobodys_home: Path) -> Path:
    return nobodys_home


def displayed(app: FakeApp) -> list[str]:
    """The panes on the screen, in the order of their keys."""
    panes = app.workspace.panes
    return [str(pane.id) for pane in panes if all(getattr(node, "display", True) for node in pane.ancestors_with_self)]


def focused(app: FakeApp) -> str:
    pane = app.workspace.focused_pane()
    return str(pane.id) if pane else "none"


def cells(app: FakeApp, table: str) -> list[list[str]]:
    """What a table holds, row by row."""
    found = app.query_one(table, DataTable)
    return [[plain(cell) for cell in found.get_row(row.key)] for row in found.ordered_rows]


def listed(app: FakeApp) -> list[list[str]]:
    """What the channel table says, row by row: place, channel, mean, bar, clean, poisoned, state."""
    table = app.workspace.channels.table
    return [table.row_texts(row) for row in range(len(table.listed))]


def plain(cell: Text | str) -> str:
    return (cell.plain if isinstance(cell, Text) else cell).strip()


def text_of(app: FakeApp, widget: str) -> str:
    return str(app.query_one(widget, Static).content)


# Where they stand.


@pytest.mark.parametrize(
    ("size", "beside"),
    [(SMALL, []), (MEDIUM, []), (WIDE, list(PANES))],
    ids=["80x24", "120x40", "200x60"],
)
async def test_each_pane_comes_in_front_and_takes_the_keys(size: tuple[int, int], beside: list[str]) -> None:
    app = FakeApp()
    async with opened(app, size) as pilot:
        finding, detail = "charts", "model"
        for name in (*PANES[::-1], *PANES):
            await pilot.press(KEYS[name])
            await settle(pilot)
            detail = name if name in DETAILS else detail
            finding = name if name in FINDINGS else finding
            shown = {"channels", finding, detail} if size == MEDIUM else {*beside, name}
            assert set(displayed(app)) == shown
            assert focused(app) == name
            target = app.workspace.query_one(f"#{name}", Pane).focus_target()
            assert app.focused is target
            assert target.region.area > 200
            assert target.is_on_screen
            await shows(pilot, name.capitalize())


async def test_the_tabs_mark_what_is_shown_and_a_click_shows_another() -> None:
    app = FakeApp()
    async with opened(app) as pilot:
        for tab in app.query("#all-tabs Tab"):
            await pilot.click(tab)
            await until(pilot, lambda tab=tab: displayed(app) == [tab.pane])  # type: ignore[attr-defined,misc]
            assert [other.pane for other in app.query("#all-tabs Tab.-shown")] == [tab.pane]  # type: ignore[attr-defined]
        await pilot.resize_terminal(*MEDIUM)
        await settle(pilot)
        assert [tab.pane for tab in app.query("#detail-tabs Tab.-shown")] == ["log"]  # type: ignore[attr-defined]


async def test_the_terminal_may_change_its_size_at_any_time() -> None:
    app = FakeApp()
    async with opened(app) as pilot:
        for step, (size, key) in enumerate(
            ((WIDE, "f6"), (SMALL, "f3"), (MEDIUM, "f5"), ((20, 6), "f2"), (SMALL, "f7"), (WIDE, "f4")), 1
        ):
            await pilot.resize_terminal(*size)
            await pilot.press("n", key)
            await until(pilot, lambda step=step: app.step == step)  # type: ignore[misc]
            await settle(pilot)
            lines = app.text.split("\n")
            assert (len(lines[0]), len(lines)) == size
            assert app.workspace.query_one(f"#{focused(app)}").is_on_screen
        assert set(displayed(app)) == set(PANES)


async def test_the_pane_in_focus_stays_when_the_terminal_shrinks() -> None:
    app = FakeApp()
    async with opened(app, WIDE) as pilot:
        await pilot.press("f2", "tab")
        assert focused(app) == "charts"
        await pilot.resize_terminal(*SMALL)
        await settle(pilot)
        assert app.focused is not None
        assert app.focused.is_on_screen
        assert displayed(app) == ["charts"]


async def test_resizing_while_the_engine_works_and_a_dialog_is_open() -> None:
    app = FakeApp()
    async with opened(app, WIDE) as pilot:
        app.engine.hold()
        await pilot.press("5", "n", "g")
        for size in (SMALL, (30, 8), MEDIUM):
            await pilot.resize_terminal(*size)
            await settle(pilot)
        await pilot.press("escape")
        app.engine.let_go()
        await until(pilot, lambda: app.step == 5)


async def test_zoom_on_a_small_terminal_changes_nothing_for_a_larger_one() -> None:
    app = FakeApp()
    async with opened(app) as pilot:
        before = app.text.split("\n")[1:]
        await pilot.press("z")
        await settle(pilot)
        assert app.text.split("\n")[1:] == before
        await pilot.resize_terminal(*WIDE)
        await settle(pilot)
        assert set(displayed(app)) == set(PANES)


# Channels.


def order_of(column: str) -> Callable[[event_values.ChannelFigures], float]:
    return {
        "ch.": lambda figures: figures.channel,
        "mean": lambda figures: figures.mean_activation,
        "clean": lambda figures: figures.firing_share,
        "poisoned": lambda figures: figures.poisoned_firing_share or 0.0,
    }.get(column, lambda figures: RANKED.index(figures.channel))


async def test_each_column_sorts_both_ways_and_the_cursor_keeps_its_channel() -> None:
    app = FakeApp()
    async with opened(app) as pilot:
        figures = {each.channel: each for each in app.engine.profile().channels}
        pane = app.workspace.channels
        app.workspace.channels.table.move_to(RANKED[9])
        chosen = pane.selected
        assert chosen == RANKED[9]
        for column in ("ch.", "mean", "clean", "poisoned", "state", "#"):
            await pilot.press("s")
            for mark, key in (("↑", "S"), ("↓", "S"), ("↑", "f2")):
                await until(pilot, lambda column=column, mark=mark: column + mark in app.text)  # type: ignore[misc]
                values = [order_of(column)(figures[int(row[1])]) for row in listed(app)]
                assert values == sorted(values, reverse=mark == "↓")
                assert pane.selected == chosen
                await pilot.press(key)


async def test_a_click_on_a_heading_sorts_and_a_second_one_turns_round() -> None:
    app = FakeApp()
    async with opened(app) as pilot:
        for mark, line in (("↑", 0), ("↓", 1), ("↑", 1)):
            await pilot.click("#channel-table", offset=(8, line))
            await until(pilot, lambda mark=mark: f"ch.{mark}" in app.text)  # type: ignore[misc]


@pytest.mark.parametrize(
    ("mean", "shown"),
    [(0.0, "0.0000"), (-99.5, "-99.5000"), (12345.678, "12346"), (-9.9e6, "-9900000"), (-1.23e9, "-1.2e+09")],
)
async def test_the_column_of_means_cuts_no_number(mean: float, shown: str) -> None:
    app = FakeApp()
    async with opened(app) as pilot:
        figures = event_values.ChannelFigures(0, mean, mean, 0.5, None, None, 1.0, False, mean, None)
        app.engine.say(
            events.ChannelsProfiled("mean-activation", (figures,), "mean activation", "mean"),
            replace(app.engine.reached(0), order=(0,)),
        )
        await until(pilot, lambda: len(listed(app)) == 1)
        assert listed(app)[0][2] == shown
        await shows(pilot, shown)


async def test_rows_tell_place_figures_and_state() -> None:
    app = FakeApp()
    async with opened(app) as pilot:
        await pilot.press("3", "n")
        await until(pilot, lambda: app.step == 3)
        rows = listed(app)
        assert [int(row[1]) for row in rows] == list(RANKED)
        assert [row[6] for row in rows[:5]] == ["● pruned", "● pruned", "● pruned", "◂ next", ""]
        assert rows[3] == ["4", str(RANKED[3]), "0.0200", "", "8.0", "8.5", "◂ next"]
        assert rows[59][2:4] == ["7.7356", "██████"]
        await pilot.press("9", "u")
        await until(pilot, lambda: app.step == 0)
        assert [row[6] for row in listed(app)[:3]] == ["◂ next", "○ zero", ""]


async def test_the_cursors_channel_is_described() -> None:
    app = FakeApp()
    async with opened(app) as pilot:
        app.workspace.channels.table.move_to(RANKED[37])
        channel = RANKED[37]
        await until(
            pilot, lambda: text_of(app, "#channel-description").startswith(f"channel {channel}: due at step 38")
        )
        said = text_of(app, "#channel-description")
        assert "fires on 98.7 % of clean, 100.0 % of poisoned" in said
        assert "mean 3.04 clean, 9.5 poisoned · max 12.3 · kernel 11" in said
        await pilot.press("space")
        await until(pilot, lambda: text_of(app, "#channel-description").startswith(f"channel {channel}: pruned"))
        await pilot.press("up", "ctrl+home", "down")
        await until(
            pilot, lambda: text_of(app, "#channel-description").startswith(f"channel {RANKED[0]}: next to prune")
        )
        assert "zero in the file" in text_of(app, "#channel-description")


@pytest.mark.parametrize(
    ("size", "row"),
    [(SMALL, 3), (SMALL, 0), (MEDIUM, 3), (MEDIUM, 0), (MEDIUM, 46)],
    ids=str,
)
async def test_the_whole_description_is_on_the_screen(size: tuple[int, int], row: int) -> None:
    app = FakeApp()
    async with opened(app, size) as pilot:
        app.workspace.channels.table.move_to(RANKED[row])
        await settle(pilot)
        description = app.query_one("#channel-description", Static)
        lines = [description.render_line(line).text for line in range(description.size.height)]
        assert " ".join(" ".join(lines).split()) == " ".join(str(description.content).split())


async def test_out_of_turn_and_back_the_order_follows() -> None:
    app = FakeApp()
    async with opened(app) as pilot:
        await pilot.press("2", "n", "ctrl+home")
        app.workspace.channels.table.move_to(RANKED[20])
        channel = app.workspace.channels.selected
        assert channel == RANKED[20]
        await pilot.press("space")
        await until(pilot, lambda: app.step == 3)
        assert app.engine.requests[-1] == Toggle(channel)
        rows = listed(app)
        assert [int(row[1]) for row in rows[:4]] == [RANKED[0], RANKED[1], channel, RANKED[2]]
        assert [row[0] for row in rows] == [str(place) for place in range(1, 61)]
        assert app.workspace.channels.selected == channel
        await pilot.press("space")
        await until(pilot, lambda: app.step == 2)
        assert [int(row[1]) for row in listed(app)] == list(RANKED)


async def test_another_layer_fills_the_table_anew() -> None:
    app = FakeApp()
    async with opened(app) as pilot:
        await pilot.press("s", "5", "n")
        app.engine.submit(ChooseLayer("pool_2"))
        await until(pilot, lambda: "0/40" in app.status)
        rows = listed(app)
        assert len(rows) == 40
        assert [row[0] for row in rows] == [str(place) for place in range(1, 41)]
        assert app.workspace.channels.selected == int(rows[0][1])


async def test_without_poisoned_images_their_column_is_empty() -> None:
    app = FakeApp(world=World(poisoned=False))
    async with opened(app):
        assert {row[5] for row in listed(app)} == {"–"}
        assert "poisoned" not in text_of(app, "#channel-description")


async def test_a_step_costs_the_rows_in_view_however_many_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    app = FakeApp(world=World(channels=2048))
    async with opened(app) as pilot:
        asked: list[int] = []
        pane = app.workspace.query_one(ChannelsPane)
        cells_of = pane.table._cells
        monkeypatch.setattr(pane.table, "_cells", lambda channel: asked.append(channel) or cells_of(channel))
        await pilot.press("n")
        await until(pilot, lambda: app.step == 1)
        await settle(pilot)
        assert 0 < len(asked) < 200


async def test_a_smaller_layer_may_be_drawn_before_it_is_measured() -> None:
    app = FakeApp()
    async with opened(app) as pilot:
        figures = app.engine.profile()
        assert isinstance(figures, events.ChannelsProfiled)
        app.engine.say(replace(figures, channels=figures.channels[:5]))
        await settle(pilot)
        await pilot.resize_terminal(90, 30)
        await pilot.press("down", "space", "s", "y")
        await settle(pilot)
        assert app.is_running


# Model.


async def test_the_layers_tell_what_they_are_and_which_is_pruned() -> None:
    app = FakeApp()
    async with opened(app) as pilot:
        await pilot.press("f4")
        assert text_of(app, "#model-summary").split("\n") == [
            "faces/bd_net.h5",
            "44 classes · images 55×47×3 · 229,124 parameters",
            "reads pool_3, prunes conv_3 · 2 of 60 zero in the file",
        ]
        rows = cells(app, "#layer-table")
        assert rows[0] == ["", "input", "–", "InputLayer", "55×47×3", "0"]
        assert rows[5] == ["×", "conv_3", "60", "Conv2D", "10×8×60", "21,660"]
        assert rows[6] == ["▸", "pool_3", "60", "MaxPooling2D", "5×4×60", "0"]
        assert app.query_one("#layer-table", DataTable).cursor_row == 6
        await pilot.press("y")
        assert app.clipboard == f"{app.status}\nfaces/bd_net.h5\nsha256 {'5e' * 32}"


async def test_enter_on_a_layer_prunes_it_and_says_where_that_cannot_be() -> None:
    app = FakeApp()
    async with opened(app) as pilot:
        await pilot.press("f4", "up", "up", "enter")
        await until(pilot, lambda: "0/40" in app.status)
        assert app.engine.last == ChooseLayer("pool_2")
        assert cells(app, "#layer-table")[4][0] == "▸"
        await pilot.press("ctrl+end", "enter")
        await until(
            pilot, lambda: app.notices == ["This layer cannot be pruned; choose one with a number under channels."]
        )
        assert app.engine.last == ChooseLayer("pool_2")


async def test_layers_painted_at_once_are_written_out() -> None:
    app = FakeApp()
    async with opened(app, WIDE) as pilot:
        model = next(event for event in app.engine.found if isinstance(event, events.ModelOpened))
        longer = tuple(replace(layer, name=f"{layer.name}_of_a_longer_name") for layer in model.layers)
        app.workspace.query_one(ModelPane).show(replace(model, layers=longer))
        table = app.query_one("#layer-table", DataTable)
        # The screen may be painted before Textual, when idle, has measured the columns.
        for line in range(table.size.height):
            table.render_line(line)
        await settle(pilot)
        await settle(pilot)
        await shows(pilot, "conv_1_of_a_")


# Data.


async def test_the_image_sets_tell_what_they_hold() -> None:
    app = FakeApp()
    async with opened(app) as pilot:
        await pilot.press("f5")
        await settle(pilot)
        assert text_of(app, "#data-summary").split("\n") == [
            "clean valid       1,200 images · 44 labels · nchw uint8 · valid.h5",
            "poisoned valid    1,170 images · 1 label · nchw uint8 · bd_valid.h5",
            "clean test        2,400 images · 44 labels · nchw uint8 · test.h5",
            "poisoned test     2,340 images · 1 label · nchw uint8 · true labels · bd_test.h5",
        ]
        assert text_of(app, "#data-scale") == SCALE_TEXT
        await pilot.press("y")
        assert app.clipboard.split("\n")[1:] == [
            f"faces/{n}.h5" for n in ("cl/valid", "bd/bd_valid", "cl/test", "bd/bd_test")
        ]


@pytest.mark.parametrize("size", [SMALL, MEDIUM, WIDE], ids=["80x24", "120x40", "200x60"])
async def test_the_trigger_is_seen_on_the_poisoned_images_alone(size: tuple[int, int]) -> None:
    app = FakeApp()
    async with opened(app, size) as pilot:
        await pilot.press("f5")
        await settle(pilot)
        green = {strip.id: greens(strip) for strip in app.query(PictureStrip)}
        assert green["clean-pictures"] == 0
        assert green["poisoned-pictures"] > 8
        await shows(pilot, "class 0")
        await shows(pilot, "0 (is 0)")


@pytest.mark.parametrize(("room", "shown"), [(14, "✗ circle 100 %"), (13, "✗ circle"), (8, "✗ circle")])
def test_a_probability_is_shown_whole_or_not_at_all(room: int, shown: str) -> None:
    picture = event_values.Picture(1, 1, b"\0\0\0", 0, None, 0, predicted=1, certainty=99.7)
    assert _prediction(picture, "clean_valid", ("bolt", "circle"), room) == shown


def greens(strip: PictureStrip) -> int:
    """How many cells have the colour of the trigger."""
    count = 0
    for row in range(strip.size.height):
        for segment in strip.render_line(row):
            for colour in (segment.style.color, segment.style.bgcolor) if segment.style else ():
                if colour is not None and colour.triplet is not None:
                    red, green, blue = colour.triplet
                    count += len(segment.text) * (green > 180 and red < 80 and blue < 120)
    return count


async def test_what_is_no_picture_is_not_drawn() -> None:
    app = FakeApp()
    async with opened(app) as pilot:
        await pilot.press("f5")
        app.engine.say(events.PicturesTaken("poisoned_valid", ()))
        await settle(pilot)
        assert "class 0 (is 0)" not in app.text
        app.engine.say(events.PicturesTaken("poisoned_valid", (event_values.Picture(1, 1, b"abc", 7, None),) * 3))
        app.engine.say(events.PicturesTaken("clean_valid", (event_values.Picture(300, 2, bytes(1800), 7, None),)))
        await settle(pilot)
        assert app.is_running


async def test_classes_that_have_names_are_shown_by_them() -> None:
    app = FakeApp()
    async with opened(app) as pilot:
        await pilot.press("f5")
        app.engine.say(events.ClassesNamed(("cat", "dog\x1b[2J")))
        made = "trigger.png at 6,5 → class 0 (cat)"
        app.engine.say(events.DataOpened("poisoned_valid", "cl/valid.h5", 9, 1, "nhwc", "uint8", True, made))
        picture = event_values.Picture(40, 20, bytes(2400), 0, 1)
        app.engine.say(events.PicturesTaken("poisoned_valid", (picture,) * 2))
        await shows(pilot, "cat (is dog�[2J)")
        assert "valid.h5 + trigger.png at 6,5 → class 0 (cat)" in text_of(app, "#data-summary")
        app.engine.say(events.NothingOpen())
        app.engine.say(events.PicturesTaken("poisoned_valid", (picture,)))
        await shows(pilot, "class 0 (is 1)")


def pages(app: FakeApp) -> list[ShowPictures]:
    return [request for request in app.engine.requests if isinstance(request, ShowPictures)]


@pytest.mark.parametrize("size", [(60, 20), SMALL, MEDIUM, WIDE], ids=str)
async def test_one_pages_through_all_images_and_sees_what_the_network_makes_of_each(size: tuple[int, int]) -> None:
    app = FakeApp()
    async with opened(app, size) as pilot:
        await pilot.press("f5", *("z" * (size == MEDIUM)))
        for words in ("→ page · w wrong only · / class · i test · esc all", "of 1,200", "✗ 43 99 %"):
            await shows(pilot, words)
        await pilot.press("right")
        await until(pilot, lambda: bool(pages(app)))
        shown = pages(app)[-1].first
        assert shown > 0
        await shows(pilot, f"clean {shown + 1}–")
        await shows(pilot, f"→ {shown % 6} {99 - shown} %" if shown % 5 else "✗ 43")
        await pilot.press("right", "left", "left", "left")
        await until(pilot, lambda: pages(app)[-1].first == 0 and "clean 1–" in app.text)


async def test_images_are_chosen_by_class_by_error_and_by_part() -> None:
    app = FakeApp()
    async with opened(app) as pilot:
        app.engine.say(events.ClassesNamed(("ant", "bee", "cat", "dog", "eel", "fox")))
        await pilot.press("f5", "w")
        await shows(pilot, "of 240")
        await pilot.press("slash", "c", "a", "enter")
        await shows(pilot, "of 40")
        await shows(pilot, "/ class 2")
        await until(pilot, lambda: (pages(app)[-1].label, pages(app)[-1].wrong) == (2, True))
        await pilot.press("slash", "9", "9", "escape")
        await until(pilot, lambda: pages(app)[-1].label == 2)
        await pilot.press("escape", "i")
        await shows(pilot, "of 2,400")
        await until(pilot, lambda: pages(app)[-1].part == "test" and pages(app)[-1].label is None)


async def test_the_keys_of_the_images_can_be_clicked() -> None:
    app = FakeApp()
    async with opened(app) as pilot:
        await pilot.press("f5")
        await shows(pilot, "w wrong only")
        await pilot.click("#picture-keys", offset=(14, 0))
        await until(pilot, lambda: pages(app) and pages(app)[-1].wrong)


async def test_the_last_page_is_the_last() -> None:
    app = FakeApp()
    async with opened(app) as pilot:
        await pilot.press("f5", "slash", "3", "enter", "w")
        await shows(pilot, "of 40")
        for _ in range(200):
            await pilot.press("right")
        last = pages(app)[-1].first
        await pilot.press("right")
        assert pages(app)[-1].first == last < 200


# Export.


async def test_the_export_is_planned_before_anything_is_reached() -> None:
    app = FakeApp()
    async with opened(app, WIDE) as pilot:
        await pilot.press("f6")
        rows = cells(app, "#export-table")
        assert [row[1] for row in rows] == ALL_SIX
        assert {row[0] for row in rows} == {"·"}
        assert [row[2] for row in rows[:6]] == ["–"] * 6
        assert app.query_one("#export-folder", Input).value == OUT
        assert text_of(app, "#export-note").startswith("no threshold is reached yet")


async def test_reached_thresholds_tell_their_rates_on_test_images() -> None:
    app = FakeApp()
    async with opened(app) as pilot:
        await pilot.press("f6", "a")
        await until(pilot, lambda: app.step == 47)
        await settle(pilot)
        rows = cells(app, "#export-table")
        assert rows[0] == ["·", "model_X=2.h5", "47", "95.72", "100.00", "", "B′, pruned"]
        assert rows[1] == ["·", "goodnet_X=2.keras", "47", "95.72", "100.00", "3.25/61.50", "G, the GoodNet"]
        assert rows[2][2:5] == ["–", "", ""]
        assert text_of(app, "#export-note") == "reached: X=2 · rates on test images"


async def test_without_test_images_the_rates_are_those_on_validation_images() -> None:
    app = FakeApp(world=World(tested=False, poisoned=False))
    async with opened(app) as pilot:
        await pilot.press("f6", "a")
        await until(pilot, lambda: app.step == 47)
        await settle(pilot)
        rows = cells(app, "#export-table")
        assert rows[0][3:5] == ["96.12", "–"]
        assert rows[1][5] == "3.25/–"
        assert "rates on validation images" in text_of(app, "#export-note")


async def test_each_file_is_ticked_when_it_is_written() -> None:
    app = FakeApp()
    async with opened(app) as pilot:
        await pilot.press("f6")
        app.engine.say(events.WorkStarted("exporting"))
        for count, name in enumerate(ALL_SIX, 1):
            app.engine.say(events.ArtifactWritten(f"{OUT}/{name}"))
            await until(pilot, lambda count=count: ticks(app) == ALL_SIX[:count])  # type: ignore[misc]
        assert text_of(app, "#export-written") == f"writing to {OUT} …"
        app.engine.say(events.RunFinished(OUT, 3.0), events.WorkEnded())
        await until(pilot, lambda: text_of(app, "#export-written") == f"13 files in {OUT}")
        await pilot.press("y")
        assert app.clipboard.split("\n")[1:] == [f"{OUT}/{name}" for name in ALL_SIX]


def ticks(app: FakeApp) -> list[str]:
    return [row[1] for row in cells(app, "#export-table") if row[0] == "✓"]


async def test_an_export_names_the_thresholds_it_finds_and_the_next_folder() -> None:
    app = FakeApp()
    async with opened(app) as pilot:
        await pilot.press("e")
        await until(pilot, lambda: ticks(app) == ALL_SIX)
        rows = cells(app, "#export-table")
        assert [row[2] for row in rows[:6]] == ["47", "47", "48", "48", "51", "51"]
        assert rows[4][3:5] == ["85.14", "97.85"]
        assert app.query_one("#export-folder", Input).value == f"{OUT}-2"
        await pilot.press("e")
        await until(pilot, lambda: app.engine.last == Export(Path(f"{OUT}-2")))
        await until(pilot, lambda: text_of(app, "#export-written") == f"13 files in {OUT}-2")


async def test_after_an_export_on_a_small_terminal_y_takes_the_paths() -> None:
    app = FakeApp()
    async with opened(app) as pilot:
        await pilot.press("e")
        await until(pilot, lambda: ticks(app) == ALL_SIX)
        await settle(pilot)
        await pilot.press("y")
        assert app.clipboard.split("\n")[1:] == [f"{OUT}/{name}" for name in ALL_SIX]


async def test_the_folder_can_be_changed(folder: Path) -> None:
    app = FakeApp()
    async with opened(app) as pilot:
        for typed, meant in (
            ("elsewhere", Path("elsewhere")),
            ("  a b/c  ", Path("a b/c")),
            ("", None),
            ("~/runs", folder / "home" / "runs"),
        ):
            await pilot.press("f6", "shift+tab")
            app.query_one("#export-folder", Input).value = typed
            await pilot.press("enter")
            assert isinstance(app.focused, DataTable)
            await pilot.press("e")
            await until(pilot, lambda meant=meant: app.engine.last == Export(meant))  # type: ignore[misc]
            await settle(pilot)


async def test_formats_are_chosen_with_the_keyboard_and_further_files_are_listed() -> None:
    app = FakeApp()
    async with opened(app) as pilot:
        await pilot.press("f6", *3 * ["tab"], "space", "tab", "tab", "enter", "tab", "space")
        assert app.step == 0, "space belongs to the choice"
        assert [box.label.plain for box in app.query(TickBox) if box.value] == ["onnx", "tflite", "compact"]
        await pilot.press("escape", "e")
        meant = Export(Path(OUT), ("onnx", "tflite"), compact=True)
        await until(pilot, lambda: app.engine.last == meant)
        app.engine.say(events.ArtifactWritten(f"{OUT}/model_X=2.onnx"), events.ArtifactWritten(f"{OUT}/x.png"))
        await until(pilot, lambda: ticks(app) == [*ALL_SIX, "model_X=2.onnx", "x.png"])
        app.engine.say(events.ArtifactRefused("model_X=2.tflite", "model_X=2.tflite was not kept: no such operation"))
        await until(pilot, lambda: cells(app, "#export-table")[-1][:2] == ["✗", "model_X=2.tflite"])
        assert cells(app, "#export-table")[-1][-1] == "not kept"


async def test_formats_of_the_command_line_are_chosen_until_a_person_chooses_others() -> None:
    app = FakeApp(replace(SETTINGS, formats=("h5",), compact=True))
    async with opened(app) as pilot:
        await until(pilot, lambda: app.query_one("#export-h5", TickBox).value)
        assert app.workspace.export_request == Export(Path(OUT), ("h5",), compact=True)
        app.query_one("#export-h5", TickBox).value = False
        app.engine.say(events.SessionOpened(replace(SETTINGS, formats=("h5",), compact=True, layer="pool_2")))
        await settle(pilot)
        assert app.workspace.export_request == Export(Path(OUT), (), compact=True)


async def test_the_home_of_nobody_is_said_to_be_no_folder() -> None:
    app = FakeApp()
    async with opened(app) as pilot:
        app.query_one("#export-folder", Input).value = "~nobody-of-this-name/runs"
        await pilot.press("e")
        await settle(pilot)
        assert app.is_running
        await pilot.press("escape", "n")
        await until(pilot, lambda: app.step == 1)


async def test_what_is_no_longer_written_is_not_ticked() -> None:
    app = FakeApp()
    async with opened(app) as pilot:
        await pilot.press("a", "e")
        await until(pilot, lambda: ticks(app) == ALL_SIX)
        await pilot.press("n")
        await until(pilot, lambda: app.step == 48)
        await until(pilot, lambda: ticks(app) == [])


# Charts and log.


async def test_the_charts_follow_the_position() -> None:
    app = FakeApp()
    async with opened(app, WIDE) as pilot:
        await pilot.press("2", "a", "space")
        await until(pilot, lambda: app.step == 49)
        await settle(pilot)
        await shows(pilot, "step 49/60")
        for words in ("X=2", "X=4", "⠒ accuracy", "ASR (%)", "mean activation", "░ pruned"):
            await shows(pilot, words)


async def test_the_log_tells_the_story_and_y_takes_its_last_line() -> None:
    app = FakeApp()
    async with opened(app) as pilot:
        await pilot.press("a", "e", "f7")
        log = app.query_one(RichLog)
        # Written once it has a size, and the last line last.
        await until(pilot, lambda: any(f"Run complete: {OUT}" in line.text for line in log.lines))
        await until(pilot, lambda: log.lines[-1].text.rstrip().endswith("survives."))
        lines = [line.text.rstrip() for line in log.lines]
        told = [line[9:] for line in lines]
        assert all(line[2] == line[5] == ":" for line in lines if not line.startswith(" ") and line[:2].isdigit())
        assert told[0] == "TensorFlow 2.21.0, Keras 3.12.0, on CPU"
        assert told[1] == "model faces/bd_net.h5: 44 classes, images 55×47×3"
        assert any(line.startswith("X=2 reached: step 47/60 · accuracy 96.12 %") for line in told)
        assert f"wrote {OUT}/curve.png" in told
        await pilot.press("y")
        assert app.clipboard.splitlines()[-1].startswith('Backdoor towards class 0 "alice"')


async def test_the_log_keeps_its_last_lines_only() -> None:
    app = FakeApp()
    async with opened(app) as pilot:
        await pilot.press("f7")
        app.engine.say(*(events.Notice(f"line {number}") for number in range(2100)))
        log = app.query_one(RichLog)
        await until(pilot, lambda: bool(log.lines) and "line 2099" in log.lines[-1].text)
        assert len(log.lines) == 2000


async def test_copying_takes_the_status_where_a_pane_has_nothing() -> None:
    app = FakeApp()
    async with opened(app) as pilot:
        await pilot.press("f3", "y")
        assert app.clipboard == app.screen_stack[0].query_one(StatusBar).status
        assert app.engine.requests == [Open(app.engine.requests[0].settings)]  # type: ignore[attr-defined]


# The verdict.


@pytest.mark.parametrize(("size", "shown"), [((80, 24), True), ((120, 40), True), ((60, 12), False)], ids=str)
async def test_the_verdict_stands_below_the_charts_where_there_is_room(size: tuple[int, int], shown: bool) -> None:
    app = FakeApp()
    async with opened(app, size) as pilot:
        await pilot.press("f3", "a")
        await until(pilot, lambda: app.step == 47)
        line = app.query_one("#verdict-line")
        await until(pilot, lambda: "it survives" in str(line.tooltip))
        if shown:
            await shows(pilot, 'Backdoor towards class 0 "alice": 100.00 % of 2,340')
        else:
            await settle(pilot)
            assert "Backdoor towards" not in app.text
        app.engine.say(events.ModelOpened("other.h5", "0" * 64, 5, (8, 8, 3), ()))
        await until(pilot, lambda: not line.display)


@pytest.mark.parametrize("size", [(60, 20), SMALL, MEDIUM, WIDE], ids=str)
async def test_the_verdict_comes_with_the_thresholds_and_needs_no_export(size: tuple[int, int]) -> None:
    app = FakeApp()
    async with opened(app, size) as pilot:
        await pilot.press("f8", *("z" * (size == MEDIUM)))
        for words in (
            "Finding",
            'class 0 "alice"',
            "Survival not known yet",
            "X=2: not reached yet",
            "a prunes to the next",
        ):
            await shows(pilot, words)
        await pilot.press("a", "a", "a")
        await until(pilot, lambda: app.step == 51)
        for words in ("leaves 97.85 %: it survives.", "No network here is safe to deploy", "try another layer"):
            await shows(pilot, words)
        await pilot.press("end")
        await shows(pilot, "On the validation images:")
        await shows(pilot, "X=10: step 51, accuracy 85.54 %, ASR 97.85 %")
        await pilot.press("y")
        assert app.clipboard.split("\n")[-1] == "Next: try another layer or ranking."


async def test_on_a_small_terminal_the_verdict_comes_whatever_pane_is_shown() -> None:
    app = FakeApp()
    async with opened(app) as pilot:
        await pilot.press("a")
        await until(pilot, lambda: app.step == 47)
        survives = "Pruning conv_3 to −2 points leaves 97.85 %: it survives."
        await shows(pilot, survives)
        await pilot.press("f7")
        await shows(pilot, survives)
        await pilot.press("f8")
        await until(pilot, lambda: app.text.count("it survives.") == 1)


@pytest.mark.parametrize("width", range(12, 90, 7))
async def test_the_line_of_the_verdict_is_never_cut_within_a_word(width: int) -> None:
    text = "Backdoor towards class 0: 100 % of 430 poisoned images. Pruning conv_3 leaves 45 %: it survives."
    lines = fitted_lines(text, width, 2)
    assert len(lines) <= 2 and all(len(line) <= width for line in lines)
    shown = " ".join(lines)
    assert shown == text or shown.endswith("…")
    assert set(shown.removesuffix("…").split()) <= set(text.split())


# The mouse.


async def test_a_click_chooses_a_channel_and_the_legend_leads_to_the_next_chart() -> None:
    app = FakeApp()
    async with opened(app) as pilot:
        await pilot.click("#channel-table", offset=(8, 7))
        await until(pilot, lambda: app.workspace.channels.selected == RANKED[5])
        await pilot.press("f3")
        await shows(pilot, "channels pruned (fraction)")
        await pilot.click("#curve .legend", offset=(4, 0))
        await shows(pilot, "clean accuracy (%)")


async def test_whatever_can_be_clicked_says_what_it_does() -> None:
    app = FakeApp()
    async with opened(app, WIDE) as pilot:
        table = app.workspace.channels.table
        for place, words in (
            (3, "Place in"),
            (8, "Index"),
            (30, "clean images"),
            (40, "poisoned images"),
            (48, "Pruned,"),
        ):
            await pilot.hover("#channel-table", offset=(place, 1))
            await until(pilot, lambda words=words: words in str(table.tooltip))  # type: ignore[misc]
        controls = [*app.query("Tab"), *app.query(".legend"), *app.query("#picture-keys, #export-folder, #status")]
        assert len(controls) > 15
        assert all(control.tooltip for control in controls)
