"""The table of layers and rankings: filled while it is measured, and a way to each of them."""

from __future__ import annotations

import pytest
from textual.widgets import DataTable

from bdtui.engine.pruning.moves import ChooseLayer
from bdtui.engine.session.requests import Compare
from bdtui.tui.compare import ComparisonScreen
from bdtui.tui.preferences import Preferences
from tests.tui.fake_engine import FakeApp, World, opened, settle, shows, until

pytestmark = pytest.mark.asyncio


def listed(app: FakeApp) -> list[str]:
    """The rows of the table, each as one text."""
    table = app.screen.query_one(DataTable)
    return [" ".join(str(cell) for cell in table.get_row_at(row)) for row in range(table.row_count)]


async def test_rows_come_as_they_are_measured_the_best_first_and_moves_go_on_meanwhile() -> None:
    app = FakeApp()
    async with opened(app, (120, 40)) as pilot:
        await pilot.press("c")
        await shows(pilot, "0 of 6 measured · goes on when closed, pauses while you prune · x stops")
        app.engine.compare_on(1)
        await until(pilot, lambda: len(listed(app)) == 1)
        await pilot.press("escape", "3", "n")
        await until(pilot, lambda: app.step == 3)
        app.engine.compare_on(4)
        await shows(pilot, "compared pool_3 by mean-activation (5 of 6)")
        await pilot.press("c")
        await shows(pilot, "5 of 6 measured")
        await shows(pilot, "B, unpruned: accuracy ")
        assert len(listed(app)) == 5
        margins = [float(row.split()[-8]) for row in listed(app)]
        assert margins == sorted(margins, reverse=True)
        assert [row for row in listed(app) if row.startswith("▸ pool_3 mean-activation")]


async def test_enter_goes_to_the_layer_and_ranking_and_undo_returns() -> None:
    app = FakeApp()
    async with opened(app) as pilot:
        await pilot.press("3", "n", "c")
        app.engine.compare_on()
        await until(pilot, lambda: len(listed(app)) == 6)
        place = next(row for row, text in enumerate(listed(app)) if "pool_2 weight-norm" in text)
        await pilot.press(*["down"] * place, "enter")
        await until(pilot, lambda: "0/40" in app.status)
        assert app.engine.last == ChooseLayer("pool_2", "weight-norm")
        await shows(pilot, "by weight-norm")
        await pilot.press("u")
        await until(pilot, lambda: "3/60" in app.status)


async def test_the_cursor_stays_on_its_row_while_better_ones_come() -> None:
    app = FakeApp()
    async with opened(app) as pilot:
        await pilot.press("c")
        app.engine.compare_on(3)
        await until(pilot, lambda: len(listed(app)) == 3)
        await pilot.press("down", "down")
        here = listed(app)[2]
        app.engine.compare_on()
        await until(pilot, lambda: len(listed(app)) == 6)
        assert listed(app)[app.screen.query_one(DataTable).cursor_row] == here


async def test_x_stops_it_and_c_goes_on() -> None:
    app = FakeApp()
    async with opened(app) as pilot:
        await pilot.press("c")
        app.engine.compare_on(2)
        await pilot.press("x")
        await shows(pilot, "comparison stopped")
        assert app.engine.stops == 1
        assert isinstance(app.screen, ComparisonScreen)
        assert len(listed(app)) == 2
        await pilot.press("escape", "c")
        await shows(pilot, "0 of 6 measured")
        await pilot.press("a")
        await settle(pilot)
        assert app.engine.last == Compare(("all",))


async def test_without_poisoned_images_it_shows_what_is_there() -> None:
    app = FakeApp(world=World(poisoned=False))
    async with opened(app) as pilot:
        await pilot.press("c")
        app.engine.compare_on()
        await shows(pilot, "first: most pruned at X=10")
        await until(pilot, lambda: len(listed(app)) == 6)
        assert "ASR" not in app.text.partition("Enter go there")[0].partition("first:")[2]
        assert "–" not in "".join(listed(app))


@pytest.mark.parametrize("size", [(60, 20), (80, 24), (120, 40), (200, 60)])
async def test_what_does_not_fit_is_left_out_whole(size: tuple[int, int]) -> None:
    app = FakeApp()
    async with opened(app, size) as pilot:
        await pilot.press("c")
        app.engine.compare_on()
        await shows(pilot, "Enter go there · a all layers · Esc close")
        await until(pilot, lambda: len(listed(app)) == 6)
        await settle(pilot)
        assert "X=10" in app.text
        assert "85.5/97.8" in app.text, "the last threshold is whole"
        if size[0] >= 80:
            assert "X=2" in app.text


async def test_another_network_has_nothing_compared() -> None:
    app = FakeApp()
    async with opened(app) as pilot:
        await pilot.press("c")
        app.engine.compare_on()
        await pilot.press("escape", "O")
        await settle(pilot)
        await pilot.press("c")
        await shows(pilot, "0 of 6 measured")
        assert not listed(app)


async def test_while_nothing_is_open_it_says_so() -> None:
    app = FakeApp(held=True)
    async with app.run_test() as pilot:
        await pilot.press("c")
        await settle(pilot)
        assert not isinstance(app.screen, ComparisonScreen)
        assert app.notices


async def test_column_and_chart_show_what_the_ranking_ranks_by() -> None:
    app = FakeApp()
    async with opened(app, (200, 60)) as pilot:
        assert "mean activation" in app.text
        await pilot.press("r", "home", "down", "down", "down", "enter")
        await shows(pilot, "by weight-norm")
        await shows(pilot, "kernel norm (L1)")
        assert "mean activation" not in app.text
        await until(pilot, lambda: "kernel" in app.text.partition("ch.")[2].partition("state")[0])
        first = app.workspace.channels.table.row_texts(0)
        assert first[2] == f"{10.0 + int(first[1]) % 7:.4f}"
        await pilot.press("u")
        await shows(pilot, "mean activation")


async def test_the_keys_that_a_person_chose_hold_in_the_table_too() -> None:
    app = FakeApp(preferences=Preferences(keys={"compare": "C", "stop": "z"}))
    async with opened(app) as pilot:
        await pilot.press("C")
        await shows(pilot, "z stops")
        await pilot.press("z")
        await shows(pilot, "comparison stopped")
        await pilot.press("C")
        await until(pilot, lambda: not isinstance(app.screen, ComparisonScreen))
