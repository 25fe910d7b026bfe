"""The app on the real engine and the real sample: what was done by hand is what --batch does with the recipe of it."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from textual.pilot import Pilot

from bdtui.engine.event_values import Threshold
from bdtui.engine.events import Event, PositionReached
from bdtui.engine.rates import NO_RATES
from bdtui.engine.reporter import Emit
from bdtui.engine.session.engine_thread import EngineThread
from bdtui.engine.settings import RunSettings
from bdtui.tui.app import BdtuiApp
from bdtui.tui.bars.status import StatusBar
from bdtui.tui.panes.export import ExportPane
from bdtui.tui.terminal.native_output import capture_native_output

pytestmark = pytest.mark.slow

SECONDS = 120


def status(app: BdtuiApp) -> str:
    return str(app.screen_stack[0].query_one(StatusBar).status)


async def until(pilot: Pilot[None], holds: Callable[[], bool], wanted: str) -> None:
    deadline = asyncio.get_running_loop().time() + SECONDS
    while not holds():
        assert asyncio.get_running_loop().time() < deadline, f"waited for {wanted}; the app shows {status(pilot.app)!r}"
        await asyncio.sleep(0.05)
        await pilot.pause()


async def prune_by_hand(out: Path) -> str:
    """n ten times, u three times, a channel out of turn, a, g, e; gives back the last status line."""
    seen: list[Event] = []

    def engine(emit: Emit) -> EngineThread:
        def emit_seen(event: Event) -> None:
            seen.append(event)
            emit(event)

        return EngineThread(emit_seen, RunSettings(), out)

    def first_threshold() -> Threshold | None:
        """X=2 in the latest event that has its test rates."""
        thresholds = [event.thresholds[0] for event in reversed(seen) if isinstance(event, PositionReached)]
        return next((threshold for threshold in thresholds if threshold.goodnet_test != NO_RATES), None)

    app = BdtuiApp(RunSettings(sample=True), engine)
    async with app.run_test(size=(120, 40)) as pilot:

        async def shows(step: str) -> None:
            await until(pilot, lambda: status(app).startswith(f"{step} "), step)

        await shows("step 0/60")
        for _ in range(10):
            await pilot.press("n")
        await shows("step 10/60")
        for _ in range(3):
            await pilot.press("u")
        await shows("step 7/60")
        await pilot.press("pagedown", "space")
        await shows("step 8/60")
        await pilot.press("a")
        pane = app.workspace.query_one(ExportPane)
        await until(pilot, lambda: first_threshold() is not None, "X=2 with test rates")
        threshold = first_threshold()
        assert threshold is not None and threshold.step
        reached = threshold.step
        await shows(f"step {reached}/60")
        await pilot.press("g", *str(reached - 5), "enter")
        await shows(f"step {reached - 5}/60")
        last = status(app)
        await pilot.press("e")
        await until(pilot, lambda: "results.json" in pane.copied_text(), "results.json")
        await pilot.press("q")
    assert app.return_code == 0
    return last


def test_what_was_done_by_hand_replays_in_batch(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    by_hand, replay = tmp_path / "by-hand", tmp_path / "replay"
    with capture_native_output():
        last = asyncio.run(prune_by_hand(by_hand))
    recipe = by_hand / "recipe.toml"
    command = [sys.executable, "-m", "bdtui.tui", "--batch", "--recipe", str(recipe), "--out", str(replay)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr

    # The session still holds its folder: only the end of its process lets go of it.
    names, others = (sorted(path.name for path in out.glob("[!.]*")) for out in (by_hand, replay))
    assert names == others
    assert {"model_X=2.h5", "goodnet_X=10.keras", "curve.png", "report.md"} <= set(names)
    for name in names:
        if name not in ("results.json", "manifest.json"):
            assert (by_hand / name).read_bytes() == (replay / name).read_bytes(), name
    one, other = (json.loads((folder / "results.json").read_text()) for folder in (by_hand, replay))
    assert one.pop("seconds").keys() == other.pop("seconds").keys()
    assert one == other

    # What the screen said at the last step is what the files say of it.
    assert one["ranking"] == "by-hand"
    step = int(last.removeprefix("step ").partition("/")[0])
    entry = one["curve"][step]
    assert last == (
        f"step {step}/60 · accuracy {entry['clean_accuracy']:.2f} % · ASR {entry['attack_success_rate']:.2f} %"
    )
