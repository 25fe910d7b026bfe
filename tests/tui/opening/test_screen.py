"""The screen on which a person says what to open, driven from the keyboard at the sizes people have."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import h5py
import pytest
from PIL import Image
from textual.app import App
from textual.pilot import Pilot
from textual.widgets import Button, OptionList, Static
from textual.widgets.tree import TreeNode

from bdtui.engine.evaluation.measurements import PRUNED, Measurement
from bdtui.engine.inputs.file_preview import look_at
from bdtui.engine.inputs.recipe import write_recipe_text
from bdtui.engine.network.pruned_channels import PrunedChannels
from bdtui.engine.rates import Rates, Share
from bdtui.engine.reports.file_names import RESULTS
from bdtui.engine.runs.journal_folder import open_run_folder
from bdtui.engine.runs.unfinished import UnfinishedRun, unfinished_runs
from bdtui.engine.settings import CLEAN_TEST, CLEAN_VALID, POISONED_TEST, POISONED_VALID, RunSettings, spelled_out
from bdtui.tui.dialogs import HelpScreen
from bdtui.tui.opening import file_tree, folder_listing
from bdtui.tui.opening.file_tree import FileTree
from bdtui.tui.opening.form import InputForm, guess_role
from bdtui.tui.opening.screen import LoadScreen
from bdtui.tui.opening.tree_entry import Entry
from bdtui.tui.widgets.choice import Choice
from bdtui.tui.widgets.path_input import PathInput, complete_path

pytestmark = pytest.mark.asyncio

SAMPLE = Path(str(files("bdtui.sample_data")))
WHOLE = RunSettings(model=SAMPLE / "bd_net.h5", clean_valid=SAMPLE / "cl" / "valid.h5")
NOT_YET = "not dismissed"


class Host(App[None]):
    """Shows the screen, and keeps its answer."""

    CSS_PATH = str(files("bdtui.tui.opening") / "screen.tcss")

    def __init__(self, initial: RunSettings, recent: Sequence[RunSettings] = (), notice: str = "") -> None:
        super().__init__()
        self.load = LoadScreen(initial, recent, notice)
        self.answer: RunSettings | UnfinishedRun | str | None = NOT_YET

    def on_mount(self) -> None:
        self.push_screen(self.load, lambda answer: setattr(self, "answer", answer))

    @property
    def tree(self) -> FileTree:
        return self.load.query_one(FileTree)

    @property
    def form(self) -> InputForm:
        return self.load.query_one(InputForm)

    @property
    def message(self) -> str:
        return str(self.load.query_one("#load-message", Static).content)

    def line(self, name: str) -> PathInput:
        return self.load.query_one(f"#{name}", PathInput)


@pytest.fixture(params=[(80, 24), (120, 40)], ids=["80x24", "120x40"])
def size(request: pytest.FixtureRequest) -> tuple[int, int]:
    found: tuple[int, int] = request.param
    return found


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder one starts in: a copy of the sample, with its program and readme."""
    for name in ("XDG_STATE_HOME", "XDG_CONFIG_HOME", "HOME"):
        monkeypatch.setenv(name, str(tmp_path / "home"))
    copy = tmp_path / "sample"
    shutil.copytree(SAMPLE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.chdir(copy)
    return copy


async def until(pilot: Pilot[None], condition: Callable[[], bool]) -> None:
    # A busy machine is slow.
    end = time.monotonic() + 60
    while time.monotonic() < end:
        await pilot.pause(0.01)
        if condition():
            return
    raise AssertionError("it never came to that")


def node_of(tree: FileTree, path: Path) -> TreeNode[Entry] | None:
    waiting = [tree.root]
    while waiting:
        node = waiting.pop()
        if node.data is not None and node.data.path == path:
            return node
        waiting.extend(node.children)
    return None


async def point_at(pilot: Pilot[None], app: Host, path: Path) -> TreeNode[Entry]:
    """Move the tree's cursor to a file, unfolding what it lies in."""
    for above in reversed([parent for parent in path.parents if parent.is_relative_to(app.tree.folder)]):
        await until(pilot, lambda above=above: node_of(app.tree, above) is not None)  # type: ignore[misc]
        node = node_of(app.tree, above)
        assert node is not None
        if not node.is_expanded:
            # Else its folder is listed anew, and what lies in it is folded again as soon as that is done.
            node.expand()
    await until(pilot, lambda: node_of(app.tree, path) is not None)
    node = node_of(app.tree, path)
    assert node is not None
    await pilot.pause()
    app.tree.move_cursor(node)
    return node


async def take(pilot: Pilot[None], app: Host, path: Path) -> None:
    """Choose a file in the tree, and wait until something has been said about it."""
    node = await point_at(pilot, app, path)
    await until(pilot, lambda: node.data is not None and node.data.previewed)
    before = app.message
    await pilot.press("enter")
    await until(pilot, lambda: app.message != before)


def shown(app: Host) -> str:
    """The text on the screen."""
    return "\n".join("".join(segment.text for segment in line) for line in app.screen._compositor.render_strips())


async def test_a_run_is_filled_in_from_the_tree_alone(size: tuple[int, int], folder: Path) -> None:
    app = Host(RunSettings())
    async with app.run_test(size=size) as pilot:
        await take(pilot, app, folder / "cl" / "valid.h5")
        assert app.message == "→ clean valid: valid.h5"
        await take(pilot, app, folder / "bd" / "bd_test.h5")
        assert app.message == "→ poisoned test: bd_test.h5"
        await take(pilot, app, folder / "bd" / "bd_valid.h5")
        await take(pilot, app, folder / "cl" / "test.h5")
        await take(pilot, app, folder / "bd_net.h5")
        assert app.message == "→ model: bd_net.h5"
        await pilot.press("f10")
        await until(pilot, lambda: app.answer != NOT_YET)
    assert app.answer == RunSettings(
        model=folder / "bd_net.h5",
        clean_valid=folder / "cl" / "valid.h5",
        poisoned_valid=folder / "bd" / "bd_valid.h5",
        clean_test=folder / "cl" / "test.h5",
        poisoned_test=folder / "bd" / "bd_test.h5",
    )


async def test_the_tree_shows_what_can_be_opened_and_says_what_it_is(size: tuple[int, int], folder: Path) -> None:
    (folder / ".hidden").mkdir()
    (folder / ".hidden.h5").touch()
    (folder / "broken.h5").write_text("no HDF5")
    app = Host(RunSettings())
    async with app.run_test(size=size) as pilot:
        node = await point_at(pilot, app, folder / "bd_net.h5")
        await until(pilot, lambda: "◆ bd_net.h5  whole" in shown(app))
        assert [str(child.label) for child in app.tree.root.children] == ["bd", "cl", "bd_net.h5", "broken.h5"]
        assert "bd_net.h5: whole Keras model · 1.7 MB" in shown(app)
        assert "- broken.h5" in shown(app)
        broken = node.next_sibling
        assert broken is not None
        app.tree.move_cursor(broken)
        await pilot.press("enter")
        await until(pilot, lambda: "unsupported file" in app.message)
        assert app.line("model").value == ""


async def test_backspace_goes_one_folder_up_and_stays_on_the_one_left(
    size: tuple[int, int], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder / "cl")
    app = Host(RunSettings())
    async with app.run_test(size=size) as pilot:
        await pilot.press("backspace")
        await until(pilot, lambda: app.tree.cursor_node is node_of(app.tree, folder / "cl"))
        assert app.tree.folder == folder
        await pilot.press("right")
        await until(pilot, lambda: node_of(app.tree, folder / "cl" / "test.h5") is not None)


async def test_a_folder_is_read_again_when_it_is_unfolded_again(folder: Path) -> None:
    app = Host(RunSettings())
    async with app.run_test() as pilot:
        await point_at(pilot, app, folder / "cl" / "valid.h5")
        await pilot.press("left", "left")
        (folder / "cl" / "new.h5").touch()
        await pilot.press("right")
        await until(pilot, lambda: node_of(app.tree, folder / "cl" / "new.h5") is not None)


async def test_an_empty_and_a_closed_folder_say_so(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "aa_empty").mkdir()
    (folder / "ab_gone").mkdir()
    app = Host(RunSettings())
    async with app.run_test(size=(80, 24)) as pilot:
        node = await point_at(pilot, app, folder / "aa_empty")
        (folder / "ab_gone").rmdir()
        node.expand()
        gone = node.next_sibling
        assert gone is not None
        gone.expand()
        await until(pilot, lambda: "nothing to open here" in shown(app) and "cannot be read" in shown(app))


async def test_a_path_is_typed_with_completion(size: tuple[int, int], folder: Path) -> None:
    app = Host(RunSettings())
    async with app.run_test(size=size) as pilot:
        await pilot.press("tab", "b", "d", "underscore")
        await until(pilot, lambda: app.line("model")._suggestion == "bd_net.h5")
        await pilot.press("right", "enter")
        assert app.line("weights").has_focus
        await pilot.press("down", "down", "down", "c")
        await until(pilot, lambda: app.line("clean_valid")._suggestion == "cl/")
        await pilot.press("right", "v")
        await until(pilot, lambda: app.line("clean_valid")._suggestion == "cl/valid.h5")
        await pilot.press("right", "f10")
        await until(pilot, lambda: app.answer != NOT_YET)
    assert app.answer == RunSettings(model=folder / "bd_net.h5", clean_valid=folder / "cl" / "valid.h5")


async def test_completion_knows_the_home_folder_and_leaves_out_what_cannot_be_opened(folder: Path) -> None:
    home = folder.parent / "home"
    (home / "lab").mkdir(parents=True)
    for name in ("aa.doc", "ab.h5", ".hidden.h5", "ac\x1b[31m.h5"):
        (home / name).touch()
    (home / "ring").symlink_to(home / "ring")
    assert complete_path("~") == "~/"
    assert complete_path("~/l") == "~/lab/"
    assert complete_path("~/") == "~/ab.h5"
    assert complete_path("~/aa") is complete_path("~/ac") is complete_path("~/r") is complete_path("~/none/") is None
    assert complete_path("~/.h") == "~/.hidden.h5"
    assert complete_path(str(home / "a")) == str(home / "ab.h5")


async def test_a_typed_home_folder_is_meant_and_enter_in_the_last_line_opens(folder: Path) -> None:
    home = folder.parent / "home"
    shutil.copytree(folder / "cl", home / "cl")
    app = Host(RunSettings(model=folder / "bd_net.h5", clean_valid=Path("~/cl/valid.h5")))
    async with app.run_test() as pilot:
        app.form.focus_line("layer")
        await pilot.press(*"pool_2", "enter")
        await until(pilot, lambda: app.answer != NOT_YET)
    assert app.answer == RunSettings(model=folder / "bd_net.h5", clean_valid=home / "cl" / "valid.h5", layer="pool_2")


async def test_what_was_opened_lately_fills_the_form(size: tuple[int, int], folder: Path) -> None:
    earlier = RunSettings(model=folder / "other.h5", clean_valid=folder / "a.h5")
    wanted = RunSettings(
        model=folder / "bd_net.h5", clean_valid=folder / "cl" / "valid.h5", layout="nchw", scale="255", layer="pool_3"
    )
    app = Host(RunSettings(weights=Path("stale.h5"), seed=5), [earlier, wanted])
    async with app.run_test(size=size) as pilot:
        app.load.query_one(OptionList).focus()
        await pilot.press("down", "enter")
        await until(pilot, lambda: app.line("layer").value == "pool_3")
        assert app.line("weights").value == ""
        await pilot.press("f10")
        await until(pilot, lambda: app.answer != NOT_YET)
    assert app.answer == spelled_out(RunSettings(**{**vars(wanted), "seed": 5}))


async def test_a_recipe_fills_in_the_whole_run(size: tuple[int, int], folder: Path) -> None:
    run = RunSettings(
        model=folder / "bd_net.h5",
        clean_valid=folder / "cl" / "valid.h5",
        poisoned_test=folder / "bd" / "bd_test.h5",
        layout="nchw",
        scale="1",
        layer="pool_2",
        thresholds=(3.0, 7.5),
        seed=11,
    )
    (folder / "recipe.toml").write_text(write_recipe_text(run, {}))
    app = Host(RunSettings(weights=Path("stale.h5"), clean_test=Path("stale_test.h5")))
    async with app.run_test(size=size) as pilot:
        await take(pilot, app, folder / "recipe.toml")
        await until(pilot, lambda: app.line("layer").value == "pool_2")
        await pilot.press("f10")
        await until(pilot, lambda: app.answer != NOT_YET)
    assert app.answer == spelled_out(run)


@pytest.mark.parametrize(
    ("initial", "sentence", "line"),
    [
        (RunSettings(), "expected a model, or an architecture with weights", "model"),
        (replace(WHOLE, trigger=Path("t.png")), "expected a class, or next, at Target", "target"),
        (
            replace(WHOLE, target="3"),
            "Target belongs to a trigger, and none was given; expected a file at Tri",
            "trigger",
        ),
        (
            replace(WHOLE, trigger=Path("t.png"), target="3", poisoned_test=WHOLE.model),
            "both a trigger and poi",
            "trigger",
        ),
        (RunSettings(weights=WHOLE.model), "no clean validation images were given", "clean_valid"),
        (RunSettings(architecture="deepid"), "expected a model, or an architecture with weights", "weights"),
        (RunSettings(model=WHOLE.model, architecture="deepid"), "both a model and an architecture", "architecture"),
        (RunSettings(model=WHOLE.model), "no clean validation images were given", "clean_valid"),
        (RunSettings(model=Path("gone.h5"), clean_valid=WHOLE.clean_valid), "gone.h5: no such file", "model"),
        (RunSettings(model=SAMPLE, clean_valid=WHOLE.clean_valid), "is a folder; expected a Keras model", "model"),
        (RunSettings(model=WHOLE.model, clean_valid=Path("gone.h5")), "gone.h5: no such file", "clean_valid"),
        (
            RunSettings(weights=WHOLE.model, architecture="gone.json", clean_valid=WHOLE.clean_valid),
            "gone.json: no such file",
            "architecture",
        ),
        (
            RunSettings(model=WHOLE.model, clean_valid=WHOLE.clean_valid, poisoned_test=Path("gone.h5")),
            "gone.h5: no such file",
            "poisoned_test",
        ),
    ],
)
async def test_what_is_missing_is_said_before_anything_is_opened(
    initial: RunSettings, sentence: str, line: str, size: tuple[int, int]
) -> None:
    app = Host(initial)
    async with app.run_test(size=size) as pilot:
        await pilot.press("f10")
        await until(pilot, lambda: app.message != "")
        await pilot.pause()
        assert sentence in app.message
        assert app.line(line).has_focus
        assert app.answer == NOT_YET


async def test_a_saved_model_is_listed_as_what_can_be_opened(tmp_path: Path) -> None:
    here = tmp_path / "here"
    for name in ("a_folder", "saved"):
        (here / name).mkdir(parents=True)
    (here / "saved" / "saved_model.pb").touch()
    listing = folder_listing.list_folder(here)
    assert listing is not None
    assert (listing.folders, listing.files) == ((here / "a_folder",), (here / "saved",))


async def test_weights_that_fit_deepid_bring_it_along(tmp_path: Path) -> None:
    with h5py.File(SAMPLE / "bd_net.h5") as whole, h5py.File(tmp_path / "a_weights.h5", "w") as alone:
        alone.attrs["layer_names"] = whole["model_weights"].attrs["layer_names"]
        for name in whole["model_weights"]:
            whole.copy(f"model_weights/{name}", alone)
    app = Host(RunSettings())
    async with app.run_test(size=(80, 24)) as pilot:
        app.screen.query_one(InputForm).take(look_at(tmp_path / "a_weights.h5"), None)
        await pilot.pause()
        assert app.line("weights").value.endswith("a_weights.h5")
        assert app.line("architecture").value == "deepid"
        said = app.screen.query_one(InputForm).take(look_at(SAMPLE / "bd_net.h5"), None)
        assert said.endswith("(weights and architecture emptied)")


async def test_weights_go_with_a_built_in_architecture() -> None:
    initial = RunSettings(weights=WHOLE.model, architecture="deepid", clean_valid=WHOLE.clean_valid)
    app = Host(initial)
    async with app.run_test() as pilot:
        await pilot.press("ctrl+o")
        await until(pilot, lambda: app.answer != NOT_YET)
    assert app.answer == initial


async def test_escape_opens_nothing(size: tuple[int, int]) -> None:
    for keys in (["escape"], ["tab", "x", "escape"], ["tab", "ctrl+c"]):
        app = Host(WHOLE)
        async with app.run_test(size=size) as pilot:
            await pilot.press(*keys)
            await until(pilot, lambda app=app: app.answer is None)  # type: ignore[misc]


async def test_what_is_not_in_the_form_is_kept(folder: Path) -> None:
    kept = {
        "ranking": "other",
        "thresholds": (5.0,),
        "until_last_threshold": True,
        "device": "cpu",
        "seed": 9,
        "order": (1, 0),
    }
    app = Host(RunSettings(**{**vars(WHOLE), **kept}))  # type: ignore[arg-type]
    async with app.run_test() as pilot:
        await pilot.press("f10")
        await until(pilot, lambda: app.answer != NOT_YET)
    assert app.answer == RunSettings(**{**vars(WHOLE), **kept})  # type: ignore[arg-type]


async def test_an_order_made_by_hand_goes_with_the_network_it_was_made_for(folder: Path) -> None:
    app = Host(RunSettings(**{**vars(WHOLE), "order": (1, 0)}))
    async with app.run_test() as pilot:
        await take(pilot, app, folder / "bd_net.h5")
        await pilot.press("f10")
        await until(pilot, lambda: app.answer != NOT_YET)
    assert isinstance(app.answer, RunSettings)
    assert app.answer.order is None


async def test_the_sample_is_one_key_away_and_takes_no_options_of_other_files(size: tuple[int, int]) -> None:
    app = Host(RunSettings(**{**vars(WHOLE), "layer": "elsewhere", "scale": "1", "seed": 3}))
    async with app.run_test(size=size) as pilot:
        app.load.query_one("#load-sample").focus()
        await pilot.press("enter")
        await until(pilot, lambda: app.answer != NOT_YET)
    assert app.answer == RunSettings(sample=True, seed=3)


async def test_the_sample_can_be_opened_again_with_another_layer() -> None:
    app = Host(RunSettings(sample=True))
    async with app.run_test() as pilot:
        app.form.focus_line("layer")
        await pilot.press(*"pool_2", "enter")
        await until(pilot, lambda: app.answer != NOT_YET)
    assert app.answer == RunSettings(sample=True, layer="pool_2")


async def test_files_of_ones_own_replace_the_sample(folder: Path) -> None:
    app = Host(RunSettings(sample=True))
    async with app.run_test() as pilot:
        await take(pilot, app, folder / "bd_net.h5")
        await pilot.press("f10")
        await until(pilot, lambda: "no clean validation images" in app.message)


async def test_help_is_at_hand_while_a_line_is_being_typed(size: tuple[int, int]) -> None:
    app = Host(RunSettings())
    async with app.run_test(size=size) as pilot:
        await pilot.press("tab", "x", "f1")
        assert isinstance(app.screen, HelpScreen)
        await pilot.press("escape")
        assert app.screen is app.load
        assert app.line("model").value == "x"


@pytest.mark.parametrize(
    ("path", "role"),
    [
        ("cl/valid.h5", CLEAN_VALID),
        ("cl/test.h5", CLEAN_TEST),
        ("bd/bd_valid.h5", POISONED_VALID),
        ("bd/valid.h5", POISONED_VALID),
        ("bd/test.h5", POISONED_TEST),
        ("clean_test_data.h5", CLEAN_TEST),
        ("sunglasses_poisoned_data.h5", POISONED_VALID),
        ("faces_sunglasses.h5", POISONED_VALID),
        ("triggered-test.h5", POISONED_TEST),
        ("backdoor_study/clean_valid.h5", CLEAN_VALID),
        ("bdtui/valid.h5", CLEAN_VALID),
        ("tests/valid.h5", CLEAN_VALID),
        ("abdomen.h5", CLEAN_VALID),
    ],
)
async def test_the_name_says_which_image_set_a_file_is(path: str, role: str) -> None:
    assert guess_role(Path("/home/backdoors/tests/faces") / path) == role


async def test_a_line_that_is_taken_sends_the_next_file_to_the_first_free_one(folder: Path) -> None:
    app = Host(RunSettings(clean_valid=Path("/elsewhere/valid.h5")))
    async with app.run_test() as pilot:
        await take(pilot, app, folder / "cl" / "valid.h5")
        assert app.message == "→ poisoned valid: valid.h5"
        assert app.line("clean_valid").value == "/elsewhere/valid.h5"


async def test_a_file_chosen_twice_stands_in_one_line(folder: Path) -> None:
    app = Host(RunSettings(clean_valid=folder / "cl" / "valid.h5"))
    async with app.run_test() as pilot:
        await take(pilot, app, folder / "cl" / "valid.h5")
        assert app.message == "→ clean valid: valid.h5"
        assert app.line("poisoned_valid").value == ""


async def test_where_all_lines_are_taken_the_one_of_that_name_is_replaced(folder: Path) -> None:
    elsewhere = {
        name: Path(f"/elsewhere/{name}.h5") for name in (CLEAN_VALID, POISONED_VALID, CLEAN_TEST, POISONED_TEST)
    }
    app = Host(RunSettings(**elsewhere))
    async with app.run_test() as pilot:
        await take(pilot, app, folder / "bd" / "bd_test.h5")
        assert app.line("poisoned_test").value == "bd/bd_test.h5"
        assert app.line("poisoned_valid").value == "/elsewhere/poisoned_valid.h5"


async def test_a_picture_is_a_trigger_and_takes_the_place_of_poisoned_images(folder: Path) -> None:
    Image.new("RGBA", (4, 3)).save(folder / "sticker.png")
    app = Host(replace(WHOLE, poisoned_valid=folder / "bd" / "bd_valid.h5"))
    async with app.run_test(size=(120, 40)) as pilot:
        await take(pilot, app, folder / "sticker.png")
        await until(pilot, lambda: app.line("trigger").value == "sticker.png")
        assert app.message == "→ trigger: sticker.png (poisoned valid emptied)"
        await until(pilot, lambda: "✚ sticker.png" in shown(app))
        app.line("target").fill("next")
        await pilot.press("f10")
        await until(pilot, lambda: app.answer != NOT_YET)
    assert app.answer == replace(WHOLE, trigger=folder / "sticker.png", target="next")


async def test_a_list_of_names_names_the_classes(folder: Path) -> None:
    (folder / "labels.txt").write_text("ant\nbee\n")
    (folder / "notes.txt").write_text("ant\nbee\n")
    app = Host(WHOLE)
    async with app.run_test(size=(120, 40)) as pilot:
        await take(pilot, app, folder / "labels.txt")
        await until(pilot, lambda: app.line("class_names").value == "labels.txt")
        assert app.message == "→ class names: labels.txt"
        assert "notes.txt" not in shown(app)


async def test_j_and_k_move_in_the_tree(folder: Path) -> None:
    app = Host(RunSettings())
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: len(app.tree.root.children) > 2)
        app.tree.focus()
        begun = app.tree.cursor_line
        await pilot.press("j", "j", "k")
        assert app.tree.cursor_line == begun + 1


