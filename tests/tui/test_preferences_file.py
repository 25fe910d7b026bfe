"""The settings file that bdtui writes: it says all there is to set, and keeps what somebody wrote in it."""

from __future__ import annotations

import re
import tomllib
from dataclasses import fields
from pathlib import Path

import pytest

from bdtui.engine.errors import OptionError, OutputError
from bdtui.tui.actions import ACTIONS
from bdtui.tui.preferences import Preferences, read_preferences
from bdtui.tui.preferences_file import commented_settings, write_commented_settings, write_keys, write_setting


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return tmp_path / "new" / "config.toml"


def test_a_written_file_changes_nothing(config: Path) -> None:
    write_commented_settings(config)
    assert read_preferences(config) == Preferences()


def test_every_setting_and_every_action_is_in_it_with_its_default_and_a_line_about_it(config: Path) -> None:
    text = re.sub(r"(?m)^# (?=\w+ = )", "", commented_settings())
    config.parent.mkdir()
    config.write_text(text)
    said = tomllib.loads(text)
    assert set(said) == {setting.name for setting in fields(Preferences)}
    assert said["keys"] == {action.id: action.keys for action in ACTIONS}
    assert all(action.description in text for action in ACTIONS)
    assert read_preferences(config).theme == Preferences().theme


def test_a_file_that_is_there_stays_unless_told_otherwise(config: Path) -> None:
    config.parent.mkdir()
    config.write_text("mine")
    with pytest.raises(OptionError, match="is there already; expected --force to replace it"):
        write_commented_settings(config)
    assert config.read_text() == "mine"
    write_commented_settings(config, force=True)
    assert config.read_text() == commented_settings()


def test_setting_one_thing_keeps_comments_and_all_else(config: Path) -> None:
    write_commented_settings(config)
    write_setting(config, "theme", "nord")
    write_keys(config, {"prune": "m"})
    write_setting(config, "keymap", "vim")
    write_setting(config, "theme", "dracula")
    assert read_preferences(config) == Preferences("dracula", "vim", {"prune": "m"})
    kept = [line for line in config.read_text().splitlines() if line.startswith("#")]
    assert kept == [line for line in commented_settings().splitlines() if line.startswith("#")]


def test_keys_that_are_no_longer_changed_leave_the_file(config: Path) -> None:
    write_keys(config, {"prune": "m", "undo": "b"})
    write_keys(config, {"undo": "b"})
    assert read_preferences(config).keys == {"undo": "b"}


def test_a_link_stays_a_link(config: Path, tmp_path: Path) -> None:
    target = tmp_path / "dotfiles.toml"
    target.write_text('theme = "light"  # at home\n')
    config.parent.mkdir()
    config.symlink_to(target)
    write_setting(config, "theme", "nord")
    assert config.is_symlink()
    assert target.read_text() == 'theme = "nord"  # at home\n'


@pytest.mark.parametrize("text", ["theme = ", "keys = 3\n"])
def test_a_file_that_was_broken_meanwhile_is_left_alone(config: Path, text: str) -> None:
    config.parent.mkdir()
    config.write_text(text)
    with pytest.raises(OptionError, match="is not valid TOML; correct it first"):
        write_keys(config, {"prune": "m"})
    assert config.read_text() == text


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="cannot be written"):
        write_setting(tmp_path / "file" / "config.toml", "theme", "nord")
