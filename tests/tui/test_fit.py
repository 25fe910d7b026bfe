"""On every terminal, nothing is covered, lost, or cut without a sign."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from textual.widgets import DataTable, RichLog

from bdtui.engine import events
from bdtui.engine.settings import RunSettings
from bdtui.tui.opening.screen import LoadScreen
from tests.tui.fake_engine import OUT, FakeApp, opened, running, settle, shows, until

pytestmark = pytest.mark.asyncio

SIZES = ((60, 20), (80, 24), (120, 40), (200, 60))
each_size = pytest.mark.parametrize("size", SIZES, ids=lambda size: "×".join(map(str, size)))


@pytest.fixture(autouse=True)
def folder(nobodys_home: Path) -> Path:
    return nobodys_home


def bottom(app: FakeApp) -> list[str]:
    """The activity line, the status line and the footer."""
    return app.text.split("\n")[-3:]


@each_size
async def test_a_notice_covers_neither_the_status_line_nor_what_is_beside_it(size: tuple[int, int]) -> None:
    app = FakeApp()
    async with opened(app, size, notifications=True) as pilot:
        await pilot.press("a", "7")
        await until(pilot, lambda: app.step == 47)
        await until(pilot, lambda: bottom(app)[1].rstrip().endswith("7×"))
        before = bottom(app)
        app.engine.say(events.SessionKept("bdtui-runs/bd_net-20261126-135358"))
        await shows(pilot, "Autosaving to")
        await settle(pilot)
        assert bottom(app) == before


@each_size
@pytest.mark.parametrize(("key", "table"), [("f4", "#layer-table"), ("f6", "#export-table")], ids=["model", "export"])
async def test_a_table_shows_every_text_whole_or_shortened_with_a_sign(
    size: tuple[int, int], key: str, table: str
) -> None:
    app = FakeApp()
    async with opened(app, size) as pilot:
        await pilot.press("a", key)
        await until(pilot, lambda: app.step == 47)
        await settle(pilot)
        found = app.query_one(table, DataTable)
        await until(pilot, lambda: 0 < found.virtual_size.width <= found.outer_size.width)
        top = round(found.scroll_offset.y)
        in_view = slice(top, top + found.scrollable_content_region.height - found.header_height)
        for column in found.ordered_columns:
            for cell in [str(each) for each in found.get_column(column.key)][in_view]:
                assert len(cell) <= column.width
                await shows(pilot, cell)


async def test_a_number_of_parameters_is_never_cut() -> None:
    app = FakeApp()
    async with opened(app, (120, 40)) as pilot:
        await pilot.press("f4")
        await settle(pilot)
        await shows(pilot, "conv_2")
        lines = [line.split() for line in app.text.split("\n") if "24×20×40" in line]
        assert all("7," not in line for line in lines)


async def test_a_table_gets_its_columns_back_when_there_is_room_again() -> None:
    app = FakeApp()
    async with opened(app, (54, 20)) as pilot:
        await pilot.press("f4")
        table = app.query_one("#layer-table", DataTable)
        await until(pilot, lambda: [str(column.label) for column in table.ordered_columns][-1] == "output")
        await pilot.press("up", "up")
        row = table.cursor_row
        await pilot.resize_terminal(80, 24)
        await until(pilot, lambda: [str(column.label) for column in table.ordered_columns][-1] == "parameters")
        await shows(pilot, "7,240")
        assert table.cursor_row == row


async def test_a_long_name_is_shortened_with_a_sign() -> None:
    app = FakeApp()
    async with opened(app) as pilot:
        await pilot.press("f4")
        model = next(event for event in app.engine.found if isinstance(event, events.ModelOpened))
        longer = tuple(replace(layer, name=f"a_layer_with_quite_a_name_{layer.name}") for layer in model.layers)
        app.engine.say(replace(model, layers=longer))
        await shows(pilot, "a_layer_with_quite_a_name…")
        await shows(pilot, "7,240")


async def test_the_folder_above_the_ticks_is_the_one_that_was_written() -> None:
    app = FakeApp()
    async with opened(app, (80, 24)) as pilot:
        await pilot.press("a", "e")
        await shows(pilot, f"13 files in {OUT}")
        await shows(pilot, "✓  model_X=2.h5")
        await settle(pilot)
        lines = app.text.split("\n")
        first_tick = next(place for place, line in enumerate(lines) if "✓" in line)
        assert [line for line in lines[:first_tick] if OUT in line] == [
            line for line in lines if line.strip() == f"13 files in {OUT}"
        ]
        following = [place for place, line in enumerate(lines) if f"next export to {OUT}-2" in line]
        assert following and following[0] > first_tick


async def test_the_log_wraps_anew_when_the_window_is_narrowed() -> None:
    app = FakeApp()
    async with opened(app, (120, 40)) as pilot:
        await pilot.press("f7", "z")
        app.engine.say(
            events.Notice("the first words of a long sentence " + "and more " * 8 + "and its very last words")
        )
        await shows(pilot, "its very last words")
        await pilot.resize_terminal(60, 20)
        log = app.query_one(RichLog)
        await until(pilot, lambda: log.scrollable_content_region.width < 60)
        await until(pilot, lambda: all(line.cell_length <= 60 for line in log.lines) and "its very last" in app.text)


async def test_the_load_window_shows_every_button_at_60_by_20_and_says_when_it_is_too_small() -> None:
    app = FakeApp(RunSettings())
    async with running(app, (60, 20)) as pilot:
        await until(pilot, lambda: isinstance(app.screen, LoadScreen))
        for name in ("Open", "Sample", "Cancel"):
            await shows(pilot, name)
        await settle(pilot)
        cancel = app.screen.query_one("#load-cancel")
        assert app.screen.region.contains_region(cancel.region)
        assert cancel.region.right < 60
        await pilot.resize_terminal(59, 20)
        await shows(pilot, "needs a terminal of 60×18")
        await pilot.resize_terminal(60, 18)
        await until(pilot, lambda: "60×18" not in app.text)
        assert cancel.region.bottom < 18


async def test_a_hint_that_is_longer_than_the_line_is_wrapped_and_the_next_takes_one_line_again() -> None:
    app = FakeApp()
    async with opened(app) as pilot:
        hint = (
            "bd_valid.h5 has 44 different labels. Expected for all-to-all attacks. Otherwise check that 'label' is the"
        )
        app.engine.say(events.Notice(f"{hint} attacker's target: with true classes ASR is meaningless"))
        await shows(pilot, f"{hint} attacker's target: with true classes ASR is meaningless")
        app.engine.say(events.Notice("short"))
        await until(pilot, lambda: bottom(app)[0].strip() == "short" and "attacker" not in app.text)


@each_size
async def test_the_columns_say_that_a_channel_fires_on_images(size: tuple[int, int]) -> None:
    app = FakeApp()
    async with opened(app, size) as pilot:
        await shows(pilot, "fires on (%)")
        lines = app.text.split("\n")
        place = next(number for number, line in enumerate(lines) if "fires on (%)" in line)
        assert "clean  poisoned" in lines[place + 1]


@each_size
async def test_the_footer_names_open_and_palette_and_cuts_no_key(size: tuple[int, int]) -> None:
    app = FakeApp()
    async with opened(app, size):
        footer = bottom(app)[2]
        assert " o open " in footer and " ^p palette " in footer
        assert "…" not in footer


@each_size
async def test_every_tab_is_whole_and_names_its_key(size: tuple[int, int]) -> None:
    app = FakeApp()
    async with opened(app, size) as pilot:
        await pilot.press("f5")
        await settle(pilot)
        for bar in app.query("TabBar"):
            if bar.display and bar.size.width:
                assert all(tab.region.right <= bar.region.right for tab in bar.query("Tab"))
        if size[0] < 104:
            await shows(pilot, "F8Verdict" if size[0] < 74 else "F8 Verdict")


@each_size
async def test_a_curve_of_one_point_says_what_fills_it(size: tuple[int, int]) -> None:
    app = FakeApp()
    async with opened(app, size) as pilot:
        await pilot.press("f3")
        await shows(pilot, "a prunes to the first threshold")
        await pilot.press("n")
        await until(pilot, lambda: app.step == 1)
        await until(pilot, lambda: "to the first threshold" not in app.text)