async def test_the_line_one_comes_from_wins_once_if_the_file_fits_it(size: tuple[int, int], folder: Path) -> None:
    app = Host(RunSettings())
    async with app.run_test(size=size) as pilot:
        app.form.focus_line(POISONED_TEST)
        await pilot.press("f2")
        assert app.tree.has_focus
        await until(pilot, lambda: "→ Poisoned test" in shown(app))
        await take(pilot, app, folder / "cl" / "valid.h5")
        assert app.message == "→ poisoned test: valid.h5"
        await take(pilot, app, folder / "cl" / "test.h5")
        assert app.message == "→ clean test: test.h5"
        app.form.focus_line(POISONED_VALID)
        await pilot.press("f2")
        await take(pilot, app, folder / "bd_net.h5")
        assert app.message == "→ model: bd_net.h5"


async def test_f2_goes_back_to_the_line_one_came_from() -> None:
    app = Host(RunSettings())
    async with app.run_test() as pilot:
        app.form.focus_line(CLEAN_TEST)
        await pilot.press("f2", "f2")
        assert app.line(CLEAN_TEST).has_focus


async def test_a_new_model_takes_the_place_of_weights_and_architecture(folder: Path) -> None:
    app = Host(RunSettings(weights=Path("old.h5"), architecture="deepid"))
    async with app.run_test() as pilot:
        await take(pilot, app, folder / "bd_net.h5")
        assert app.message == "→ model: bd_net.h5 (weights and architecture emptied)"
        assert app.line("weights").value == app.line("architecture").value == ""


