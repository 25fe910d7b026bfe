"""What the screen looks like, held fast: the three layouts in dark, light and without colour, each pane, each dialog.

``pytest tests/tui/test_snapshots.py --snapshot-update`` takes new pictures; look at them before keeping them.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from textual.pilot import Pilot
from textual.widgets import DataTable, Input

from bdtui.engine.settings import RunSettings
from bdtui.tui.bars import header
from bdtui.tui.opening.screen import LoadScreen
from bdtui.tui.panes import log
from bdtui.tui.preferences import Preferences
from bdtui.tui.terminal.memory_meter import MemoryUse
from tests.tui import test_detect, test_repair
from tests.tui.fake_engine import FakeApp, settle, until

SIZES = {"60x20": (60, 20), "80x24": (80, 24), "120x40": (120, 40), "200x60": (200, 60)}
SnapCompare = Callable[..., bool]


@pytest.fixture(autouse=True)
def nothing_that_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No clock, no memory, no folder of this machine, no colours that the environment asks for."""
    for name in ("XDG_STATE_HOME", "XDG_CONFIG_HOME", "HOME"):
        monkeypatch.setenv(name, str(tmp_path / "home"))
    for name in ("NO_COLOR", "COLORTERM", "COLUMNS", "LINES", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setattr(header, "process_memory", lambda: MemoryUse(3 * 2**29, 24 * 2**30))
    monkeypatch.setattr(log, "time", SimpleNamespace(strftime=lambda form: "12:00:00"))
    monkeypatch.setattr(Input, "cursor_blink", False)
    folder = tmp_path / "faces"
    folder.mkdir()
    for name in ("bd_net.h5", "valid.h5", "notes.txt"):
        (folder / name).touch()
    monkeypatch.chdir(folder)


def pruned_by_hand(*keys: str) -> Callable[[Pilot[None]], Awaitable[None]]:
    """Prune on to X=2, silence one channel out of turn, and press keys."""

    async def prepare(pilot: Pilot[None]) -> None:
        app = pilot.app
        assert isinstance(app, FakeApp)
        await until(pilot, lambda: app.step == 0)
        await pilot.press("a")
        await until(pilot, lambda: app.step == 47)
        await settle(pilot)
        await pilot.press("down", "down", "space")
        await until(pilot, lambda: app.step == 48)
        await until(pilot, lambda: "memory 1.5/24 GiB" in app.text)
        await pilot.press(*keys)
        await settle(pilot)
        # Textual's table keeps cells that were painted before it had measured its columns; whether there are any is chance.
        for table in app.screen_stack[0].query(DataTable):
            table._clear_caches()
            table.refresh()
        await settle(pilot)

    return prepare


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
@pytest.mark.parametrize("colours", ["dark", "light", "no-color"])
def test_layout(
    snap_compare: SnapCompare, monkeypatch: pytest.MonkeyPatch, size: tuple[int, int], colours: str
) -> None:
    if colours == "no-color":
        monkeypatch.setenv("NO_COLOR", "1")
    app = FakeApp(preferences=Preferences("dark" if colours == "no-color" else colours))
    assert snap_compare(app, terminal_size=size, run_before=pruned_by_hand())


@pytest.mark.parametrize(
    ("keys", "theme"),
    [
        (["f3"], "dark"),
        (["f3", "v"], "dark"),
        (["f4"], "dark"),
        (["f5"], "dark"),
        (["f6", "e"], "light"),
        (["f7"], "high-contrast"),
        (["f8"], "dark"),
        (["f1"], "dark"),
        (["g"], "dark"),
        (["l"], "high-contrast"),
    ],
    ids=["charts", "trade-off", "model", "data", "export", "log", "verdict", "help", "go-to", "layers"],
)
def test_small(snap_compare: SnapCompare, keys: list[str], theme: str) -> None:
    app = FakeApp(preferences=Preferences(theme))
    assert snap_compare(app, run_before=pruned_by_hand(*keys))


def test_failure(snap_compare: SnapCompare) -> None:
    async def fail(pilot: Pilot[None]) -> None:
        await pruned_by_hand()(pilot)
        app = pilot.app
        assert isinstance(app, FakeApp)
        app.engine.fail("faces/out: holds a run already; expected a new or empty folder")
        await pilot.press("e")
        await until(pilot, lambda: len(app.screen_stack) == 2)
        await settle(pilot)

    assert snap_compare(FakeApp(), run_before=fail)


def test_load_screen(snap_compare: SnapCompare) -> None:
    async def wait(pilot: Pilot[None]) -> None:
        app = pilot.app
        assert isinstance(app, FakeApp)
        await until(pilot, lambda: isinstance(app.screen, LoadScreen) and "valid.h5" in app.text)
        await settle(pilot)
        await settle(pilot)

    settings = RunSettings(model=Path("bd_net.h5"))
    assert snap_compare(FakeApp(settings), run_before=wait)


@pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=["80x24", "120x40"])
@pytest.mark.parametrize("key", ["d", "f"])
def test_what_is_found_and_repaired(snap_compare: SnapCompare, key: str, size: tuple[int, int]) -> None:
    found = {
        "d": (test_detect.ranked(*test_detect.PLANNED), test_detect.trigger(strong=False), test_detect.FINISHED),
        "f": (test_repair.OFFERED, test_repair.REPAIRED),
    }

    async def show(pilot: Pilot[None]) -> None:
        await pruned_by_hand(key)(pilot)
        app = pilot.app
        assert isinstance(app, FakeApp)
        app.engine.say(*found[key])
        await settle(pilot)
        await until(pilot, lambda: ("4 methods" if key == "d" else "shrink-dis") in app.text)
        for table in app.screen.query(DataTable):
            table._clear_caches()
            table.refresh()
        await settle(pilot)

    assert snap_compare(FakeApp(), terminal_size=size, run_before=show)
