"""A sweep's plan: what it comes to, how its cells are called, and what it refuses."""

from __future__ import annotations

from pathlib import Path

import pytest

from bdtui.engine.errors import InputError
from bdtui.engine.sweeps.plan import SweepPlan, read_plan


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("zoo/a.h5", "zoo/b.keras", "other/a.h5", "cl/valid.h5", "cl/more.h5"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    return tmp_path


def plan_of(folder: Path, text: str, **flags: object) -> SweepPlan:
    (folder / "zoo.toml").write_text(text)
    return read_plan(folder / "zoo.toml", flags)


ZOO = '[[models]]\nglob = "zoo/*"\nclean_valid = "cl/valid.h5"\n'


def test_without_cells_every_model_is_one_run(folder: Path) -> None:
    plan = plan_of(folder, ZOO)
    assert [cell.model for cell in plan.cells] == ["zoo/a.h5", "zoo/b.keras"]
    assert plan.cells[0].settings.model == folder / "zoo/a.h5"
    assert plan.cells[0].settings.clean_valid == folder / "cl/valid.h5"


def test_every_combination_is_a_run_but_for_those_excluded(folder: Path) -> None:
    text = ZOO + '[cells]\nlayer = ["auto", "pool_2"]\nseed = [0, 1]\n[[exclude]]\nlayer = "pool_2"\nseed = 1\n'
    plan = plan_of(folder, text)
    assert plan.varied == ("layer", "seed")
    assert plan.excluded == 2
    of_one = [(cell.settings.layer, cell.settings.seed) for cell in plan.cells if cell.model == "zoo/a.h5"]
    assert of_one == [(None, 0), (None, 1), ("pool_2", 0)]


def test_models_can_be_excluded_by_pattern(folder: Path) -> None:
    assert [cell.model for cell in plan_of(folder, ZOO + '[[exclude]]\nmodel = "*.keras"').cells] == ["zoo/a.h5"]


def test_each_block_has_data_of_its_own(folder: Path) -> None:
    plan = plan_of(folder, ZOO + '[[models]]\npath = ["other/a.h5"]\nclean-valid = "cl/more.h5"\n')
    assert [cell.settings.clean_valid for cell in plan.cells][-1] == folder / "cl/more.h5"


def test_flags_hold_for_every_cell_and_win(folder: Path) -> None:
    plan = plan_of(folder, ZOO + "seed = 1\n", seed=5, fail_if=("backdoored",))
    assert {(cell.settings.seed, cell.settings.fail_if) for cell in plan.cells} == {(5, ("backdoored",))}


def test_names_are_file_names_that_tell_cells_apart(folder: Path) -> None:
    text = ZOO + '[[models]]\nglob = "other/*"\nclean_valid = "cl/valid.h5"\n[cells]\ndetect = ["none", "auto"]\n'
    names = [cell.name for cell in plan_of(folder, text).cells]
    assert len(set(names)) == 6
    assert all(name.replace("-", "").replace("=", "").isalnum() for name in names)
    assert names[0].startswith("zoo-a-detect=none-")


def test_a_name_stays_whatever_is_beside_it_and_wherever_the_plan_lies(folder: Path, tmp_path_factory) -> None:  # type: ignore[no-untyped-def]
    before = plan_of(folder, ZOO).cells[0].name
    (folder / "zoo/0.h5").touch()
    assert before in [cell.name for cell in plan_of(folder, ZOO).cells]
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "moved"
    folder.rename(elsewhere)
    assert before in [cell.name for cell in plan_of(elsewhere, ZOO).cells]


def test_hostile_names_of_models_stay_out_of_names_of_cells(folder: Path) -> None:
    (folder / "zoo" / "..\n$(x)<b>.h5").touch()
    names = [cell.name for cell in plan_of(folder, ZOO).cells]
    assert all(set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789-x") for name in names)


def test_a_model_that_is_not_there_is_left_to_its_run(folder: Path) -> None:
    plan = plan_of(folder, '[[models]]\npath = "gone.h5"\nclean_valid = "cl/valid.h5"\n')
    assert [cell.model for cell in plan.cells] == ["gone.h5"]


def test_a_block_can_name_its_model_and_the_sample_is_a_model(folder: Path) -> None:
    plan = plan_of(
        folder, '[[models]]\npath = "zoo/a.h5"\nname = "first"\nclean_valid = "cl/valid.h5"\n[[models]]\nsample = true'
    )
    assert [cell.model for cell in plan.cells] == ["first", "bd_net.h5"]
    assert plan.cells[0].name.startswith("first-")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "names no models"),
        ("modls = 1", "'modls' is not a part of a plan"),
        ("models = 1", "not a list of tables"),
        ("[[models]]\nseed = 1", "neither glob and path"),
        ('[[models]]\nglob = "zoo/*"\npath = "x"', "both glob and path"),
        ('[[models]]\nglob = "nothing/*"', "no file is called"),
        ('[[models]]\nglob = "zoo/*"', "no clean validation images"),
        ('[[models]]\nglob = "zoo/*"\nsede = 1', "'sede' is not an option"),
        ('[[models]]\nglob = "zoo/*"\nmodel = "x"', "has 'model'"),
        (ZOO + "seed = true", "'seed' is True; expected a whole number"),
        (ZOO + "[cells]\nseed = 1", "expected a list of values"),
        (ZOO + "[cells]\nseed = []", "expected a list of values"),
        (ZOO + "[cells]\nseed = [1, 1]", "has 1 twice"),
        (ZOO + "seed = 1\n[cells]\nseed = [1, 2]", "stands in [cells] and in the block"),
        (ZOO + '[cells]\nranking = ["best"]', "best"),
        (ZOO + '[cells]\nscreen = ["x"]', "which no sweep can"),
        (ZOO + '[cells]\ndevice = ["cpu"]', "which no sweep can"),
        (ZOO + "[[exclude]]\n", "is empty"),
        (ZOO + '[[exclude]]\nmodel = "*"', "every run is excluded"),
        (ZOO + ZOO, "the same run of zoo/a.h5 twice"),
        (ZOO + "max_asr = 5", "--max-asr has no poisoned images"),
        ('[[models]]\nglob = "zoo/*"\nclean_valid = "gone.h5"', "gone.h5: no such file"),
        ('[[models]]\nglob = "zoo/*"\nname = "x"\nclean_valid = "cl/valid.h5"', "in a block with one model"),
        ('[[models]]\npath = ["zoo/a.h5", 1]', "expected a path or a list of paths"),
        ("[[models", "not valid TOML"),
        ("a." * 2000 + "a = 1", "nests keys"),
    ],
)
def test_what_is_wrong_is_said_in_one_sentence(folder: Path, text: str, sentence: str) -> None:
    with pytest.raises(InputError) as refused:
        plan_of(folder, text)
    assert sentence in str(refused.value)
    assert "zoo.toml" in str(refused.value)
    assert "\n" not in str(refused.value)


def test_what_the_plan_varies_is_not_given_again(folder: Path) -> None:
    with pytest.raises(InputError, match="--seed was given as well"):
        plan_of(folder, ZOO + "[cells]\nseed = [1, 2]", seed=3)


def test_too_many_runs_are_refused(folder: Path) -> None:
    many = ", ".join(map(str, range(400)))
    with pytest.raises(InputError, match="more than 100,000 runs"):
        plan_of(folder, ZOO + f"[cells]\nseed = [{many}]\nactivation_memory = [{many}]")
