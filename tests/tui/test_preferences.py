"""The configuration file: theme and keys, and a sentence for everything else that may stand in it."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
from textual.color import Color
from textual.widgets import Static

from bdtui.engine import events
from bdtui.engine.errors import OptionError
from bdtui.tui.preferences import Preferences, preferences_path, read_preferences
from bdtui.tui.theme_names import OWN_THEMES, THEME_NAMES
from bdtui.tui.themes import THEMES as REGISTERED
from tests.tui.fake_engine import FakeApp, opened, settle, until


@pytest.fixture(autouse=True)
def home(nobodys_home: Path) -> Path:
    return nobodys_home


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return tmp_path / "config.toml"


def refused(config: Path) -> str:
    """What is said of a file that is refused: one sentence that begins with its name."""
    with pytest.raises(OptionError) as problem:
        read_preferences(config)
    said = str(problem.value)
    assert said.startswith(f"{config}: ")
    assert "\n" not in said
    return said.removeprefix(f"{config}: ")


def test_without_a_file_everything_is_as_it_comes(config: Path) -> None:
    assert read_preferences(config) == Preferences("dark")


@pytest.mark.skipif(sys.platform != "linux", reason="XDG is Linux's")
def test_the_file_lies_where_xdg_says(home: Path) -> None:
    assert preferences_path() == home / "home" / "bdtui" / "config.toml"


@pytest.mark.parametrize("theme", THEME_NAMES)
def test_a_theme_is_taken(config: Path, theme: str) -> None:
    config.write_text(f'theme = "{theme}"\n')
    assert read_preferences(config) == Preferences(theme)


def test_the_themes_are_those_that_the_app_has() -> None:
    assert tuple(theme.name for theme in REGISTERED[:3]) == OWN_THEMES
    assert set(THEME_NAMES) <= set(FakeApp().available_themes)


@pytest.mark.parametrize("theme", THEME_NAMES)
def test_text_and_keys_can_be_read_in_every_theme(theme: str) -> None:
    colours = FakeApp(preferences=Preferences(theme)).get_css_variables()
    for text, ground in (("foreground", "background"), ("foreground", "panel"), ("footer-key-foreground", "panel")):
        assert contrast(colours[text], colours[ground]) >= 3, (text, ground)


def contrast(one: str, other: str) -> float:
    """The contrast ratio of WCAG, 1 to 21; 3 is what bold text needs at least."""
    darker, lighter = sorted(luminance(Color.parse(colour)) for colour in (one, other))
    return (lighter + 0.05) / (darker + 0.05)


def luminance(colour: Color) -> float:
    parts = (part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in colour.normalized)
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), parts, strict=True))


def test_keys_are_taken_for_any_action(config: Path) -> None:
    config.write_text('[keys]\nprune = "m"\nhelp = "f9, ctrl+h"\nshow_charts = "C"\nundo = "ctrl+shift+left"\n')
    expected = {"prune": "m", "help": "f9,ctrl+h", "show_charts": "C", "undo": "ctrl+shift+left"}
    assert read_preferences(config).keys == expected


def test_two_actions_may_change_places(config: Path) -> None:
    config.write_text('[keys]\nprune = "u"\nundo = "n"\n')
    assert read_preferences(config).keys == {"prune": "u", "undo": "n"}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('theme = "pink"', "theme is 'pink'; expected one of dark, light, high-contrast"),
        ('theme = ""', "theme is ''; expected one of dark, light, high-contrast"),
        ("theme = 3", "theme is 3; expected one of dark, light, high-contrast"),
        ('theme = ["dark"]', "theme is ['dark']; expected one of dark, light, high-contrast"),
        ("[theme]", "theme is {}; expected one of dark, light, high-contrast"),
        ('colour = "dark"', "'colour' is not a setting; expected theme, keymap, keys"),
        ("[keymap]", "keymap is {}; expected one of default, vim, emacs"),
        ('keymap = "nano"', "keymap is 'nano'; expected one of default, vim, emacs"),
        ('[keys]\nmove_down = "down"', "key 'down' does what 'move_down' does wherever it can; expected another key"),
        (
            'keymap = "emacs"\n[keys]\nprune = "ctrl+s"',
            "key 'ctrl+s' is assigned to both 'prune' and 'find'; expected only one of them",
        ),
        ("keys = 3", "'keys' is '3'; expected a table, e.g. prune = \"n\""),
        ('keys = ["n"]', "'keys' is \"['n']\"; expected a table, e.g. prune = \"n\""),
        ('[keys]\nfly = "f"', "'fly' is not an action; expected one that `bdtui config` lists, such as 'prune'"),
        ('[keys]\nunod = "f"', "'unod' is not an action; expected one that `bdtui config` lists, such as 'undo'"),
        ("[keys]\nprune = 5", "key of 'prune' is '5'; expected keys such as n, ctrl+n or f8"),
        ('[keys]\nprune = "5"', "key of 'prune' is '5'; expected keys such as n, ctrl+n or f8"),
        ('[keys]\nprune = "5,7"', "key of 'prune' is '5,7'; expected keys "),
        ('[keys]\nprune = ""', "key of 'prune' is ''; expected keys "),
        ('[keys]\nprune = "n,"', "key of 'prune' is 'n,'; expected keys "),
        ('[keys]\nprune = "?"', "key of 'prune' is '?'; expected keys "),
        ('[keys]\nprune = "ctrl+"', "key of 'prune' is 'ctrl+'; expected keys "),
        ('[keys]\nprune = "n\\u001b"', "key of 'prune' is 'n\\x1b'; expected keys "),
        ('[keys]\nprune = ["n", "m"]', "key of 'prune' is \"['n', 'm']\"; expected keys "),
        ("[keys]\nprune = true", "key of 'prune' is 'True'; expected keys "),
        ("[keys.prune]", "key of 'prune' is '{}'; expected keys "),
        ('[keys]\nprune = "u"', "key 'u' is assigned to both 'prune' and 'undo'; expected only one of them"),
        ('[keys]\nundo = "n"', "key 'n' is assigned to both 'prune' and 'undo'; expected only one of them"),
        (
            '[keys]\nprune = "m"\nundo = "k,m"',
            "key 'm' is assigned to both 'prune' and 'undo'; expected only one of them",
        ),
        ('[keys]\nprune = "ctrl+c"', "key 'ctrl+c' is assigned to both 'prune' and 'stop'; expected only one of them"),
        ("theme = ", "is not valid TOML ("),
        ("[keys", "is not valid TOML ("),
        ('theme = "dark"\ntheme = "light"', "is not valid TOML ("),
        ("a = " + "[" * 5000, "is not valid TOML ("),
    ],
    ids=lambda value: value[:24] if isinstance(value, str) else None,
)
def test_what_cannot_be_is_refused_with_its_value(config: Path, text: str, sentence: str) -> None:
    config.write_text(text)
    said = refused(config)
    assert said.startswith(sentence)
    assert "expected" in said
    assert len(said) < 600


@pytest.mark.parametrize("keys", ["n,5", "5,n", "5 ", " 5", "n, 5"])
def test_a_digit_is_refused_as_a_key_wherever_it_stands(config: Path, keys: str) -> None:
    config.write_text(f'[keys]\nprune = "{keys}"\n')
    assert f"is {keys!r}; expected keys such as n, ctrl+n or f8, but no digits" in refused(config)


@pytest.mark.parametrize("key", ["ctlr+n", "f99", "foo", "hyper+n", "ctrl+", "+n"])
def test_a_key_that_no_terminal_sends_is_refused(config: Path, key: str) -> None:
    config.write_text(f'[keys]\nprune = "{key}"\n')
    assert f"is {key!r}; expected keys such as" in refused(config)


def test_a_key_said_twice_for_one_action_is_no_contradiction(config: Path) -> None:
    config.write_text('[keys]\nprune = "n,n"\n')
    said = refused(config)
    assert said == "key 'n' is assigned to both 'prune' and 'prune'; expected only one of them"


def test_a_file_that_is_no_text_is_refused(config: Path) -> None:
    config.write_bytes(b'theme = "\xff\xfe"\n')
    assert "is not valid TOML" in refused(config)


def test_a_folder_in_its_place_is_refused(config: Path) -> None:
    config.mkdir()
    assert refused(config) == "cannot be read (Is a directory); expected settings in TOML"


@pytest.mark.asyncio
async def test_changed_keys_work_and_are_shown_wherever_keys_are_shown(config: Path) -> None:
    config.write_text('theme = "light"\n[keys]\nprune = "m"\nundo = "b,f9"\nhelp = "f12"\n')
    app = FakeApp(preferences=read_preferences(config))
    async with opened(app, (120, 40)) as pilot:
        assert app.theme == "light"
        await pilot.press("n", "u", "5", "m")
        await until(pilot, lambda: app.step == 5)
        await pilot.press("b", "f9")
        await until(pilot, lambda: app.step == 3)
        footer = app.text.split("\n")[-1].strip()
        assert footer.startswith("m prune b undo a next X")
        assert "f12 help" in footer
        assert {c.title: c.help for c in app.get_system_commands(app.screen)}[
            "Threshold: prune to the next one"
        ] == "key a"
        hints = [c.help for c in app.get_system_commands(app.screen)]
        assert hints[0] == "key m"
        assert hints[1] == "key b or f9"
        await pilot.press("f1", "question_mark")
        await settle(pilot)
        assert len(app.screen_stack) == 1
        await pilot.press("f12")
        await until(pilot, lambda: len(app.screen_stack) == 2)
        keys = [
            re.split("  +", line.strip())[0]
            for line in str(app.screen.query_one("#help-keys", Static).content).split("\n")
        ]
        assert keys[:2] == ["m", "b or f9"]
        assert "n" not in keys
        await pilot.press("escape")
        await settle(pilot)
        assert len(app.screen_stack) == 1


@pytest.mark.asyncio
async def test_actions_that_change_places_do_so_in_the_app(config: Path) -> None:
    config.write_text('[keys]\nprune = "u"\nundo = "n"\n')
    app = FakeApp(preferences=read_preferences(config))
    async with opened(app) as pilot:
        await pilot.press("4", "u")
        await until(pilot, lambda: app.step == 4)
        await pilot.press("n")
        await until(pilot, lambda: app.step == 3)


@pytest.mark.asyncio
async def test_what_runs_names_the_key_that_stops_it(config: Path) -> None:
    config.write_text('[keys]\nstop = "b"\n')
    app = FakeApp(preferences=read_preferences(config))
    async with opened(app) as pilot:
        app.engine.say(events.WorkStarted("exporting"), events.Progress("curve", 12, 60, "steps"))
        await until(pilot, lambda: "curve · 12/60 steps · b stops" in app.text)


@pytest.mark.parametrize("theme", THEME_NAMES)
def test_every_theme_can_be_begun_with(theme: str) -> None:
    assert FakeApp(preferences=Preferences(theme)).theme == theme
