"""Repairing in the app: what can be chosen, how it goes, and what came of it beside pruning."""

from __future__ import annotations

from dataclasses import replace

import pytest
from textual.widgets import DataTable

from bdtui.engine import events
from bdtui.engine.rates import Rates, Share
from bdtui.engine.session.requests import Export, OfferRepairs, RepairNetwork
from bdtui.tui.preferences import Preferences
from bdtui.tui.repair import RepairScreen
from tests.tui.fake_engine import FakeApp, opened, settle, shows, until

pytestmark = pytest.mark.asyncio

OFFERED = events.RepairsOffered(
    (
        events.RepairOffered("auto", "the best of several", "clean images", 240.0),
        events.RepairOffered("fine-tuning", "B goes on learning", "clean images", 63.0),
    ),
    (),
)
BASELINE = events.BaselineMeasured(Rates(Share(99, 100), Share(100, 100)), Rates(Share(199, 200), Share(200, 200)))
REPAIRED = events.RepairFinished(
    "auto:shrink-distil",
    ("What fools B misleads this network no more.",),
    Rates(Share(100, 100), Share(1, 100), Share(80, 100)),
    Rates(Share(198, 200), Share(0, 200), Share(170, 200)),
    "auto",
    goodnet_test=Rates(Share(195, 200), Share(0, 200), None, Share(3, 200), Share(200, 200)),
    seconds=130.0,
    change=0.81,
    claims=True,
)


def rows(app: FakeApp, table: str) -> list[str]:
    found = app.screen.query_one(f"#{table}", DataTable)
    return [" ".join(str(cell) for cell in found.get_row_at(row)) for row in range(found.row_count)]


@pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=["80x24", "120x40"])
async def test_a_method_is_chosen_followed_and_its_network_stands_beside_pruning(size: tuple[int, int]) -> None:
    app = FakeApp()
    async with opened(app, size) as pilot:
        app.engine.say(BASELINE)
        await pilot.press("a")
        await until(pilot, lambda: app.step > 0)
        await pilot.press("f")
        await shows(pilot, "timing a training step")
        assert app.engine.last == OfferRepairs()
        app.engine.say(OFFERED)
        await shows(pilot, "Repair: choose a method")
        assert [row.split()[:3] for row in rows(app, "repair-methods")] == [
            ["auto", "4", "min"],
            ["fine-tuning", "63", "s"],
        ]
        await pilot.press("enter")
        await until(pilot, lambda: app.engine.last == RepairNetwork("auto"))
        app.engine.say(
            events.Progress("shrink-distil", 300, 1000, "steps"),
            events.RepairMeasured("shrink-distil", 100, 1000, 90.0, 12.5),
            events.RepairMeasured("shrink-distil", 300, 1000, 96.0, 2.5),
            events.RepairAttacked("shrink-distil", 300, 1000, 7.8),
        )
        await shows(pilot, "Repair: auto · shrink-distil 300 of 1,000")
        if size[0] >= 120:
            await shows(pilot, "held-out accuracy 96.00 %")
            await shows(pilot, "shared transfer 2.50 %")
            await shows(pilot, "ASR 7.80 % (not used)")
        app.engine.say(REPAIRED, events.JobEnded("repairing"))
        await until(pilot, lambda: len(rows(app, "repair-results")) == 3)
        before, pruned, repaired = rows(app, "repair-results")
        assert before.startswith("B 99.50 100.00")
        assert pruned.startswith("B′ X=2 ")
        assert repaired.startswith("auto (shrink-dis") and "99.00 0.00 85.00" in repaired, repaired
        await shows(pilot, "misleads this network no more")


async def test_a_repair_goes_on_when_closed_and_is_not_begun_twice() -> None:
    app = FakeApp()
    async with opened(app, (120, 40)) as pilot:
        await pilot.press("f")
        app.engine.say(OFFERED)
        await shows(pilot, "Repair: choose a method")
        await pilot.press("enter")
        await until(pilot, lambda: app.engine.last == RepairNetwork("auto"))
        await pilot.press("escape", "2", "n")
        await until(pilot, lambda: app.step == 2)
        await pilot.press("f")
        await until(pilot, lambda: isinstance(app.screen, RepairScreen))
        await shows(pilot, "while you prune")
        await pilot.press("down", "enter")
        await settle(pilot)
        kinds = [type(request) for request in app.engine.requests]
        assert (kinds.count(RepairNetwork), kinds.count(OfferRepairs)) == (1, 1)