async def test_names_are_neither_markup_nor_commands_to_the_terminal(size: tuple[int, int], folder: Path) -> None:
    hostile = folder / "[red]\x1b[31m\u202e[bold].h5"
    shutil.copy(folder / "bd_net.h5", hostile)
    notice = "[bold]x\x1b]0;title\x07[/no]: no such file"
    app = Host(RunSettings(), [RunSettings(model=hostile, clean_valid=hostile)], notice)
    async with app.run_test(size=size) as pilot:
        await take(pilot, app, hostile)
        await pilot.pause()
        assert not {"\x1b", "\x07", "\u202e"} & set(shown(app))
        assert "[red]�[31m�[bold].h5" in app.line("model").value
        assert "[bold]x�]0;title�[/no]: no such file" in shown(app)
        app.line("clean_valid").fill(str(WHOLE.clean_valid))
        await pilot.press("f10")
        await until(pilot, lambda: app.answer != NOT_YET)
    assert isinstance(app.answer, RunSettings)
    assert app.answer.model == hostile


async def test_a_name_that_is_no_text_can_be_chosen(folder: Path) -> None:
    path = folder / "bad\udcff.h5"
    shutil.copy(folder / "bd_net.h5", path)
    app = Host(RunSettings(clean_valid=WHOLE.clean_valid))
    async with app.run_test() as pilot:
        await take(pilot, app, path)
        await pilot.press("f10")
        await until(pilot, lambda: app.answer != NOT_YET)
    assert isinstance(app.answer, RunSettings)
    assert app.answer.model == path


