"""An option is declared once: one more field of `RunSettings` is all that the command line and the files of bdtui need."""

from __future__ import annotations

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
from bdtui.tui.opening.form import InputForm, unopenable
from bdtui.tui.opening.recent import recent, remember
from bdtui.tui.options import merge_options


@dataclass(frozen=True)
class MoreSettings(RunSettings):
    """Those of today and an option of every kind that a person may add."""

    preprocess: str = option(
        CHOICE,
        "how pixels are prepared (default: {default})",
        IMAGES,
        default="auto",
        choices=("auto", "raw", "unit"),
        opens=True,
        reads_pixels=True,
    )
    notes_file: Path | None = option(  # noqa: RUF009 (makes a field)
        file_kind("a text file"), "notes of one's own", IMAGES, "FILE", opens=True, hint="any text"
    )
    target: str | None = option(TEXT, "class of the attacker", IMAGES, "CLASS", opens=True)
    in_colour: bool = option(FLAG, "show colours", IMAGES, default=False, opens=True)
    budget: int = option(WHOLE_NUMBER, "points a repair may cost", RUN, "POINTS", default=1)
    workers: int = option(WHOLE_NUMBER, "processes", RUN, "N", default=1, may_change=True)


NEW = {entry.name for entry in fields(MoreSettings)} - {entry.name for entry in fields(RunSettings)}
TYPED = "--preprocess unit --notes-file names.txt --target next --in-colour --budget 3 --workers 2".split()


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder one works in, with a model and the names of its classes."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.chdir(tmp_path)
    for name in ("net.h5", "names.txt"):
        (tmp_path / name).touch()
    return tmp_path


@pytest.fixture
def given(folder: Path) -> MoreSettings:
    return MoreSettings(
        model=folder / "net.h5",
        preprocess="unit",
        notes_file=folder / "names.txt",
        target="next",
        in_colour=True,
        budget=3,
        workers=2,
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
    assert "--preprocess {auto,raw,unit} how pixels are prepared (default: auto)" in shown
    assert "--notes-file FILE notes of one's own" in shown
    settings, _, _ = merge_options(typed("net.h5", *TYPED), MoreSettings)
    assert settings == replace(given, model=Path("net.h5"), notes_file=Path("names.txt"))


def test_an_option_without_a_group_is_for_recipes_alone() -> None:
    assert "--order" not in build_parser().format_help()
    assert "order" in options_of(RunSettings)


def test_a_recipe_gives_a_new_option_back_and_knows_the_hash_of_its_file(given: MoreSettings, folder: Path) -> None:
    path = folder / "recipe.toml"
    path.write_text(write_recipe_text(given, {"notes_file": "ab"}))
    recipe = read_recipe(path, MoreSettings)
    assert MoreSettings(**recipe.settings) == given
    assert recipe.sha256 == {"notes_file": "ab"}


@pytest.mark.parametrize(
    ("line", "finding"),
    [
        ("in-colour = 'yes'", "'in-colour' is 'yes'; expected true or false"),
        ("budget = 1.5", "'budget' is 1.5; expected a whole number"),
        ("notes-file = 3", "'notes-file' is 3; expected a text"),
        ("budgt = 3", "'budgt' is not an option of a run; expected one of model, .*budget"),
    ],
)
def test_a_recipe_that_holds_nonsense_for_a_new_option_is_refused(folder: Path, line: str, finding: str) -> None:
    (folder / "recipe.toml").write_text(line)
    with pytest.raises(OptionError, match=finding):
        read_recipe(folder / "recipe.toml", MoreSettings)


def test_recent_files_keep_a_new_option_that_says_what_to_open(given: MoreSettings) -> None:
    remember(given)
    assert recent(MoreSettings) == [replace(given, budget=1, workers=1)]


def test_resume_brings_a_new_option_back_and_refuses_another_value_by_name(given: MoreSettings, folder: Path) -> None:
    (folder / "recipe.toml").write_text(write_recipe_text(given, {}))
    begun = ("--resume", "--out", str(folder))
    settings, _, _ = merge_options(typed(*begun, "--workers", "5"), MoreSettings)
    assert settings == replace(given, workers=5)
    with pytest.raises(
        OptionError, match=r"without --budget \(only --device, --activation-memory and --workers may change"
    ):
        merge_options(typed(*begun, "--budget", "3"), MoreSettings)


def test_what_was_measured_with_images_read_otherwise_is_forgotten(given: MoreSettings, folder: Path) -> None:
    journal = Journal(folder / "journal.sqlite")
    assert not journal.identify(given, {}, {})
    assert not journal.identify(replace(given, budget=4), {}, {})
    assert journal.identify(replace(given, preprocess="raw"), {}, {})
    journal.close()


def test_the_file_of_a_new_option_is_hashed_and_another_than_the_recipe_recorded_is_refused(
    given: MoreSettings, folder: Path
) -> None:
    sample = Path(str(files("bdtui.sample_data")))
    opened = replace(given, model=sample / SAMPLE_MODEL, clean_valid=sample / "cl" / "valid.h5")
    found = open_inputs(opened, Reporter()).sha256
    assert found["notes_file"] == file_sha256(folder / "names.txt")
    with pytest.raises(DataError, match=r"names\.txt: has changed since the recipe was written"):
        open_inputs(opened, Reporter(), {**found, "notes_file": "ab"})
    with pytest.raises(InputError, match=r"gone\.txt: no such file; expected a text file"):
        open_inputs(replace(opened, notes_file=folder / "gone.txt"), Reporter())


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
        assert {line.id for line in form.query("#preprocess, #notes_file, #target, #in_colour")} == NEW - {
            "budget",
            "workers",
        }
        assert not form.query("#budget, #workers")
        assert form.settings(MoreSettings(budget=3, workers=2)) == given
        form.fill(MoreSettings())
        assert form.settings(MoreSettings()) == MoreSettings()


def test_a_file_that_a_new_option_names_and_that_is_not_there_is_found_before_opening(given: MoreSettings) -> None:
    problem = unopenable(replace(given, notes_file=Path("gone.txt")))
    assert problem is not None
    assert (problem.sentence, problem.field) == ("gone.txt: no such file; expected a text file", "notes_file")


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
