"""Looking for a backdoor in the app: classes as they are ranked, triggers as pictures, and an estimate."""

from __future__ import annotations

import pytest
from textual.widgets import DataTable, Static

from bdtui.engine import events
from bdtui.engine.event_values import Picture, SuspectedClass
from bdtui.engine.session.requests import Detect, UseTrigger
from bdtui.tui.detection import DetectionScreen
from tests.tui.fake_engine import FakeApp, World, opened, settle, shows, until

pytestmark = pytest.mark.asyncio

SUSPECTS = (SuspectedClass(7, 4.2, 0.001, 91.0), SuspectedClass(3, 1.0, None, None))
SCORES = tuple(4.2 if target == 7 else target / 50 for target in range(44))
PLANNED = ("last-layer", "scan", "margins", "inversion")
SENTENCES = ("Backdoored, towards class 7: it lies closer.", "These lines called 1 of 18 clean networks backdoored.")


def ranked(*done: str) -> events.ClassesRanked:
    return events.ClassesRanked(SCORES, SUSPECTS, "backdoored", SENTENCES, done, PLANNED)


def trigger(*, strong: bool) -> events.TriggerShown:
    picture = Picture(12, 10, bytes(range(120)) * 3, 7, None)
    return events.TriggerShown(7, strong, (picture,) * 4, 17.5, 180, 197)


FINISHED = events.DetectionFinished("backdoored", 7, SENTENCES, SUSPECTS, 12.0)


def classes(app: FakeApp) -> list[list[str]]:
    table = app.screen.query_one(DataTable)
    return [[str(cell) for cell in table.get_row_at(row)] for row in range(table.row_count)]


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 60)], ids=["80x24", "120x40", "200x60"])
async def test_classes_are_ranked_as_methods_finish_and_the_first_trigger_is_shown(size: tuple[int, int]) -> None:
    app = FakeApp()
    async with opened(app, size) as pilot:
        await pilot.press("d")
        await shows(pilot, "Is it backdoored?")
        app.engine.say(ranked("last-layer", "scan"), events.Progress("detect: margins", 3, 100, "steps"))
        await shows(pilot, "2 of 4 methods · margins 3 of 100")
        await shows(pilot, "So far: Backdoored, towards class 7")
        assert classes(app)[0][0].startswith("7")
        assert "█" * 12 in classes(app)[0][1], "the first has the longest bar"
        await shows(pilot, "x stop, with what there is")
        app.engine.say(ranked(*PLANNED), trigger(strong=False), trigger(strong=True), FINISHED)
        await shows(pilot, "4 methods")
        await until(pilot, lambda: "So far" not in app.text)
        if size[0] >= 120:
            await shows(pilot, "small trigger of class 7: 17.5 pixels")
            await shows(pilot, "strong trigger of class 7")
            await shows(pilot, "clean")
        await pilot.press("down")
        await shows(pilot, "No trigger is reversed")


async def test_moves_go_on_while_it_looks_and_the_screen_comes_back_with_what_was_found() -> None:
    app = FakeApp()
    async with opened(app) as pilot:
        await pilot.press("d")
        app.engine.say(ranked("last-layer"))
        await pilot.press("escape", "3", "n")
        await until(pilot, lambda: app.step == 3)
        app.engine.say(ranked(*PLANNED), FINISHED)
        await pilot.press("d")
        await until(pilot, lambda: isinstance(app.screen, DetectionScreen))
        await shows(pilot, "4 methods")
        assert [type(request) for request in app.engine.requests].count(Detect) == 1


async def test_what_was_stopped_goes_on_when_asked_again() -> None:
    app = FakeApp()
    async with opened(app) as pilot:
        await pilot.press("d")
        app.engine.say(ranked("last-layer"))
        await shows(pilot, "1 of 4 methods")
        await pilot.press("x")
        assert app.engine.stops == 1
        app.engine.say(FINISHED)
        await shows(pilot, "1 of 4 methods")
        await pilot.press("escape", "d")
        await until(pilot, lambda: [type(request) for request in app.engine.requests].count(Detect) == 2)


@pytest.mark.parametrize("ended", [events.WorkFailed("detecting", "no memory", ""), events.WorkStopped("stopped")])
async def test_what_failed_or_was_stopped_before_anything_was_found_can_be_asked_for_again(ended: events.Event) -> None:
    app = FakeApp()
    async with opened(app) as pilot:
        await pilot.press("d")
        await shows(pilot, "Reading the clean images")
        app.engine.say(ended, events.JobEnded("detecting"))
        await settle(pilot)
        if isinstance(ended, events.WorkFailed):
            await pilot.press("escape")
        await shows(pilot, "stopped before anything was found")
        await pilot.press("escape", "d")
        await until(pilot, lambda: [type(request) for request in app.engine.requests].count(Detect) == 2)


async def test_the_trigger_may_stand_in_only_where_there_are_no_poisoned_images() -> None:
    for poisoned in (True, False):
        app = FakeApp(world=World(poisoned=poisoned))
        async with opened(app) as pilot:
            await pilot.press("d")
            app.engine.say(ranked(*PLANNED), trigger(strong=False), FINISHED)
            await shows(pilot, "4 methods")
            note = str(app.screen.query_one("#detection-note", Static).content)
            assert ("use the trigger for an estimate of ASR" in note) is not poisoned
            await pilot.press("e")
            await settle(pilot)
            assert (app.engine.last == UseTrigger(True)) is not poisoned
            if not poisoned:
                await shows(pilot, "e leave out the estimate")
                await pilot.press("e")
                await until(pilot, lambda app=app: app.engine.last == UseTrigger(False))  # type: ignore[misc]


async def test_another_network_has_nothing_found() -> None:
    app = FakeApp()
    async with opened(app) as pilot:
        await pilot.press("d")
        app.engine.say(ranked(*PLANNED), FINISHED)
        await shows(pilot, "4 methods")
        await pilot.press("escape", "O")
        await settle(pilot)
        await pilot.press("d")
        await shows(pilot, "Reading the clean images")
