"""On every terminal, nothing is covered, lost, or cut without a sign."""

from __future__ import annotations

from pathlib import Path

import pytest

from bdtui.engine import events
from tests.tui.fake_engine import FakeApp, opened, settle, shows, until

pytestmark = pytest.mark.asyncio

SIZES = ((60, 20), (80, 24), (120, 40), (200, 60))
each_size = pytest.mark.parametrize("size", SIZES, ids=lambda size: "×".join(map(str, size)))


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("XDG_STATE_HOME", "XDG_CONFIG_HOME", "HOME"):
        monkeypatch.setenv(name, str(tmp_path / "home"))
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


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
