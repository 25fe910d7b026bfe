"""Named keymaps, and the screen that changes keys: what is chosen holds at once and at the next start."""

from __future__ import annotations

import string
from pathlib import Path

import pytest
from textual.keys import _character_to_key
from textual.pilot import Pilot

from bdtui.engine.errors import OptionError
from bdtui.engine.pruning.moves import ChooseLayer
from bdtui.tui.actions import ACTIONS
from bdtui.tui.jump import JumpScreen
from bdtui.tui.key_editor import KeyPrompt, KeysScreen
from bdtui.tui.keymaps import KEYMAP_WORDS, KEYMAPS, all_keys, check_unambiguous, is_key, refusal
from bdtui.tui.preferences import Preferences, preferences_path, read_preferences
from tests.tui.fake_engine import FakeApp, opened, shows, until

ROWS = [action.id for action in ACTIONS]


@pytest.fixture(autouse=True)
def folder(folder_with_files: Path) -> Path:
    return folder_with_files


@pytest.mark.parametrize("name", KEYMAPS)
def test_a_keymap_gives_every_action_keys_that_a_terminal_sends_and_no_key_two_meanings(name: str) -> None:
    keys = all_keys(name, {})
    check_unambiguous(keys)
    assert set(keys) == set(ROWS)
    assert all(is_key(key) for listed in keys.values() for key in listed.split(","))


def test_every_character_of_a_keyboard_can_be_a_key_by_the_name_that_textual_gives_it() -> None:
    assert [character for character in string.punctuation if not is_key(_character_to_key(character))] == []


def test_the_own_keys_win_over_the_keymaps() -> None:
    assert all_keys("emacs", {"find": "f9"})["find"] == "f9"
    assert all_keys("emacs", {})["find"] == "ctrl+s"


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("5", "5 cannot be a key here: digits are counts"),
        ("down", "down moves in every window"),
        ("ctrl+down", "ctrl+down moves in every window"),
        ("enter", "enter moves in every window"),
        ("n", "n is taken by “Prune the next channel”; press another key, or change that one first."),
        ("question_mark", "? is taken by “Help on the focused pane, and every key”"),
    ],
)
def test_a_key_that_cannot_be_taken_is_refused_with_a_sentence(key: str, words: str) -> None:
    said = refusal("undo", key, all_keys("default", {}))
    assert said is not None
    assert said.startswith(words)


@pytest.mark.parametrize("key", ["u", "b", "ctrl+t", "f12", "backspace"])
def test_its_own_key_and_one_that_is_free_can_be_taken(key: str) -> None:
    assert refusal("undo", key, all_keys("default", {})) is None


def test_a_key_of_the_keymap_is_taken_too() -> None:
    with pytest.raises(OptionError, match="key 'ctrl\\+s' is assigned to both 'prune' and 'find'"):
        check_unambiguous(all_keys("emacs", {"prune": "ctrl+s"}))


async def change(pilot: Pilot[None], app: FakeApp, action: str, *keys: str) -> None:
    """Open the screen, go to an action, and press keys there."""
    await app.run_action("change_keys")
    await until(pilot, lambda: isinstance(app.screen, KeysScreen))
    await pilot.press("home", *["j"] * ROWS.index(action), *keys)


@pytest.mark.asyncio
async def test_a_key_that_was_pressed_holds_at_once_and_is_kept() -> None:
    app = FakeApp()
    async with opened(app, (120, 40)) as pilot:
        await change(pilot, app, "prune", "enter", "m")
        await until(pilot, lambda: preferences_path().exists())
        await pilot.press("escape")
        await until(pilot, lambda: len(app.screen_stack) == 1)
        await pilot.press("n", "m")
        await until(pilot, lambda: app.step == 1)
        await until(pilot, lambda: app.text.split("\n")[-1].strip().startswith("m prune u undo"))
    assert read_preferences(preferences_path()) == Preferences(keys={"prune": "m"})


@pytest.mark.asyncio
async def test_a_taken_key_is_refused_and_asked_for_again() -> None:
    app = FakeApp()
    async with opened(app) as pilot:
        await change(pilot, app, "prune", "enter", "u")
        await shows(pilot, "u is taken by “Undo the last move”")
        assert isinstance(app.screen, KeyPrompt)
        await pilot.press("b")
        await until(pilot, lambda: isinstance(app.screen, KeysScreen))
        await until(pilot, lambda: read_preferences(preferences_path()).keys == {"prune": "b"})


