"""The app of a sweep: a table that fills, sorts and filters, and opens the run of a cell; no worker is needed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Static

from bdtui.engine import events
from bdtui.engine.event_values import FAILED, CellRow
from bdtui.engine.events import Event
from bdtui.engine.reporter import Emit
from bdtui.tui.dialogs import FailureDialog, HelpScreen
from bdtui.tui.exit_codes import ExitCode
from bdtui.tui.sweep.app import SweepApp
from bdtui.tui.widgets.fitted_table import FittedTable
from tests.tui.fake_engine import until

pytestmark = pytest.mark.asyncio

PLANNED = tuple(CellRow(name, f"{name}.h5", (("seed", "1"),), state="") for name in ("alpha", "beta", "gamma", "delta"))
CLEAN = replace(PLANNED[0], state="done", backdoor="no sign", clean_accuracy=99.0)
BAD = replace(PLANNED[1], state=FAILED, error="[b]beta.h5: is no model[/b]")
SUSPECT = replace(PLANNED[2], state="done", backdoor="suspected", target="7", clean_accuracy=98.0)


class Sweep:
    """Stands for the sweep's thread."""

    def __init__(self) -> None:
        self.opened: list[Path] = []
        self.stops = 0
        self.emit: Emit = lambda event: None
        self.end: Callable[[str, ExitCode], None] = lambda sentence, code: None
        self.app = SweepApp(self._begin, self._stop, self.opened.append)

    def _begin(self, emit: Emit, end: Callable[[str, ExitCode], None]) -> None:
        self.emit, self.end = emit, end
        emit(events.SweepBegun("out", PLANNED, ("seed",)))

    def _stop(self) -> None:
        self.stops += 1

    async def begin(self, pilot: Pilot[None]) -> None:
        """Wait until the app has begun the sweep, after its first paint."""
        await until(pilot, lambda: len(self.cells()) == len(PLANNED))

    async def hear(self, pilot: Pilot[None], *emitted: Event) -> None:
        for event in emitted:
            self.emit(event)
        await pilot.pause()
        self.app._redraw()
        await pilot.pause()

    def cells(self) -> list[str]:
        return list(self.app._shown)

    def row(self, number: int) -> list[str]:
        return [str(cell) for cell in self.app.query_one(FittedTable).get_row_at(number)]

    def text(self, name: str) -> str:
        return str(self.app.query_one(f"#{name}", Static).render())


async def finished(sweep: Sweep, pilot: Pilot[None]) -> None:
    await sweep.begin(pilot)
    rows = (CLEAN, BAD, SUSPECT)
    await sweep.hear(pilot, *(events.CellFinished(row, number + 1, 4) for number, row in enumerate(rows)))


@pytest.mark.parametrize("size", [(80, 24), (130, 40)], ids=["80x24", "130x40"])
async def test_the_table_fills_with_what_is_suspicious_first(size: tuple[int, int]) -> None:
    sweep = Sweep()
    async with sweep.app.run_test(size=size) as pilot:
        await sweep.begin(pilot)
        assert sweep.cells() == ["alpha", "beta", "gamma", "delta"]
        await sweep.hear(
            pilot, events.CellStarted("delta", "tcp://x"), events.CellProgressed("delta", "curve", 3, 8, "steps")
        )
        assert sweep.cells()[0] == "delta"
        assert "running" in sweep.row(0)
        await finished(sweep, pilot)
        assert sweep.cells() == ["gamma", "delta", "beta", "alpha"]
        assert "suspected" in sweep.row(0)
        assert "2/4 done · 1 failed · 1 running · 1 suspicious" in sweep.text("header")


