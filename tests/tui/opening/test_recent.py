"""What was opened lately is remembered, and a list that cannot be read or written stops nobody."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bdtui.engine.settings import RunSettings
from bdtui.tui.opening.recent import MOST_REMEMBERED, recent, remember


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file in which the list is kept."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path / "state" / "bdtui" / "recent.json"


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "model.h5"
    path.touch()
    return path


def test_nothing_is_remembered_at_first() -> None:
    assert recent() == []


def test_all_that_says_what_to_open_is_remembered_and_nothing_else(model: Path, tmp_path: Path) -> None:
    files = {
        "model": model,
        "weights": model,
        "clean_valid": tmp_path / "a.h5",
        "poisoned_valid": tmp_path / "b.h5",
        "clean_test": tmp_path / "c.h5",
        "poisoned_test": tmp_path / "d.h5",
        "layout": "nchw",
        "scale": "255",
        "layer": "pool_3",
    }
    remember(RunSettings(**files, seed=7, thresholds=(5.0,), ranking="other", device="cpu"))
    assert recent() == [RunSettings(**files)]


def test_the_last_one_comes_first_and_ten_are_kept(tmp_path: Path) -> None:
    models = [tmp_path / f"{number}.h5" for number in range(MOST_REMEMBERED + 2)]
    for path in models:
        path.touch()
        remember(RunSettings(model=path))
    assert [settings.model for settings in recent()] == models[:1:-1]
    assert MOST_REMEMBERED == 10


def test_the_same_files_stand_there_once_as_they_were_opened_last(model: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.h5"
    other.touch()
    for settings in (RunSettings(model=model), RunSettings(model=other), RunSettings(model=model, layer="pool_2")):
        remember(settings)
    assert recent() == [RunSettings(model=model, layer="pool_2"), RunSettings(model=other)]


def test_paths_hold_in_whatever_folder_bdtui_is_started_next(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net.json").touch()
    remember(RunSettings(weights=Path("model.h5"), architecture="net.json", clean_valid=Path("sets/../valid.h5")))
    monkeypatch.chdir("/")
    assert recent() == [
        RunSettings(weights=model, architecture=str(tmp_path / "net.json"), clean_valid=tmp_path / "valid.h5")
    ]


def test_a_built_in_architecture_is_no_path(model: Path) -> None:
    remember(RunSettings(weights=model, architecture="deepid"))
    assert recent() == [RunSettings(weights=model, architecture="deepid")]


def test_a_saved_model_is_a_model_and_another_folder_is_none(tmp_path: Path) -> None:
    remember(RunSettings(model=tmp_path))
    assert recent() == []
    (tmp_path / "saved_model.pb").touch()
    assert recent() == [RunSettings(model=tmp_path)]


def test_what_is_gone_is_left_out_until_it_comes_back(model: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.h5"
    other.touch()
    remember(RunSettings(model=model))
    model.unlink()
    remember(RunSettings(model=other))
    assert recent() == [RunSettings(model=other)]
    model.touch()
    assert recent() == [RunSettings(model=other), RunSettings(model=model)]


def test_the_sample_needs_no_remembering(state: Path) -> None:
    remember(RunSettings(sample=True))
    assert not state.exists()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xfe",
        b"{",
        b"[" * 100_000,
        b"[]",
        b'{"opened": 3}',
        b'{"opened": [3, null, {"model": 4}, {"model": "a\\u0000b"}, {"model": "relative.h5"}, {"other": "/x"}, {}]}',
        b'{"opened": [{"model": "/' + b"x" * 100_000 + b'"}]}',
    ],
)
def test_a_damaged_list_is_an_empty_one_and_is_replaced(state: Path, model: Path, content: bytes) -> None:
    state.parent.mkdir(parents=True)
    state.write_bytes(content)
    assert recent() == []
    remember(RunSettings(model=model))
    assert recent() == [RunSettings(model=model)]


def test_a_path_that_depends_on_the_folder_is_not_believed(
    state: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(model.parent)
    state.parent.mkdir(parents=True)
    state.write_text(json.dumps({"opened": [{"model": model.name}]}))
    assert recent() == []


def test_a_folder_in_the_place_of_the_list_stops_nobody(state: Path, model: Path) -> None:
    state.mkdir(parents=True)
    remember(RunSettings(model=model))
    assert recent() == []
    assert [path.name for path in state.parent.iterdir()] == [state.name]


def test_a_state_folder_that_cannot_be_made_stops_nobody(state: Path, model: Path) -> None:
    state.parent.parent.write_text("a file where the folder should be")
    remember(RunSettings(model=model))
    assert recent() == []


def test_the_list_is_replaced_whole(state: Path, model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    remember(RunSettings(model=model))
    before = state.read_bytes()

    def full(content: object, file: object, **_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(json, "dump", full)
    remember(RunSettings(model=model, layer="pool_2"))
    assert state.read_bytes() == before
    assert [path.name for path in state.parent.iterdir()] == [state.name]


def test_a_name_that_is_no_text_comes_back_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "bad\udcff\x1b[31m.h5"
    path.touch()
    remember(RunSettings(model=path))
    assert recent() == [RunSettings(model=path)]