async def test_everything_can_be_reached_with_tab_and_is_seen_when_it_is(size: tuple[int, int]) -> None:
    app = Host(WHOLE, [WHOLE] * 10, "a notice that is so long that it takes more than a single line " * 2)
    async with app.run_test(size=size) as pilot:
        reached = []
        for _ in range(25):
            focused = app.screen.focused
            assert focused is not None
            await pilot.pause()
            visible = focused.region.intersection(app.screen.region)
            for above in focused.ancestors:
                if above is not app.screen and hasattr(above, "container_viewport"):
                    visible = visible.intersection(above.region)
            assert visible.height >= 1 and visible.width >= 8, focused
            reached.append(focused.id)
            await pilot.press("tab")
            if app.tree.has_focus:
                break
        assert reached == [
            "load-tree", "model", "weights", "architecture", "output", "clean_valid", "poisoned_valid", "clean_test",
            "poisoned_test", "trigger", "target", "trigger_at", "class_names", "layout", "preprocess", "mean", "std",
            "keys", "skip_broken", "layer", "load-open", "load-sample", "load-cancel", "load-recent",
        ]  # fmt: skip


@pytest.mark.parametrize("size", [(80, 18), (80, 24), (120, 40)])  # in the first one the form itself scrolls
async def test_arrows_go_through_the_lines_and_choose(size: tuple[int, int]) -> None:
    app = Host(WHOLE)
    async with app.run_test(size=size) as pilot:
        app.form.focus_line("class_names")
        await pilot.press("down", "right", "down", "left", "down")
        assert app.line("mean").has_focus
        assert [choice.value for choice in app.load.query(Choice)] == ["nchw", "caffe", "no"]
        await pilot.press("up", "up", "right", "right")
        assert [choice.value for choice in app.load.query(Choice)] == ["auto", "caffe", "no"]
        await pilot.press("up")
        assert app.line("class_names").has_focus


