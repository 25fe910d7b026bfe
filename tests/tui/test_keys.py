"""Every key does what its line in the table of actions says: one claim for each action, and a new one must bring its own."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest
from textual.command import CommandPalette
from textual.fuzzy import Matcher
from textual.pilot import Pilot
from textual.widgets import DataTable, Input, Markdown, OptionList, RichLog, Static

from bdtui.engine import events
from bdtui.engine.event_values import Verdict
from bdtui.engine.pruning.moves import ChooseLayer, ChooseRanking, GoTo, Prune, Redo, Toggle, Undo
from bdtui.engine.pruning.rankings import RANKINGS
from bdtui.engine.session.requests import Compare, Detect, Export, NextThreshold, OfferRepairs, Open
from bdtui.engine.settings import RunSettings
from bdtui.tui.actions import ACTIONS, COMMANDS, readable_keys
from bdtui.tui.app import BdtuiApp
from bdtui.tui.bars.status import StatusBar
from bdtui.tui.copying import COPIED
from bdtui.tui.dialogs import ChoiceDialog, FailureDialog, GoToDialog, HelpScreen, ThemeDialog
from bdtui.tui.jump import JumpScreen, visible_targets
from bdtui.tui.opening.screen import LoadScreen
from bdtui.tui.panes.charts import ChartsPane
from bdtui.tui.panes.log import LogPane
from bdtui.tui.theme_names import THEME_NAMES
from bdtui.tui.workspace import PANES, Tab
from tests.tui.fake_engine import OUT, RANKED, SETTINGS, THRESHOLD_STEPS, FakeApp, opened, running, settle, shows, until

pytestmark = pytest.mark.asyncio

VERDICT = events.VerdictReached(Verdict("measured", 0, True, None, ("It survives.", "Try another layer.")))
VERDICT_TEXT = "It survives.\nTry another layer."
SMALL, MEDIUM, WIDE = (80, 24), (120, 40), (200, 60)
Claim = Callable[[FakeApp, Pilot[None], str], Awaitable[None]]
CLAIMS: dict[str, Claim] = {}
SIZES: dict[str, tuple[int, int]] = {"zoom": MEDIUM}
PALETTE_ONLY = {command.id for command in COMMANDS}
BY_ID = {action.id: action for action in (*ACTIONS, *COMMANDS)}


@pytest.fixture(autouse=True)
def folder(folder_with_files: Path) -> Path:
    return folder_with_files


def claim(identity: str) -> Callable[[Claim], Claim]:
    """Make a function the claim about an action."""

    def keep(function: Claim) -> Claim:
        CLAIMS[identity] = function
        return function

    return keep


def right_of_status(app: FakeApp) -> str:
    """What the status line shows behind the status."""
    return str(app.screen_stack[0].query_one(StatusBar).content).partition(app.status or "nothing is open")[2].strip()


def activity(app: FakeApp) -> str:
    """What the line above the status says."""
    return str(app.screen_stack[0].query_one("#activity-text", Static).content)


def kinds(app: FakeApp) -> list[type]:
    return [type(request) for request in app.engine.requests]


async def goes(pilot: Pilot[None], app: FakeApp, *keys: str, step: int) -> None:
    """Press keys, and come to a step."""
    await pilot.press(*keys)
    await until(pilot, lambda: app.step == step)
    assert app.engine.position.step == step


# What every action does.


@claim("prune")
async def prunes_the_next(app: FakeApp, pilot: Pilot[None], key: str) -> None:
    await goes(pilot, app, key, step=1)
    assert app.engine.last == Prune(1)
    await goes(pilot, app, "5", key, step=6)
    assert app.engine.last == Prune(5)
    await goes(pilot, app, "1", "0", "0", key, step=60)


@claim("undo")
async def takes_moves_back(app: FakeApp, pilot: Pilot[None], key: str) -> None:
    await goes(pilot, app, "5", "n", step=5)
    await goes(pilot, app, key, step=4)
    assert app.engine.last == Undo(1)
    await goes(pilot, app, "3", key, step=1)
    await goes(pilot, app, "9", key, step=0)


@claim("redo")
async def makes_moves_again(app: FakeApp, pilot: Pilot[None], key: str) -> None:
    await goes(pilot, app, "5", "n", "5", "u", step=0)
    await goes(pilot, app, key, step=1)
    assert app.engine.last == Redo(1)
    await goes(pilot, app, "3", key, step=4)


@claim("next_threshold")
async def goes_on_to_the_next_threshold(app: FakeApp, pilot: Pilot[None], key: str) -> None:
    await goes(pilot, app, key, step=THRESHOLD_STEPS[2])
    # The line that said so has given way to what it means.
    await until(pilot, lambda: activity(app).endswith("Pruning conv_3 to −2 points leaves 97.85 %: it survives."))
    await until(pilot, lambda: right_of_status(app) == "reached X=2")
    await goes(pilot, app, "2", key, step=THRESHOLD_STEPS[10])
    assert kinds(app) == [Open, NextThreshold, NextThreshold, NextThreshold]
    await until(pilot, lambda: right_of_status(app) == "reached X=2 X=4 X=10")
    await pilot.press(key)
    await until(pilot, lambda: activity(app) == "all thresholds are reached")


@claim("go_to_step")
async def goes_to_a_step(app: FakeApp, pilot: Pilot[None], key: str) -> None:
    await pilot.press(key)
    await until(pilot, lambda: isinstance(app.screen, GoToDialog))
    await goes(pilot, app, "1", "2", "enter", step=12)
    assert app.engine.last == GoTo(12)
    await goes(pilot, app, "2", "0", key, step=20)
    assert app.engine.last == GoTo(20)


@claim("toggle_channel")
async def silences_and_revives_the_channel_under_the_cursor(app: FakeApp, pilot: Pilot[None], key: str) -> None:
    await pilot.press("down", "down", "down")
    await goes(pilot, app, key, step=1)
    assert app.engine.last == Toggle(RANKED[3])
    assert app.workspace.channels.selected == RANKED[3]
    await goes(pilot, app, key, step=0)
    assert app.engine.position.order == RANKED


@claim("choose_layer")
async def asks_for_a_layer(app: FakeApp, pilot: Pilot[None], key: str) -> None:
    await pilot.press(key)
    await until(pilot, lambda: isinstance(app.screen, ChoiceDialog))
    await shows(pilot, "pool_3  MaxPooling2D, 60 channels, 5×4×60")
    await pilot.press("home", "down", "down", "down", "enter")
    await until(pilot, lambda: "/40" in app.status)
    assert app.engine.last == ChooseLayer("pool_2")
    await pilot.press(key)
    await settle(pilot)
    assert app.screen.query_one(OptionList).highlighted == 3


@claim("compare")
async def holds_layers_and_rankings_side_by_side(app: FakeApp, pilot: Pilot[None], key: str) -> None:
    await pilot.press(key)
    await shows(pilot, "0 of 6 measured")
    assert app.engine.last == Compare(("near",))
    app.engine.compare_on()
    await shows(pilot, "comparison complete")
    await pilot.press("escape", key)
    await shows(pilot, "comparison complete")
    assert kinds(app).count(Compare) == 1, "what is known is not asked for again"


@claim("detect")
async def looks_for_a_backdoor(app: FakeApp, pilot: Pilot[None], key: str) -> None:
    await pilot.press(key)
    await shows(pilot, "Is it backdoored?")
    assert app.engine.last == Detect()
    await pilot.press("escape", key)
    await shows(pilot, "Is it backdoored?")
    assert kinds(app).count(Detect) == 1, "what is under way is not asked for again"


@claim("repair")
async def offers_repairs(app: FakeApp, pilot: Pilot[None], key: str) -> None:
    await pilot.press(key)
    await shows(pilot, "Repair: timing a training step")
    assert app.engine.last == OfferRepairs()


@claim("choose_ranking")
async def asks_for_a_ranking(app: FakeApp, pilot: Pilot[None], key: str) -> None:
    await goes(pilot, app, "3", "n", step=3)
    await pilot.press(key)
    await until(pilot, lambda: isinstance(app.screen, ChoiceDialog))
    for name, entry in RANKINGS.items():
        await shows(pilot, name)
        await shows(pilot, entry.description[:20])
    await goes(pilot, app, "down", "enter", step=0)
    second = list(RANKINGS)[1]
    assert app.engine.last == ChooseRanking(second)
    await pilot.press(key)
    await settle(pilot)
    assert app.screen.query_one(OptionList).highlighted == 1


@claim("open")
async def asks_for_files(app: FakeApp, pilot: Pilot[None], key: str) -> None:
    await pilot.press(key)
    await until(pilot, lambda: isinstance(app.screen, LoadScreen))
    await pilot.press("escape")
    await until(pilot, lambda: not isinstance(app.screen, LoadScreen))
    assert kinds(app) == [Open]
    assert app.step == 0


@claim("open_sample")
async def opens_the_sample(app: FakeApp, pilot: Pilot[None], key: str) -> None:
    await pilot.press(key)
    await until(pilot, lambda: app.engine.last == Open(RunSettings(sample=True)))


@claim("move_down")
async def moves_down(app: FakeApp, pilot: Pilot[None], key: str) -> None:
    await pilot.press(key, key)
    await until(pilot, lambda: app.workspace.channels.selected == RANKED[2])


@claim("move_up")
async def moves_up(app: FakeApp, pilot: Pilot[None], key: str) -> None:
    await pilot.press("down", "down", "down", key)
    await until(pilot, lambda: app.workspace.channels.selected == RANKED[2])


@claim("page_down")
async def moves_a_page_down(app: FakeApp, pilot: Pilot[None], key: str) -> None:
    await pilot.press(key)
    await until(pilot, lambda: app.workspace.channels.table.cursor_row > 5)


@claim("page_up")
async def moves_a_page_up(app: FakeApp, pilot: Pilot[None], key: str) -> None:
    await pilot.press("end", key)
    await until(pilot, lambda: 5 < app.workspace.channels.table.cursor_row < 55)


@claim("move_to_top")
async def moves_to_the_top(app: FakeApp, pilot: Pilot[None], key: str) -> None:
    await pilot.press("end", key)
    await until(pilot, lambda: app.workspace.channels.selected == RANKED[0])


@claim("move_to_bottom")
async def moves_to_the_bottom(app: FakeApp, pilot: Pilot[None], key: str) -> None:
    await pilot.press(key)
    await until(pilot, lambda: app.workspace.channels.selected == RANKED[-1])
    await pilot.press("f4", key)
    table = app.query_one("#layer-table", DataTable)
    await until(pilot, lambda: table.cursor_row == table.row_count - 1)


@claim("jump")
async def jumps_to_what_a_letter_lies_on(app: FakeApp, pilot: Pilot[None], key: str) -> None:
    await pilot.press("f3", key)
    await until(pilot, lambda: isinstance(app.screen, JumpScreen))
    tabs = [tab for tab in app.workspace.query(Tab) if tab.region]
    assert [widget for widget, _ in visible_targets(app.screen_stack[0], (Tab,))] == [*tabs, app.query_one(ChartsPane)]
    await shows(pilot, "aF2 Channels")
    await pilot.press("f")
    await until(pilot, lambda: displayed(app) == ["data"])


@claim("find")
async def finds_a_channel_or_a_layer(app: FakeApp, pilot: Pilot[None], key: str) -> None:
    await pilot.press(key, "1", "7")
    await until(pilot, lambda: app.workspace.channels.selected == 17)
    await pilot.press("escape")
    await until(pilot, lambda: app.workspace.channels.selected == RANKED[0])
    await pilot.press(key, "9", "9")
    await shows(pilot, "not found")
    await pilot.press("backspace", "enter")
    await until(pilot, lambda: app.workspace.channels.selected == 9 and len(app.screen_stack) == 1)
    await pilot.press("f4", key, *"conv_2", "enter")
    table = app.query_one("#layer-table", DataTable)
    await until(pilot, lambda: table.cursor_row == 3 and len(app.screen_stack) == 1)
    await pilot.press(key, *"CONV", "down", "enter")
    await until(pilot, lambda: table.cursor_row == 5 and len(app.screen_stack) == 1)
    await pilot.press("f6", key, *"curve", "down", "enter")
    files = app.query_one("#export-table", DataTable)
    await until(pilot, lambda: "curve.png" in str(files.get_row_at(files.cursor_row)[1]))


@claim("command_palette")
async def opens_the_palette(app: FakeApp, pilot: Pilot[None], key: str) -> None:
    await pilot.press(key)
    await until(pilot, lambda: isinstance(app.screen, CommandPalette))
    await pilot.press("escape")
    await until(pilot, lambda: len(app.screen_stack) == 1)


@claim("export")
async def writes_everything(app: FakeApp, pilot: Pilot[None], key: str) -> None:
    await pilot.press(key)
    await until(pilot, lambda: activity(app) == f"Run complete: {OUT}")
    assert app.engine.last == Export(Path(OUT))
    assert app.workspace.query_one("#export").display
    await shows(pilot, "✓  model_X=2.h5")


@claim("stop")
async def stops_the_work_and_nothing_else(app: FakeApp, pilot: Pilot[None], key: str) -> None:
    app.engine.hold()
    await pilot.press("5", "n")
    await until(pilot, lambda: right_of_status(app) == "measuring step 5")
    await pilot.press(key)
    await until(pilot, lambda: activity(app) == "stopped")
    assert app.engine.stops == 1
    app.engine.let_go()
    await goes(pilot, app, "n", step=1)


@claim("sort")
async def sorts_by_the_next_column(app: FakeApp, pilot: Pilot[None], key: str) -> None:
    await pilot.press(key)
    await until(pilot, lambda: rows(app) == sorted(RANKED))
    await pilot.press(key)
    await until(pilot, lambda: "mean↑" in app.text)


@claim("reverse_sort")
async def turns_the_order_round(app: FakeApp, pilot: Pilot[None], key: str) -> None:
    await pilot.press(key)
    await until(pilot, lambda: rows(app) == list(RANKED[::-1]))
    await pilot.press(key)
    await until(pilot, lambda: rows(app) == list(RANKED))


@claim("next_chart")
async def shows_the_next_chart(app: FakeApp, pilot: Pilot[None], key: str) -> None:
    pane = app.workspace.query_one(ChartsPane)
    await pilot.press("f3")
    for shown, words in ((0, "accuracy 98.65 %"), (1, "ASR (%)"), (2, "mean activation"), (0, "acc")):
        await until(pilot, lambda words=words: words in app.text)  # type: ignore[misc]
        assert pane.shown == shown
        await pilot.press(key)


@claim("zoom")
async def zooms_and_takes_it_back(app: FakeApp, pilot: Pilot[None], key: str) -> None:
    await pilot.press("f3", key)
    await until(pilot, lambda: displayed(app) == ["charts"])
    assert app.workspace.query_one(ChartsPane).size.width > 100
    await pilot.press("f5")
    await until(pilot, lambda: displayed(app) == ["data"])
    await pilot.press(key)
    await until(pilot, lambda: displayed(app) == ["channels", "charts", "data"])


@claim("copy")
async def copies_status_and_pane(app: FakeApp, pilot: Pilot[None], key: str) -> None:
    await pilot.press(key)
    assert app.clipboard.startswith(f"{app.status}\nchannel 3: next to prune · zero in the file\n")


@claim("copy_choice")
async def copies_what_is_chosen(app: FakeApp, pilot: Pilot[None], key: str) -> None:
    app.engine.say(VERDICT, events.SessionKept("bdtui-runs/x"))
    await pilot.press(key)
    await until(pilot, lambda: isinstance(app.screen, ChoiceDialog) and "no error" not in app.text)
    await shows(pilot, "row      channel 3: next to prune")
    await pilot.press("down", "enter")
    await until(pilot, lambda: app.clipboard == "It survives.\nTry another layer.")
    await pilot.press(key, "end", "enter")
    await until(pilot, lambda: app.clipboard == str(Path("bdtui-runs/x").absolute()))
    app.engine.say(replace(VERDICT, verdict=replace(VERDICT.verdict, sentences=("long " * 60,))))
    await pilot.press(key)
    await until(pilot, lambda: isinstance(app.screen, ChoiceDialog))
    assert any(text.endswith("…") for text in app.screen.texts()), "what is cut has a sign"
    await pilot.press("escape")


@claim("next_theme")
async def changes_the_colours(app: FakeApp, pilot: Pilot[None], key: str) -> None:
    seen = [app.theme]
    for _ in THEME_NAMES:
        await pilot.press(key)
        seen.append(app.theme)
    assert seen == [*THEME_NAMES, "dark"]


@claim("help")
async def explains(app: FakeApp, pilot: Pilot[None], key: str) -> None:
    await pilot.press(key)
    await until(pilot, lambda: isinstance(app.screen, HelpScreen) and "Help: Channels" in app.text)
    await pilot.press("escape")
    await until(pilot, lambda: not isinstance(app.screen, HelpScreen))


@claim("quit")
async def quits(app: FakeApp, pilot: Pilot[None], key: str) -> None:
    await pilot.press(key)
    assert app.return_code == 0


async def brings_its_pane_in_front(app: FakeApp, pilot: Pilot[None], key: str) -> None:
    for action in (action for action in ACTIONS if action.name.startswith("show_pane(")):
        await pilot.press(action.keys)
        await until(pilot, lambda action=action: displayed(app) == [action.id.removeprefix("show_")])  # type: ignore[misc]
        pane = app.workspace.focused_pane()
        assert pane is not None
        assert action.id == f"show_{pane.id}"


CLAIMS.update(dict.fromkeys((f"show_{name}" for name in PANES), brings_its_pane_in_front))


def rows(app: FakeApp) -> list[int]:
    """The channels as they are listed."""
    return list(app.workspace.channels.table.listed)


def displayed(app: FakeApp) -> list[str]:
    """The panes that are on the screen."""
    return [str(pane.id) for pane in app.workspace.panes if pane.size and pane.region and is_shown(pane)]


def is_shown(widget: object) -> bool:
    return all(node.display for node in widget.ancestors_with_self if hasattr(node, "display"))  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("identity", "key"),
    # One claim goes through all panes.
    [(a.id, key) for a in ACTIONS for key in a.keys.split(",") if not a.name.startswith("show_pane(") or key == "f2"],
)
async def test_each_key_does_what_its_action_says(identity: str, key: str) -> None:
    app = FakeApp()
    async with opened(app, SIZES.get(identity, SMALL)) as pilot:
        await CLAIMS[identity](app, pilot, key)


async def test_every_action_has_its_claim() -> None:
    assert set(CLAIMS) == {action.id for action in ACTIONS}


async def test_the_keys_are_those_that_scripts_and_people_rely_on() -> None:
    promised = {
        "prune": "n",
        "undo": "u",
        "redo": "ctrl+r",
        "next_threshold": "a",
        "go_to_step": "g",
        "toggle_channel": "space",
        "choose_layer": "l",
        "detect": "d",
        "repair": "f",
        "open": "o",
        "export": "e",
        "stop": "x,ctrl+c",
        "help": "f1,question_mark",
        "quit": "q",
    }
    assert {action.id: action.keys for action in ACTIONS if action.id in promised} == promised
    assert [BY_ID[f"show_{name}"].keys for name in PANES] == ["f2", "f3", "f4", "f5", "f6", "f7", "f8"]


# Counts.


async def test_a_count_is_shown_taken_once_and_forgotten_by_escape() -> None:
    app = FakeApp()
    async with opened(app) as pilot:
        await pilot.press("1", "2")
        assert right_of_status(app) == "12×"
        await pilot.press("escape")
        assert right_of_status(app) == ""
        await goes(pilot, app, "n", step=1)
        await goes(pilot, app, "3", "n", step=4)
        await goes(pilot, app, "n", step=5)


async def test_a_count_may_be_nought_and_has_an_end() -> None:
    app = FakeApp()
    async with opened(app) as pilot:
        await pilot.press("5", "5", "5", "5", "5")
        assert right_of_status(app) == "9999×"
        await goes(pilot, app, "n", step=60)
        await pilot.press("0")
        assert right_of_status(app).endswith("· 0×")
        await goes(pilot, app, "g", step=0)
        assert app.engine.last == GoTo(0)
        await goes(pilot, app, "0", "n", step=1)


async def test_a_count_is_forgotten_by_an_action_that_has_no_use_for_it() -> None:
    app = FakeApp()
    async with opened(app) as pilot:
        for key in ("s", "t", "f2"):
            await pilot.press("7", key)
            assert right_of_status(app) == ""
        await goes(pilot, app, "n", step=1)


async def test_stop_forgets_a_count() -> None:
    app = FakeApp()
    async with opened(app) as pilot:
        await pilot.press("7", "x")
        await goes(pilot, app, "n", step=1)


async def test_digits_typed_into_a_line_are_no_count() -> None:
    app = FakeApp()
    async with opened(app) as pilot:
        await pilot.press("f6", "shift+tab")
        assert isinstance(app.focused, Input)
        await pilot.press("end", "4", "2", "enter")
        assert right_of_status(app) == ""
        assert app.query_one("#export-folder", Input).value == f"{OUT}42"
        await goes(pilot, app, "n", step=1)


@pytest.mark.parametrize("key", ["l"])
async def test_digits_typed_at_a_dialog_are_no_count(key: str) -> None:
    app = FakeApp()
    async with opened(app) as pilot:
        await pilot.press(key)
        await settle(pilot)
        assert len(app.screen_stack) == 2
        await pilot.press("4", "escape", "n")
        await until(pilot, lambda: app.step > 0)
        assert app.step == 1


# Dialogs.


async def test_go_to_takes_a_threshold_that_was_reached() -> None:
    app = FakeApp()
    async with opened(app) as pilot:
        await goes(pilot, app, "2", "a", step=THRESHOLD_STEPS[4])
        await pilot.press("g")
        await settle(pilot)
        await shows(pilot, "Go to step (0 to 60) · X=2 is step 47 · X=4 is step 48")
        await goes(pilot, app, *"X=2", "enter", step=47)
        await pilot.press("g")
        await settle(pilot)
        await shows(pilot, "X=2 is step 47 · X=4 is step 48")


async def test_go_to_says_what_is_no_step_and_waits_for_one_that_is() -> None:
    app = FakeApp()
    async with opened(app) as pilot:
        await pilot.press("g")
        await settle(pilot)
        line, note = app.screen.query_one(Input), app.screen.query_one(".dialog-note", Static)
        for typed in ("61", "-1", "3.5", "X=4", "X=", "X=nan", "five", "9" * 40, "[red]", "1 2"):
            line.value = typed
            await pilot.press("enter")
            sentence = "Enter a step (0–60) or a reached threshold, e.g. X=2"
            await until(pilot, lambda sentence=sentence: str(note.content) == sentence)  # type: ignore[misc]
        line.value = " 7 "
        await goes(pilot, app, "enter", step=7)
        assert kinds(app) == [Open, GoTo]


async def test_go_to_can_be_left() -> None:
    app = FakeApp()
    async with opened(app) as pilot:
        for keys in (["escape"], ["5", "escape"], ["enter"], ["ctrl+c"]):
            await pilot.press("g")
            await until(pilot, lambda: len(app.screen_stack) == 2)
            await pilot.press(*keys)
            await until(pilot, lambda: len(app.screen_stack) == 1)
        assert kinds(app) == [Open]
        await goes(pilot, app, "n", step=1)


@pytest.mark.parametrize("key", ["l", "r"])
async def test_a_choice_can_be_left(key: str) -> None:
    app = FakeApp()
    async with opened(app) as pilot:
        await pilot.press(key)
        await settle(pilot)
        await pilot.press("down", "escape")
        await until(pilot, lambda: len(app.screen_stack) == 1)
        assert kinds(app) == [Open]


@pytest.mark.parametrize("key", ["l", "r"])
async def test_undo_returns_from_another_layer_or_ranking_to_the_order_made_by_hand(key: str) -> None:
    app = FakeApp()
    async with opened(app) as pilot:
        await pilot.press("down", "down")
        await goes(pilot, app, "space", "n", step=2)
        before = app.engine.position
        await pilot.press(key)
        await until(pilot, lambda: "(from step 0; u returns)" in app.text)
        await goes(pilot, app, "home", "down", "enter", step=0)
        assert app.engine.position.place != before.place
        await goes(pilot, app, "u", step=2)
        assert app.engine.position == before
        await until(pilot, lambda: "conv_3 · by mean-activation" in app.text)
        await goes(pilot, app, "ctrl+r", step=0)


# Silencing out of turn.


@pytest.mark.parametrize("turned", [False, True], ids=["up", "down"])
async def test_space_means_the_row_of_the_cursor_however_rows_are_sorted(turned: bool) -> None:
    app = FakeApp()
    async with opened(app) as pilot:
        await pilot.press(*["s"] * 6)
        for column in ("#", "ch.", "mean", "clean", "poisoned", "state"):
            await pilot.press(*["S"] * turned, "ctrl+home", "down", "down", "down", "down")
            await until(pilot, lambda column=column: column + ("↓" if turned else "↑") in app.text)  # type: ignore[misc]
            channel = rows(app)[4]
            assert app.workspace.channels.selected == channel
            await shows(pilot, f"channel {channel}: due at step")
            await goes(pilot, app, "space", step=1)
            assert app.engine.last == Toggle(channel)
            assert list(app.engine.position.pruned) == [channel]
            assert app.workspace.channels.selected == channel
            await until(pilot, lambda channel=channel: f"channel {channel}: pruned" in app.text)  # type: ignore[misc]
            await until(pilot, lambda channel=channel: re.search(rf"\b{channel}\b.*● pruned", app.text) is not None)  # type: ignore[misc]
            await goes(pilot, app, "space", step=0)
            assert app.engine.position.order == RANKED
            await until(pilot, lambda: "● pruned" not in app.text)
            await pilot.press("s")


async def test_enter_does_what_space_does() -> None:
    app = FakeApp()
    async with opened(app) as pilot:
        await goes(pilot, app, "down", "down", "enter", step=1)
        assert app.engine.last == Toggle(RANKED[2])


async def test_silencing_the_next_leaves_the_cursor_on_it() -> None:
    app = FakeApp()
    async with opened(app) as pilot:
        await goes(pilot, app, "space", step=1)
        assert app.workspace.channels.selected == RANKED[0]
        await goes(pilot, app, "space", step=0)


async def test_pruning_moves_the_cursor_to_the_next_to_go() -> None:
    app = FakeApp()
    async with opened(app) as pilot:
        await goes(pilot, app, "4", "n", step=4)
        await until(pilot, lambda: app.workspace.channels.selected == RANKED[4])
        await shows(pilot, f"channel {RANKED[4]}: next to prune")
        await goes(pilot, app, "space", step=5)
        await goes(pilot, app, "n", step=6)
        await until(pilot, lambda: app.workspace.channels.selected == RANKED[6])


async def test_space_asks_first_to_see_the_channel_where_the_table_is_hidden() -> None:
    app = FakeApp()
    async with opened(app, notifications=True) as pilot:
        await pilot.press("f7", "space")
        assert app.notices == ["This acts on the channel under the cursor; f2 shows the channels."]
        assert kinds(app) == [Open]


# Stop and quit.


async def test_ctrl_c_stops_and_never_quits_wherever_the_focus_is() -> None:
    app = FakeApp()
    async with opened(app) as pilot:
        app.engine.hold()
        for times, pane in enumerate(PANES):
            await pilot.press("n", BY_ID[f"show_{pane}"].keys, "ctrl+c", "ctrl+c")
            await settle(pilot)
            assert app.engine.stops == 2 * times + 2
            assert app.return_code is None
        assert app.is_running


async def test_ctrl_c_stops_also_while_a_folder_is_typed() -> None:
    app = FakeApp()
    async with opened(app) as pilot:
        app.engine.hold()
        await pilot.press("n", "f6", "shift+tab", "ctrl+c")
        assert app.engine.stops == 1


@pytest.mark.parametrize("before", [["5", "n"], ["e", "5", "f6"]], ids="-".join)
async def test_q_quits_at_once_also_while_the_engine_works(before: list[str]) -> None:
    told: list[int] = []
    app = FakeApp(before_exit=told.append)
    async with opened(app) as pilot:
        app.engine.hold()
        await pilot.press(*before, "q")
        assert app.return_code == 0
        assert told == [0]


async def test_q_quits_before_anything_is_loaded() -> None:
    app = FakeApp(held=True)
    async with running(app) as pilot:
        await pilot.press("q")
        assert app.return_code == 0


@pytest.mark.parametrize("key", ["o", "l"])
async def test_q_quits_from_a_dialog_in_which_nothing_is_typed(key: str) -> None:
    app = FakeApp()
    async with opened(app) as pilot:
        await pilot.press(key)
        await settle(pilot)
        assert len(app.screen_stack) == 2
        await pilot.press("q")
        assert app.return_code == 0


async def test_q_closes_help_before_it_quits() -> None:
    app = FakeApp()
    async with opened(app) as pilot:
        await pilot.press("f1")
        await settle(pilot)
        await pilot.press("q")
        await settle(pilot)
        assert len(app.screen_stack) == 1
        assert app.return_code is None
        await pilot.press("q")
        assert app.return_code == 0


@pytest.mark.parametrize("key", ["g", "o"])
async def test_ctrl_q_quits_from_everywhere(key: str) -> None:
    app = FakeApp()
    async with opened(app) as pilot:
        await pilot.press(key)
        await settle(pilot)
        assert len(app.screen_stack) == 2
        await pilot.press("ctrl+q")
        assert app.return_code == 0


# Before anything is open.


async def test_every_key_is_harmless_before_anything_is_open() -> None:
    app = FakeApp(RunSettings())
    async with running(app, notifications=True) as pilot:
        await until(pilot, lambda: isinstance(app.screen, LoadScreen))
        await pilot.press("escape")
        await until(pilot, lambda: not isinstance(app.screen, LoadScreen))
        for action in ACTIONS:
            if action.id in ("open", "open_sample", "command_palette", "find", "quit"):
                continue
            await pilot.press("f2", action.keys.split(",")[0])
            await settle(pilot)
            if action.id == "choose_ranking":
                await pilot.press("enter")
                await settle(pilot)
            if action.id in ("prune", "undo", "redo", "go_to_step", "next_threshold", "export", "choose_ranking"):
                refusal = "nothing is open yet; expected a model and clean validation images"
                await until(pilot, lambda refusal=refusal: refusal in app.text)  # type: ignore[misc]
                assert isinstance(app.screen, FailureDialog)
            if action.id in ("toggle_channel", "choose_layer"):
                await until(pilot, lambda: app.notices == ["Nothing is open yet: o opens a model and images."])
            await pilot.press("escape")
            app.clear_notifications()
            await until(pilot, lambda: len(app.screen_stack) == 1)
        assert app.is_running
        assert app.status == ""
        assert not app.engine.opened


async def test_without_files_the_screen_says_what_to_do_and_the_sample_is_one_key_away() -> None:
    app = FakeApp(RunSettings())
    async with running(app, (60, 20)) as pilot:
        await until(pilot, lambda: isinstance(app.screen, LoadScreen))
        await pilot.press("escape")
        await shows(pilot, "Nothing is open yet. bdtui needs a Keras model and labelled clean images.")
        await shows(pilot, "o  Open a model and images")
        await shows(pilot, "O  Try the sample")
        assert displayed(app) == []
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, LoadScreen))
        await pilot.press("escape")
        await until(pilot, lambda: not isinstance(app.screen, LoadScreen))
        await pilot.click("#empty-open_sample")
        await until(pilot, lambda: app.engine.last == Open(RunSettings(sample=True)))
        await until(pilot, lambda: app.step == 0 and displayed(app) == ["channels"])


@pytest.mark.parametrize("key", ["n", "u", "a", "g", "space", "l", "r", "e", "ctrl+r"])
async def test_while_files_open_every_key_that_acts_on_them_is_refused_alike(key: str) -> None:
    app = FakeApp(held=True)
    async with running(app, notifications=True) as pilot:
        await until(pilot, lambda: "loading TensorFlow" in activity(app))
        await pilot.press("4", key, key)
        await shows(pilot, "The files are still being opened")
        assert len(app.notices) == 1
        assert len(app.screen_stack) == 1
        app.engine.let_go()
        await until(pilot, lambda: app.step == 0)
        assert kinds(app) == [Open]
        await goes(pilot, app, "n", step=1)


async def test_many_wishes_before_anything_is_open_are_one_answer() -> None:
    app = FakeApp(RunSettings())
    async with running(app) as pilot:
        await until(pilot, lambda: isinstance(app.screen, LoadScreen))
        await pilot.press("escape", "5", "a")
        await until(pilot, lambda: isinstance(app.screen, FailureDialog))
        await settle(pilot)
        await pilot.press("escape")
        await settle(pilot)
        assert len(app.screen_stack) == 1


# Help and command palette.


async def test_help_tells_all_keys_and_explains_the_pane_in_focus() -> None:
    app = FakeApp()
    async with opened(app) as pilot:
        for pane in app.workspace.panes[::2]:
            await pilot.press(BY_ID[f"show_{pane.id}"].keys, "f1")
            await until(pilot, lambda: len(app.screen_stack) == 2)
            await shows(pilot, f"Help: {pane.TITLE}")
            assert app.screen.query_one(Markdown).source == pane.HELP
            lines = str(app.screen.query_one("#help-keys", Static).content).split("\n")
            told = {what: keys for keys, what in (re.split("  +", line.strip()) for line in lines)}
            for action in ACTIONS:
                assert told[action.description] == readable_keys(action.keys)
            await pilot.press("escape")
            await until(pilot, lambda: len(app.screen_stack) == 1)


async def test_every_pane_has_help_of_its_own() -> None:
    app = FakeApp()
    async with running(app):
        helps = [pane.HELP for pane in app.workspace.panes]
    assert len(set(helps)) == len(PANES)
    assert all(len(text) > 60 for text in helps)


async def test_help_scrolls_to_its_last_key_on_a_small_terminal() -> None:
    app = FakeApp()
    async with opened(app) as pilot:
        await pilot.press("f1")
        await settle(pilot)
        assert "Move the focus to the next part of the screen" not in app.text
        await pilot.press("end")
        await until(pilot, lambda: "Move the focus to the next part of the screen" in app.text)


async def test_the_command_palette_offers_every_action_once_with_its_key() -> None:
    app = FakeApp()
    async with opened(app):
        commands = {command.title: command.help for command in app.get_system_commands(app.screen)}
    offered = [action for action in (*ACTIONS, *COMMANDS) if action.id != "command_palette"]
    assert list(commands) == [action.description for action in offered]
    assert commands["Stop what is running"] == "key x or ctrl+c"
    assert commands["Screenshot: save the screen as SVG"] == ""


@pytest.mark.parametrize(
    "noun",
    "theme undo redo help export layout scale preprocess screenshot keymap keys layer ranking threshold sample chart log zoom jump copy verdict path error detect repair estimate".split(),
)
async def test_the_command_palette_finds_everything_by_its_plain_noun(noun: str) -> None:
    app = FakeApp()
    async with opened(app):
        titles = [command.title for command in app.get_system_commands(app.screen)]
    matcher = Matcher(noun)
    assert max(titles, key=matcher.match).casefold().startswith(noun)


async def test_a_theme_is_shown_while_the_cursor_is_on_it_and_escape_brings_the_former_back() -> None:
    app = FakeApp()
    async with opened(app) as pilot:
        await run_command(app, "change_theme")
        await until(pilot, lambda: isinstance(app.screen, ThemeDialog))
        await pilot.press("j")
        await until(pilot, lambda: app.theme == "light")
        await pilot.press("escape")
        await until(pilot, lambda: app.theme == "dark")
        await run_command(app, "change_theme")
        await until(pilot, lambda: isinstance(app.screen, ThemeDialog))
        await pilot.press("down", "down", "enter")
        await until(pilot, lambda: len(app.screen_stack) == 1)
        assert app.theme == "high-contrast"


# The verdict is there from the beginning.
@pytest.mark.parametrize("name", sorted({*COPIED} - {"verdict"}))
async def test_what_is_not_there_yet_is_not_copied(name: str) -> None:
    app = FakeApp()
    async with opened(app, notifications=True) as pilot:
        await run_command(app, f"copy_{name}")
        await until(pilot, lambda: app.notices == ["There is nothing to copy yet."])
        assert app.clipboard == ""


async def test_an_error_is_copied_from_its_window_and_later_with_its_details() -> None:
    app = FakeApp()
    async with opened(app) as pilot:
        app.engine.fail("faces/out: cannot be written", "Traceback: …")
        await pilot.press("e")
        await until(pilot, lambda: isinstance(app.screen, FailureDialog))
        await pilot.press("y")
        await until(pilot, lambda: app.clipboard == "faces/out: cannot be written")
        await pilot.press("escape")
        await run_command(app, "copy_error")
        await until(pilot, lambda: app.clipboard == "faces/out: cannot be written\nTraceback: …")


async def test_the_verdict_of_another_network_is_not_copied() -> None:
    app = FakeApp()
    async with opened(app) as pilot:
        app.engine.say(VERDICT)
        await until(pilot, lambda: app.copyable.text("verdict") == VERDICT_TEXT)
        await pilot.press("O")
        await until(pilot, lambda: app.copyable.text("verdict") != VERDICT_TEXT)


async def test_a_line_of_the_log_is_found() -> None:
    app = FakeApp()
    async with opened(app, SMALL) as pilot:
        log = app.query_one(LogPane)
        for number in range(100):
            log.write(f"line {number}")
        await pilot.press("f7", "slash", *"line 37", "enter")
        await until(pilot, lambda: "line 37" in log.query_one(RichLog).lines[log.cursor].text)


async def test_a_choice_is_found_by_a_part_of_its_line() -> None:
    app = FakeApp()
    async with opened(app) as pilot:
        await pilot.press("l", "slash", *"conv_2", "enter")
        await until(pilot, lambda: isinstance(app.screen, ChoiceDialog))
        await pilot.press("enter")
        await until(pilot, lambda: app.engine.last == ChooseLayer("conv_2"))


async def test_any_other_key_leaves_jump_mode_where_one_was() -> None:
    app = FakeApp()
    async with opened(app, WIDE) as pilot:
        before = app.focused
        for key in ("1", "escape", "semicolon"):
            await pilot.press("semicolon")
            await until(pilot, lambda: isinstance(app.screen, JumpScreen))
            await pilot.press(key)
            await until(pilot, lambda: len(app.screen_stack) == 1)
        assert app.focused is before


async def test_jump_mode_names_every_pane_that_can_be_seen() -> None:
    app = FakeApp()
    async with opened(app, WIDE) as pilot:
        await pilot.press("semicolon")
        await until(pilot, lambda: isinstance(app.screen, JumpScreen))
        found = [widget for widget, _ in visible_targets(app.screen_stack[0], (Tab,))]
        for pane in app.workspace.panes:
            assert pane.focus_target() in found
        letters = [str(letter.content) for letter in app.screen.query(".jump-label").results(Static)]
        assert len(letters) == len(set(letters)) == len(found)
        await pilot.press(letters[found.index(app.workspace.query_one(LogPane).focus_target())])
        await until(pilot, lambda: app.workspace.focused_pane() is app.workspace.query_one(LogPane))


async def test_the_command_palette_offers_nothing_behind_a_dialog() -> None:
    app = FakeApp()
    async with opened(app) as pilot:
        await pilot.press("g")
        await settle(pilot)
        assert list(app.get_system_commands(app.screen)) == []


async def test_every_action_exists() -> None:
    for action in (*ACTIONS, *COMMANDS):
        assert callable(getattr(BdtuiApp, f"action_{action.name.partition('(')[0]}"))


async def test_running_a_command_is_pressing_its_key() -> None:
    app = FakeApp()
    async with opened(app) as pilot:
        await pilot.press("ctrl+p")
        await until(pilot, lambda: isinstance(app.screen, CommandPalette))
        await pilot.press(*"threshold")
        await until(pilot, lambda: "Threshold: prune to the next" in app.text)
        await settle(pilot)
        await pilot.press("enter")
        await until(pilot, lambda: len(app.screen_stack) == 1 or app.step > 0)
        if app.step == 0:
            await pilot.press("enter")
        await until(pilot, lambda: app.step == THRESHOLD_STEPS[2])


async def test_commands_open_the_same_files_read_otherwise() -> None:
    app = FakeApp()
    async with opened(app) as pilot:
        await goes(pilot, app, "l", "home", "enter", step=0)
        for count, (identity, expected) in enumerate(
            (
                ("scale_1", {"preprocess": "raw", "scale": "auto"}),
                ("nhwc", {"preprocess": "raw", "layout": "nhwc"}),
                ("scale_255", {"preprocess": "unit", "layout": "nhwc"}),
                ("nchw", {"preprocess": "unit", "layout": "nchw"}),
                ("preprocess_tf", {"preprocess": "tf", "layout": "nchw"}),
            )
        ):
            await run_command(app, identity)
            await until(pilot, lambda count=count: kinds(app).count(Open) == count + 2)  # type: ignore[misc]
            await settle(pilot)
            request = app.engine.last
            assert isinstance(request, Open)
            assert request.settings.model == SETTINGS.model
            assert {name: getattr(request.settings, name) for name in expected} == expected


async def test_commands_about_open_files_say_that_there_are_none() -> None:
    app = FakeApp(RunSettings())
    async with running(app, notifications=True) as pilot:
        await until(pilot, lambda: isinstance(app.screen, LoadScreen))
        await pilot.press("escape")
        await run_command(app, "scale_1")
        await until(pilot, lambda: app.notices == ["Nothing is open yet: o opens a model and images."])
        assert app.engine.requests == []


async def test_a_command_opens_the_sample() -> None:
    app = FakeApp()
    async with opened(app) as pilot:
        await run_command(app, "open_sample")
        await until(pilot, lambda: app.engine.last == Open(RunSettings(sample=True)))


async def test_a_command_saves_the_screen_in_the_folder_one_stands_in(folder: Path) -> None:
    app = FakeApp()
    async with opened(app, notifications=True) as pilot:
        await run_command(app, "save_screenshot")
        await until(pilot, lambda: "Saved as" in app.text)
        (picture,) = folder.glob("*.svg")
        assert "step&#160;0/60" in picture.read_text()


async def test_a_screen_that_cannot_be_saved_does_not_end_the_app(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = folder / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    app = FakeApp()
    async with opened(app) as pilot:
        gone.rmdir()
        await run_command(app, "save_screenshot")
        await settle(pilot)
        assert app.is_running
        await goes(pilot, app, "n", step=1)


async def run_command(app: FakeApp, identity: str) -> None:
    """What the command palette does when a command is chosen."""
    command = next(c for c in app.get_system_commands(app.screen) if c.title == BY_ID[identity].description)
    command.callback()