async def test_sorting_goes_through_the_orders_and_keeps_the_cursor_on_its_cell() -> None:
    sweep = Sweep()
    async with sweep.app.run_test() as pilot:
        await finished(sweep, pilot)
        await pilot.press("down")
        here = sweep.cells()[1]
        await pilot.press("s")
        await until(pilot, lambda: sweep.cells() == ["alpha", "beta", "delta", "gamma"])
        assert sweep.cells()[sweep.app.query_one(FittedTable).cursor_row] == here
        await pilot.press("s", "s")
        await until(pilot, lambda: sweep.cells()[:2] == ["alpha", "gamma"])


async def test_a_filter_shows_what_has_a_text_in_its_line() -> None:
    sweep = Sweep()
    async with sweep.app.run_test() as pilot:
        await finished(sweep, pilot)
        await pilot.press("slash", *"SUSP", "enter")
        await until(pilot, lambda: sweep.cells() == ["gamma"])
        assert "3 filtered out" in sweep.text("header")
        await pilot.press("escape")
        await until(pilot, lambda: len(sweep.cells()) == 4)


async def test_enter_opens_the_run_of_a_cell_or_says_why_there_is_none() -> None:
    sweep = Sweep()
    async with sweep.app.run_test() as pilot:
        await finished(sweep, pilot)
        await pilot.press("enter")
        await until(pilot, lambda: sweep.opened == [Path("out/cells/gamma")])
        await pilot.press("down", "enter")
        await until(pilot, lambda: isinstance(sweep.app.screen, FailureDialog))
        assert BAD.error in str(sweep.app.screen.query_one("#failure-sentence", Static).render())
        await pilot.press("escape")
        await until(pilot, lambda: len(sweep.app.screen_stack) == 1)
        await pilot.press("down", "enter")
        await until(pilot, lambda: "delta is waiting" in sweep.text("status"))
        assert len(sweep.opened) == 1


async def test_help_names_every_key_and_the_table_is_there_again() -> None:
    sweep = Sweep()
    async with sweep.app.run_test() as pilot:
        await finished(sweep, pilot)
        await pilot.press("question_mark")
        await until(pilot, lambda: isinstance(sweep.app.screen, HelpScreen))
        await pilot.press("escape")
        await until(pilot, lambda: len(sweep.app.screen_stack) == 1)
        assert sweep.cells()[0] == "gamma"


async def test_what_is_inconclusive_stands_in_the_order_of_its_strength() -> None:
    sweep = Sweep()
    rows = [
        replace(CLEAN, cell=name, backdoor="inconclusive", recommended="", first_suspect="3", strength=strength)
        for name, strength in (("alpha", 0.2), ("beta", 0.9), ("gamma", 0.5))
    ]
    async with sweep.app.run_test(size=(130, 40)) as pilot:
        await sweep.begin(pilot)
        await sweep.hear(pilot, *(events.CellFinished(row, 1, 4) for row in rows))
        await until(pilot, lambda: [name for name in sweep.cells() if name != "delta"] == ["beta", "gamma", "alpha"])
        assert any("first suspect: class 3, strength 0.90" in text for text in sweep.row(sweep.cells().index("beta")))


async def test_stopping_asks_once_more_for_nothing_and_quitting_ends_with_the_sweeps_status() -> None:
    sweep = Sweep()
    async with sweep.app.run_test() as pilot:
        await pilot.press("x")
        assert sweep.stops == 1
        await finished(sweep, pilot)
        sweep.end("", ExitCode.GATE)
        await pilot.pause()
        await pilot.press("q")
    assert sweep.app.return_code == ExitCode.GATE


async def test_leaving_before_the_end_is_an_interruption() -> None:
    sweep = Sweep()
    async with sweep.app.run_test() as pilot:
        await pilot.press("q")
    assert sweep.stops == 1
    assert sweep.app.return_code == ExitCode.INTERRUPTED


async def test_a_sweep_that_cannot_go_on_says_why() -> None:
    sweep = Sweep()
    async with sweep.app.run_test() as pilot:
        await sweep.begin(pilot)
        sweep.end("tcp://x: no scheduler answers", ExitCode.USAGE)
        await until(pilot, lambda: isinstance(sweep.app.screen, FailureDialog))