async def test_a_line_that_holds_no_numbers_is_refused_where_it_stands(size: tuple[int, int]) -> None:
    app = Host(replace(WHOLE, mean=(0.5, 1.0, 0.25)))
    async with app.run_test(size=size) as pilot:
        assert app.line("mean").value == "0.5,1,0.25"
        app.line("std").fill("wide")
        await pilot.press("f10")
        await until(pilot, lambda: "Std: 'wide' is no list of numbers above 0" in app.message)
        assert app.line("std").has_focus
        app.line("std").fill("2")
        await pilot.press("f10")
        await until(pilot, lambda: app.answer != NOT_YET)
    assert app.answer == replace(WHOLE, mean=(0.5, 1.0, 0.25), std=(2.0,))


async def test_the_end_of_a_long_path_is_in_sight(folder: Path) -> None:
    app = Host(RunSettings(model=Path("/a/very/long/way/to/the/folder/of/a/laboratory/in/which/lies") / "bd_net.h5"))
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "which/lies/bd_net.h5" in shown(app))
        app.line("weights").fill("/another/very/long/way/to/a/folder/that/holds/weights/bd_weights.h5")
        await until(pilot, lambda: "holds/weights/bd_weights.h5" in shown(app))


async def test_files_are_looked_into_by_a_daemon_and_never_by_the_loop(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lookers: list[threading.Thread] = []
    monkeypatch.setattr(file_tree, "look_at", lambda path: lookers.append(threading.current_thread()))
    monkeypatch.setattr(
        file_tree,
        "list_folder",
        lambda path, real=file_tree.list_folder: lookers.append(threading.current_thread()) or real(path),
    )
    app = Host(RunSettings())
    async with app.run_test() as pilot:
        await point_at(pilot, app, folder / "cl" / "valid.h5")
        await until(pilot, lambda: len(lookers) >= 5)
    assert threading.main_thread() not in lookers
    assert all(thread.daemon for thread in lookers)


async def test_a_disk_that_never_answers_stops_neither_the_keys_nor_the_way_out(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answered = threading.Event()
    monkeypatch.setattr(file_tree, "look_at", lambda path: answered.wait(60) and None)
    app = Host(RunSettings())
    async with app.run_test() as pilot:
        await point_at(pilot, app, folder / "bd_net.h5")
        await pilot.press("enter")
        await until(pilot, lambda: app.message == "reading bd_net.h5 …")
        await pilot.press("f2", "x")
        assert app.line("model").value == "x"
        await pilot.press("escape")
        await until(pilot, lambda: app.answer is None)
    answered.set()


async def test_a_file_chosen_before_it_was_looked_into_is_taken_when_it_has_been(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = threading.Event()
    monkeypatch.setattr(
        file_tree, "look_at", lambda path, real=file_tree.look_at: real(path) if answer.wait(60) else None
    )
    app = Host(RunSettings())
    async with app.run_test() as pilot:
        await point_at(pilot, app, folder / "bd_net.h5")
        await pilot.press("enter")
        await until(pilot, lambda: app.message == "reading bd_net.h5 …")
        answer.set()
        await until(pilot, lambda: app.line("model").value == "bd_net.h5")


async def test_a_folder_of_thousands_is_cut_short(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folder_listing, "_MOST_SHOWN", 3)
    for number in range(5):
        (folder / f"a{number}.h5").touch()
    app = Host(RunSettings())
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "… 3 more: type their path" in shown(app))
        assert len(app.tree.root.children) == 6


async def test_importing_the_screen_loads_nothing_heavy() -> None:
    program = """
import sys, bdtui.tui.opening.screen
print(*sys.modules.keys() & {"h5py", "numpy", "tensorflow", "keras", "matplotlib", "bdtui.tui.batch.run"})
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def begin(folder: Path, steps: int) -> Path:
    """A run that was cut off after some steps."""
    with suppress(RuntimeError), open_run_folder(folder, WHOLE, {"model": "ab"}) as journal:
        for step in range(steps + 1):
            rates = Rates(clean=Share(1, 2))
            journal.measured("pool_3", 60)[Measurement(PRUNED, "valid", PrunedChannels.of(range(step)))] = rates
        raise RuntimeError("the connection is lost")
    return folder


async def test_a_run_that_was_cut_off_is_offered_and_gone_on_with(size: tuple[int, int], folder: Path) -> None:
    runs = folder / "bdtui-runs"
    cut_off = begin(runs / "bd_net-1", 17)
    (begin(runs / "whole", 3) / RESULTS).write_text("{}")
    begin(runs / "not one step", 0)
    (runs / "broken" / ".bdtui").mkdir(parents=True)
    (runs / "broken" / ".bdtui" / "journal.sqlite").write_text("no journal")
    with open_run_folder(begin(runs / "held", 5), WHOLE, {}, may_hold_run=True):
        app = Host(RunSettings(), [WHOLE])
        async with app.run_test(size=size) as pilot:
            choices = app.load.query_one("#load-recent", OptionList)
            await until(pilot, lambda: choices.option_count == 2)
            assert str(choices.get_option_at_index(0).prompt).startswith("↻ Resume: 17 of 60 steps measured ")
            await until(pilot, lambda: "17 of 60 steps" in shown(app))
            choices.focus()
            await pilot.press("down", "enter")
            assert app.answer == NOT_YET, "what was opened lately fills the form, as before"
            assert app.line("model").value
            choices.focus()
            await pilot.press("up", "enter")
            await until(pilot, lambda: app.answer != NOT_YET)
    assert isinstance(app.answer, UnfinishedRun)
    assert (app.answer.folder, app.answer.settings, app.answer.sha256) == (cut_off, WHOLE, {"model": "ab"})


async def test_of_many_unfinished_runs_the_last_are_offered(folder: Path) -> None:
    for number in range(5):
        journal = begin(folder / "bdtui-runs" / f"run-{number}", 1) / ".bdtui" / "journal.sqlite"
        os.utime(journal, (1_800_000_000 + number,) * 2)
    assert [run.folder.name for run in unfinished_runs(folder)] == ["run-4", "run-3", "run-2"]


def write_pictures(folder: Path) -> Path:
    from PIL import Image

    for name in ("cat", "dog"):
        (folder / name).mkdir(parents=True)
        Image.new("RGB", (4, 4)).save(folder / name / "1.png")
    return folder


async def test_a_folder_of_pictures_is_taken_by_enter_and_unfolded_by_right(
    size: tuple[int, int], folder: Path
) -> None:
    pictures = write_pictures(folder / "photos" / "valid")
    app = Host(RunSettings(model=folder / "bd_net.h5"))
    async with app.run_test(size=size) as pilot:
        await take(pilot, app, pictures)
        assert app.message == "→ clean valid: valid"
        assert app.form.settings(RunSettings()).clean_valid == pictures
        node = app.tree.cursor_node
        assert node is not None and not node.is_expanded
        await until(pilot, lambda: "valid/: pictures · 2 classes" in shown(app))
        await pilot.press("right")
        await until(pilot, lambda: node.is_expanded and len(node.children) == 2)
        await pilot.press("f10")
        await until(pilot, lambda: app.answer != NOT_YET)
    assert isinstance(app.answer, RunSettings)
    assert app.answer.clean_valid == pictures


async def test_a_folder_that_holds_no_pictures_is_unfolded_by_enter(folder: Path) -> None:
    write_pictures(folder / "photos" / "valid")
    app = Host(RunSettings())
    async with app.run_test() as pilot:
        node = await point_at(pilot, app, folder / "photos")
        await until(pilot, lambda: node.data is not None and node.data.previewed)
        await until(pilot, lambda: app.tree.has_focus and app.tree.cursor_node is node)
        await pilot.press("enter")
        await until(pilot, lambda: node.is_expanded)
        assert app.line("clean_valid").value == ""


async def test_every_line_and_button_has_a_tooltip() -> None:
    app = Host(RunSettings())
    async with app.run_test(size=(120, 40)):
        controls = [*app.load.query(PathInput), *app.load.query(Choice), *app.load.query(Button)]
        assert len(controls) > 12
        assert all(control.tooltip for control in controls)


async def test_a_sentence_names_the_lines_of_the_form(size: tuple[int, int]) -> None:
    app = Host(RunSettings(), [])
    async with app.run_test(size=size) as pilot:
        await until(pilot, lambda: app.screen is app.load)
        app.load.show_message("--target 'x' is no class; expected a class, or another --clean-valid; --device stays")
        assert app.message == "Target 'x' is no class; expected a class, or another Clean valid; --device stays"
