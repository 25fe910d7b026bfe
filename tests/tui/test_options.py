"""An option is declared once: one more field of `RunSettings` is all that the command line and the files of bdtui need."""

from __future__ import annotations

import os
from dataclasses import dataclass, fields, replace
from importlib.resources import files
from pathlib import Path

import pytest
from textual.app import App, ComposeResult

from bdtui.engine.errors import DataError, InputError, OptionError
from bdtui.engine.inputs.opening import open_inputs
from bdtui.engine.inputs.recipe import read_recipe, write_recipe_text
from bdtui.engine.machine.files import file_sha256
from bdtui.engine.option import CHOICE, FLAG, TEXT, WHOLE_NUMBER, Option, file_kind, option, options_of
from bdtui.engine.reporter import Reporter
from bdtui.engine.runs.journal import Journal
from bdtui.engine.settings import IMAGES, RUN, SAMPLE_MODEL, RunSettings
from bdtui.tui.cli import build_parser
from bdtui.tui.merged_options import merge_options
from bdtui.tui.opening.form import InputForm, unopenable
from bdtui.tui.opening.recent import recent, remember


@dataclass(frozen=True)
class MoreSettings(RunSettings):
    """Those of today and an option of every kind that a person may add."""

    brightness: str = option(
        CHOICE,
        "how bright it is to be (default: {default})",
        IMAGES,
        default="auto",
        choices=("auto", "raw", "unit"),
        opens=True,
        reads_pixels=True,
    )
    glossary: Path | None = option(  # noqa: RUF009 (makes a field)
        file_kind("a text file"), "one word a line", IMAGES, "FILE", opens=True, hint="one a line"
    )
    motto: str | None = option(TEXT, "what one believes in", IMAGES, "CLASS", opens=True)
    gently: bool = option(FLAG, "without haste", IMAGES, default=False, opens=True)
    patience: int = option(WHOLE_NUMBER, "minutes to wait", RUN, "MINUTES", default=1)
    helpers: int = option(WHOLE_NUMBER, "processes", RUN, "N", default=1, may_change=True)


NEW = {entry.name for entry in fields(MoreSettings)} - {entry.name for entry in fields(RunSettings)}
TYPED = "--brightness unit --glossary words.txt --motto next --gently --patience 3 --helpers 2".split()


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder one works in, with a model and the names of its classes."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.chdir(tmp_path)
    for name in ("net.h5", "words.txt"):
        (tmp_path / name).touch()
    return tmp_path


@pytest.fixture
def given(folder: Path) -> MoreSettings:
    return MoreSettings(
        model=folder / "net.h5",
        brightness="unit",
        glossary=folder / "words.txt",
        motto="next",
        gently=True,
        patience=3,
        helpers=2,
    )


def typed(*arguments: str) -> dict[str, object]:
    found = vars(build_parser(MoreSettings).parse_args(arguments))
    return {name: value for name, value in found.items() if value is not None}


def test_every_field_of_the_settings_declares_its_option() -> None:
    for name, declared in options_of(RunSettings).items():
        assert isinstance(declared, Option), name
        assert declared.help, name
        assert declared.default == getattr(RunSettings(), name), name
        assert set(declared.displaced_by) <= {entry.name for entry in fields(RunSettings)}, name


def test_a_new_option_is_in_the_help_and_is_read_from_the_command_line(given: MoreSettings, folder: Path) -> None:
    shown = " ".join(build_parser(MoreSettings).format_help().split())
    assert "--brightness {auto,raw,unit} how bright it is to be (default: auto)" in shown
    assert "--glossary FILE one word a line" in shown
    settings, _, _ = merge_options(typed("net.h5", *TYPED), MoreSettings)
    assert settings == replace(given, model=Path("net.h5"), glossary=Path("words.txt"))


def test_an_option_without_a_group_is_for_recipes_alone() -> None:
    assert "--order" not in build_parser().format_help()
    assert "order" in options_of(RunSettings)


def test_a_recipe_gives_a_new_option_back_and_knows_the_hash_of_its_file(given: MoreSettings, folder: Path) -> None:
    path = folder / "recipe.toml"
    path.write_text(write_recipe_text(given, {"glossary": "ab"}))
    recipe = read_recipe(path, MoreSettings)
    assert MoreSettings(**recipe.settings) == given
    assert recipe.sha256 == {"glossary": "ab"}


@pytest.mark.parametrize(
    ("line", "finding"),
    [
        ("gently = 'yes'", "'gently' is 'yes'; expected true or false"),
        ("patience = 1.5", "'patience' is 1.5; expected a whole number"),
        ("glossary = 3", "'glossary' is 3; expected a text"),
        ("patiense = 3", "'patiense' is not an option of a run; expected one of model, .*patience"),
    ],
)
def test_a_recipe_that_holds_nonsense_for_a_new_option_is_refused(folder: Path, line: str, finding: str) -> None:
    (folder / "recipe.toml").write_text(line)
    with pytest.raises(OptionError, match=finding):
        read_recipe(folder / "recipe.toml", MoreSettings)


