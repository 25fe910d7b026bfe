"""Screening images in the app: asked for by path, listed with the flagged ones first, saved as CSV."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.widgets import DataTable

from bdtui.engine import events
from bdtui.engine.session.requests import KeepScreened, ScreenImages
from bdtui.tui.screening import ScreeningScreen
from tests.tui.fake_engine import FakeApp, opened, settle, shows, until

pytestmark = pytest.mark.asyncio

FOUND = events.ImagesScreened(
    "inbox",
    "strip",
    ("1 of 3 images is flagged by strip; of clean images about 5 % would be.",),
    (
        events.ScreenedImage("b.png", 0.9, 7, True),
        events.ScreenedImage("a.png", 0.2, 3, False),
        events.ScreenedImage("c.png", 0.1, 1, False),
    ),
)


@pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=["80x24", "120x40"])
async def test_images_are_asked_for_judged_listed_and_saved(size: tuple[int, int]) -> None:
    app = FakeApp()
    async with opened(app, size) as pilot:
        await app.run_action("screen_images")
        await shows(pilot, "which of them carry a trigger")
        await pilot.press(*"inbox", "enter")
        await until(pilot, lambda: app.engine.last == ScreenImages(Path("inbox")))
        app.engine.say(FOUND)
        await until(pilot, lambda: isinstance(app.screen, ScreeningScreen))
        await shows(pilot, "1 of 3 images is flagged by strip")
        table = app.screen.query_one(DataTable)
        rows = [[str(cell) for cell in table.get_row_at(row)] for row in range(table.row_count)]
        assert [row[:2] for row in rows] == [["yes", "b.png"], ["no", "a.png"], ["no", "c.png"]]
        await pilot.press("s")
        await until(pilot, lambda: app.engine.last == KeepScreened())
        await pilot.press("escape")
        await until(pilot, lambda: len(app.screen_stack) == 1)


async def test_escape_screens_nothing() -> None:
    app = FakeApp()
    async with opened(app) as pilot:
        await app.run_action("screen_images")
        await shows(pilot, "which of them carry a trigger")
        await pilot.press("escape")
        await settle(pilot)
        assert not isinstance(app.engine.last, ScreenImages)