@pytest.mark.asyncio
async def test_a_key_can_be_added_and_all_of_them_taken_back() -> None:
    app = FakeApp()
    async with opened(app) as pilot:
        await change(pilot, app, "undo", "a", "backspace")
        await until(pilot, lambda: read_preferences(preferences_path()).keys == {"undo": "u,backspace"})
        await shows(pilot, "● u or backspace")
        await pilot.press("backspace")
        await until(pilot, lambda: read_preferences(preferences_path()).keys == {})
        await pilot.press("escape")


@pytest.mark.asyncio
async def test_a_key_that_another_action_took_meanwhile_is_not_given_back() -> None:
    app = FakeApp(preferences=Preferences(keys={"prune": "m", "undo": "n"}))
    async with opened(app) as pilot:
        await change(pilot, app, "prune", "backspace")
        await shows(pilot, "n is taken by “Undo the last move”")
        assert not preferences_path().exists()


@pytest.mark.asyncio
async def test_escape_asks_for_no_key_and_changes_nothing() -> None:
    app = FakeApp()
    async with opened(app) as pilot:
        await change(pilot, app, "prune", "enter", "escape", "escape")
        await until(pilot, lambda: len(app.screen_stack) == 1)
    assert not preferences_path().exists()


@pytest.mark.asyncio
async def test_a_folder_that_cannot_be_written_is_told_and_the_key_holds_until_the_end() -> None:
    preferences_path().parent.parent.mkdir()
    preferences_path().parent.touch()
    app = FakeApp()
    async with opened(app, notifications=True) as pilot:
        await change(pilot, app, "prune", "enter", "m")
        await until(pilot, lambda: any(notice.startswith("Keys not kept: ") for notice in app.notices))
        await pilot.press("escape", "m")
        await until(pilot, lambda: app.step == 1)


@pytest.mark.asyncio
async def test_a_keymap_holds_at_once_in_panes_and_dialogs_and_is_kept() -> None:
    app = FakeApp()
    async with opened(app) as pilot:
        await app.run_action("change_keymap")
        await shows(pilot, "emacs")
        await pilot.press("end", "enter")
        await until(pilot, lambda: len(app.screen_stack) == 1)
        await pilot.press("j", "ctrl+n", "ctrl+n")
        await until(pilot, lambda: app.workspace.channels.table.cursor_row == 2)
        await pilot.press("l", "ctrl+p", "enter")
        await until(pilot, lambda: app.engine.last == ChooseLayer("conv_3"))
        assert len(app.screen_stack) == 1
    assert read_preferences(preferences_path()) == Preferences(keymap="emacs")


@pytest.mark.asyncio
async def test_a_keymap_that_own_keys_contradict_is_refused() -> None:
    app = FakeApp(preferences=Preferences(keys={"prune": "ctrl+s"}))
    async with opened(app, notifications=True) as pilot:
        await app.run_action("change_keymap")
        await shows(pilot, "emacs")
        await pilot.press("end", "enter")
        await until(pilot, lambda: any("'ctrl+s' is assigned to both" in notice for notice in app.notices))
        assert app._preferences.keymap == "default"
    assert not preferences_path().exists()


@pytest.mark.asyncio
async def test_a_theme_that_was_chosen_is_kept() -> None:
    app = FakeApp()
    async with opened(app) as pilot:
        await app.run_action("change_theme")
        await pilot.press("slash", *"nord", "enter", "enter")
        await until(pilot, lambda: len(app.screen_stack) == 1 and app.theme == "nord")
    assert read_preferences(preferences_path()) == Preferences("nord")


@pytest.mark.asyncio
async def test_letters_lie_on_the_lines_of_the_load_window() -> None:
    app = FakeApp()
    async with opened(app, (120, 40)) as pilot:
        await pilot.press("o")
        await until(pilot, lambda: len(app.screen_stack) == 2)
        await pilot.press("f9")
        await until(pilot, lambda: isinstance(app.screen, JumpScreen))
        assert len(app.screen.query(".jump-label")) > 8
        await pilot.press("a")
        await until(pilot, lambda: len(app.screen_stack) == 2)


def test_every_keymap_has_a_line_about_it() -> None:
    assert set(KEYMAP_WORDS) == set(KEYMAPS)