def test_recent_files_keep_a_new_option_that_says_what_to_open(given: MoreSettings) -> None:
    remember(given)
    assert recent(MoreSettings) == [replace(given, patience=1, helpers=1)]


def test_recent_files_keep_a_path_that_is_not_utf_8(folder: Path) -> None:
    net = folder / os.fsdecode(b"net\xff.h5")
    net.touch()
    remember(MoreSettings(model=net, clean_valid=net))
    assert recent(MoreSettings) == [MoreSettings(model=net, clean_valid=net)]


def test_resume_brings_a_new_option_back_and_refuses_another_value_by_name(given: MoreSettings, folder: Path) -> None:
    (folder / "recipe.toml").write_text(write_recipe_text(given, {}))
    begun = ("--resume", "--out", str(folder))
    settings, _, _ = merge_options(typed(*begun, "--helpers", "5"), MoreSettings)
    assert settings == replace(given, helpers=5)
    assert merge_options(typed(*begun, "net.h5", *TYPED), MoreSettings)[0] == given, "the options it was begun with"
    expected = r"begun with 3 for --patience, not 4; expected the same or nothing \(only --compare, .* and --helpers may change"
    with pytest.raises(OptionError, match=expected):
        merge_options(typed(*begun, "--patience", "4"), MoreSettings)


def test_what_was_measured_with_images_read_otherwise_is_forgotten(given: MoreSettings, folder: Path) -> None:
    journal = Journal(folder / "journal.sqlite")
    assert not journal.identify(given, {}, {})
    assert not journal.identify(replace(given, patience=4), {}, {})
    assert journal.identify(replace(given, brightness="raw"), {}, {})
    journal.close()


def test_the_file_of_a_new_option_is_hashed_and_another_than_the_recipe_recorded_is_refused(
    given: MoreSettings, folder: Path
) -> None:
    sample = Path(str(files("bdtui.sample_data")))
    opened = replace(given, model=sample / SAMPLE_MODEL, clean_valid=sample / "cl" / "valid.h5")
    found = open_inputs(opened, Reporter()).sha256
    assert found["glossary"] == file_sha256(folder / "words.txt")
    with pytest.raises(DataError, match=r"words\.txt: has changed since the recipe was written"):
        open_inputs(opened, Reporter(), {**found, "glossary": "ab"})
    with pytest.raises(InputError, match=r"gone\.txt: no such file; expected a text file"):
        open_inputs(replace(opened, glossary=folder / "gone.txt"), Reporter())


@pytest.mark.asyncio
async def test_the_load_form_has_a_line_for_what_says_what_to_open(given: MoreSettings) -> None:
    class Host(App[None]):
        def compose(self) -> ComposeResult:
            yield InputForm(MoreSettings)

    app = Host()
    async with app.run_test() as pilot:
        form = app.query_one(InputForm)
        form.fill(given)
        await pilot.pause()
        assert {line.id for line in form.query("#brightness, #glossary, #motto, #gently")} == NEW - {
            "patience",
            "helpers",
        }
        assert not form.query("#patience, #helpers")
        assert form.settings(MoreSettings(patience=3, helpers=2)) == given
        form.fill(MoreSettings())
        assert form.settings(MoreSettings()) == MoreSettings()


def test_a_file_that_a_new_option_names_and_that_is_not_there_is_found_before_opening(given: MoreSettings) -> None:
    problem = unopenable(replace(given, glossary=Path("gone.txt")))
    assert problem is not None
    assert (problem.sentence, problem.field) == ("gone.txt: no such file; expected a text file", "glossary")


@pytest.mark.parametrize(
    ("flags", "left"),
    [
        (["other.h5"], {"clean_valid", "seed"}),
        (["--weights", "other.h5"], {"architecture", "clean_valid", "seed"}),
        (["--architecture", "deepid"], {"weights", "clean_valid", "seed"}),
        (["--sample"], {"seed"}),
        (["--layer", "pool_1"], {"architecture", "weights", "clean_valid", "seed"}),
        (["--ranking", "random"], {"architecture", "weights", "clean_valid", "seed"}),
        (["--device", "cpu"], {"architecture", "weights", "order", "clean_valid", "seed"}),
    ],
)
def test_a_flag_leaves_out_what_the_recipe_says_about_another_network(
    folder: Path, flags: list[str], left: set[str]
) -> None:
    begun = RunSettings(
        weights=folder / "net.h5", architecture="deepid", clean_valid=folder / "v.h5", order=(1, 0), seed=9
    )
    (folder / "recipe.toml").write_text(write_recipe_text(begun, {}))
    settings, _, _ = merge_options(typed(*flags, "--recipe", "recipe.toml"))
    named = {"weights", "architecture", "clean_valid", "order", "seed"}
    given = {flag.strip("-") for flag in flags}
    kept = {name for name in named - given if getattr(settings, name) == getattr(begun, name)}
    assert kept == left - given
