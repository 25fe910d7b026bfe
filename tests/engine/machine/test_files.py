"""What is written: never half, never over another run, and the same bytes for the same content."""

from __future__ import annotations

import os
import stat
import time
import tomllib
from pathlib import Path

import numpy as np
import pytest

from bdtui.engine.errors import OptionError, OutputError
from bdtui.engine.inputs.recipe import read_recipe, write_recipe_text
from bdtui.engine.machine.array_store import ArrayStore, default_budget, let_go
from bdtui.engine.machine.atomic_files import atomic_file, write_text
from bdtui.engine.reports.saved_models import write_model
from bdtui.engine.runs.folder import default_folder, output_folder
from bdtui.engine.settings import RunSettings
from tests.networks import CASES, build


def test_a_failure_while_writing_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "report.md"
    write_text(path, "whole")
    with pytest.raises(RuntimeError), atomic_file(path) as partial:
        partial.write_text("ha")
        raise RuntimeError
    assert path.read_text() == "whole"
    assert [entry.name for entry in tmp_path.iterdir()] == ["report.md"]


def test_a_full_disk_is_a_clear_error(tmp_path: Path) -> None:
    told = r"report\.md: cannot be written \(No space left on device\)"
    with pytest.raises(OutputError, match=told), atomic_file(tmp_path / "report.md"):
        raise OSError(28, os.strerror(28))


def test_files_follow_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        write_text(tmp_path / "a", "text")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o640


def test_the_same_model_gives_the_same_bytes_at_any_time(tmp_path: Path) -> None:
    model = build(CASES["sequential"])
    suffixes = ("h5", "keras")
    for suffix in suffixes:
        write_model(tmp_path / f"a.{suffix}", model)
    # A ZIP archive counts time in steps of two seconds.
    written = time.time()
    while time.time() // 2 == written // 2:
        time.sleep(0.01)
    for suffix in suffixes:
        write_model(tmp_path / f"b.{suffix}", model)
        assert (tmp_path / f"a.{suffix}").read_bytes() == (tmp_path / f"b.{suffix}").read_bytes()


def test_a_new_folder_is_removed_if_the_run_wrote_nothing(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), output_folder(tmp_path / "a" / "b"):
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_holds_a_run_is_refused(tmp_path: Path) -> None:
    (tmp_path / "model_X=7.h5").touch()
    with pytest.raises(OutputError, match="already contains a run"), output_folder(tmp_path):
        pass


def test_a_folder_with_other_files_is_fine(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()
    with output_folder(tmp_path) as folder:
        write_text(folder / "report.md", "text")
    assert (tmp_path / "notes.txt").exists()


def test_two_default_folders_of_one_second_differ(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    now = time.localtime()
    first = default_folder(Path("a model; $x.h5"), now)
    first.mkdir(parents=True)
    assert first.parent == Path("bdtui-runs")
    assert first.name.startswith("a_model___x-")
    assert default_folder(Path("a model; $x.h5"), now) != first


def test_a_recipe_reads_back_as_written(tmp_path: Path) -> None:
    settings = RunSettings(
        model=tmp_path / "m.h5",
        clean_valid=tmp_path / "v.h5",
        thresholds=(2.0, 2.5),
        layer='block/conv "1"',
        until_last_threshold=True,
        scale="255",
        seed=4,
    )
    path = tmp_path / "recipe.toml"
    path.write_text(write_recipe_text(settings, {"clean_valid": "ab"}))
    recipe = read_recipe(path)
    assert RunSettings(**recipe.settings) == settings
    assert recipe.sha256 == {"clean_valid": "ab"}


def test_recipe_paths_are_relative_to_its_folder(tmp_path: Path) -> None:
    (tmp_path / "recipe.toml").write_text('model = "m.h5"\nclean_valid = "/data/v.h5"\nscale = 255\nout = "run"')
    recipe = read_recipe(tmp_path / "recipe.toml")
    assert recipe.settings == {"model": tmp_path / "m.h5", "clean_valid": Path("/data/v.h5"), "scale": "255"}
    assert recipe.out == tmp_path / "run"


@pytest.mark.parametrize(
    ("text", "finding"),
    [
        ("modle = 'm.h5'", "'modle' is not an option"),
        ("thresholds = 'all'", "expected a list of numbers"),
        ("thresholds = [true]", "expected a list of numbers"),
        ("sample = 1", "expected true or false"),
        ("seed = 1.5", "expected a whole number"),
        ("layer = 3", "expected a text"),
        ("sha256 = 'x'", "not a table"),
        ("= 3", "not valid TOML"),
    ],
)
def test_a_recipe_that_makes_no_sense_is_refused(tmp_path: Path, text: str, finding: str) -> None:
    (tmp_path / "recipe.toml").write_text(text)
    with pytest.raises(OptionError, match=finding):
        read_recipe(tmp_path / "recipe.toml")


def test_recipes_are_toml_that_others_can_read() -> None:
    text = write_recipe_text(RunSettings(sample=True), {})
    assert tomllib.loads(text)["sample"] is True


def test_activations_past_the_budget_spill_to_an_unnamed_file(tmp_path: Path) -> None:
    store = ArrayStore(budget=4 * 100, folder=tmp_path)
    first, *others = np.arange(100, dtype=np.float32), np.full((50, 2), 3, np.float32), np.eye(30, dtype=np.float32)
    inside, *outside = (store.keep(array) for array in (first, *others))
    assert inside is first
    for kept, array in zip(outside, others, strict=True):
        assert type(kept).__name__ == "memmap"
        assert kept.shape == array.shape
        let_go(kept)
        assert np.array_equal(kept, array)
    assert outside[0].base is not None and outside[0]._mmap is outside[1]._mmap, "small arrays share a file"
    let_go(inside)
    assert list(tmp_path.iterdir()) == []


def test_no_disk_space_for_activations_is_a_clear_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(OutputError, match=r"67,108,864 bytes of activations cannot be kept there"):
        ArrayStore(budget=0, folder=tmp_path).keep(np.zeros(100, np.float32))


def test_the_default_budget_is_a_part_of_memory() -> None:
    assert 2**20 < default_budget() < 2**50