async def test_what_a_method_does_or_came_to_is_told_below() -> None:
    app = FakeApp()
    async with opened(app, (80, 24)) as pilot:
        await pilot.press("f")
        app.engine.say(REPAIRED)
        await shows(pilot, "auto: What fools B misleads this network no more.")
        app.engine.say(OFFERED)
        await pilot.press("down")
        await shows(pilot, "fine-tuning: B goes on learning. Needs clean images.")
        await pilot.press("up")
        await shows(pilot, "auto: What fools B misleads this network no more.")


async def test_on_a_small_terminal_the_last_result_every_word_and_the_keys_are_there() -> None:
    app = FakeApp()
    words = " ".join(f"word{number}" for number in range(60))
    async with opened(app, (80, 24)) as pilot:
        await pilot.press("f")
        for name in ("auto", "scratch", "clp", "anp", "nad"):
            app.engine.say(OFFERED, replace(REPAIRED, method=name, asked=name, sentences=(words,)))
        for seen in ("nad ", "word30", "Enter export · f1 help · Esc close"):
            await shows(pilot, seen)
        # To the results, then to the words.
        await pilot.press("tab", "tab", "end")
        await shows(pilot, "word59")
        await pilot.press("shift+tab", "shift+tab", "down", "enter")
        app.engine.say(events.RepairMeasured("fine-tuning", 100, 1000, 90.0, 12.5))
        await shows(pilot, "goes on when closed, while you prune · f1 help · Esc close")
        await shows(pilot, "held-out accuracy")


async def test_the_keys_below_are_those_a_person_has_chosen() -> None:
    app = FakeApp(preferences=Preferences(keymap="emacs", keys={"help": "f12"}))
    async with opened(app, (80, 24)) as pilot:
        for key in ("f", "d"):
            await pilot.press(key)
            await shows(pilot, "f12 help · Esc close")
            await pilot.press("escape")


@pytest.mark.parametrize(("key", "words"), [("f", "Help: repairing"), ("d", "Help: detection")])
async def test_f1_explains_what_is_shown_and_leads_back(key: str, words: str) -> None:
    app = FakeApp()
    async with opened(app, (80, 24)) as pilot:
        await pilot.press(key)
        await settle(pilot)
        shown = app.screen
        await pilot.press("f1")
        await shows(pilot, words)
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is shown)


async def test_a_repair_that_failed_or_was_stopped_can_be_begun_again() -> None:
    app = FakeApp()
    async with opened(app, (120, 40)) as pilot:
        await pilot.press("f")
        app.engine.say(OFFERED)
        for ended in (events.WorkStopped("repair stopped"), events.WorkFailed("repairing", "no memory", "")):
            over = events.JobEnded("repairing")
            await shows(pilot, "Repair: choose a method")
            await pilot.press("enter")
            await shows(pilot, "Repair: auto")
            app.engine.say(ended, over)
            await settle(pilot)
            if isinstance(ended, events.WorkFailed):
                await pilot.press("escape")
        await shows(pilot, "Repair: choose a method")
        assert [type(request) for request in app.engine.requests].count(RepairNetwork) == 2


@pytest.mark.parametrize("keys", [["e"], ["enter"], ["down", "tab", "enter"]], ids=["e", "its method", "its network"])
async def test_what_was_repaired_is_exported_by_e_and_by_enter_on_it(keys: list[str]) -> None:
    app = FakeApp()
    async with opened(app, (120, 40)) as pilot:
        await pilot.press("f")
        app.engine.say(OFFERED, REPAIRED)
        await shows(pilot, "Enter export")
        await pilot.press(*keys)
        await until(pilot, lambda: isinstance(app.engine.last, Export))
        assert not any(isinstance(request, RepairNetwork) for request in app.engine.requests)


async def test_enter_says_what_it_does() -> None:
    app = FakeApp()
    async with opened(app, (120, 40)) as pilot:
        await pilot.press("f")
        app.engine.say(OFFERED, REPAIRED)
        await shows(pilot, "Enter export")
        await pilot.press("down")
        await shows(pilot, "Enter repair · e export")
        await pilot.press("tab")
        await shows(pilot, "Enter export")
