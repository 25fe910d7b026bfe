"""Errors say what is left of the work, in attributes and in their sentence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from bdtui.engine.errors import BdtuiError, DeviceLost, Interrupted, Kept, ModelError, OutputError
from bdtui.engine.events import DataOpened, Event, ThresholdReached
from bdtui.engine.inputs import opening
from bdtui.engine.network.score_runner import ScoreRunner
from bdtui.engine.reporter import Reporter
from bdtui.engine.runs.run import execute_run
from bdtui.engine.settings import RunSettings
from tests.networks import CASES, build, random_images, write_images

R3 = Path("r3")


@pytest.mark.parametrize(
    ("problem", "sentence"),
    [
        (Interrupted(), "interrupted"),
        (Interrupted(kept=Kept()), "interrupted before anything was written; no files were left"),
        (Interrupted(kept=Kept(R3)), "interrupted; r3 is unchanged; resume with bdtui --batch --resume --out r3"),
        (
            Interrupted(kept=Kept(R3, 0)),
            "interrupted after no finished steps; saved in r3: the journal; finish with bdtui --batch --resume --out r3",
        ),
        (
            DeviceLost("the GPU stopped responding", Kept(R3, 2, ("recipe.toml", "curve.csv"))),
            "the GPU stopped responding after 2 finished steps; saved in r3: recipe.toml, curve.csv; "
            "finish with bdtui --batch --resume --out r3",
        ),
        (
            OutputError("a.h5: cannot be written", Kept(R3, 2, ("recipe.toml",))),
            "a.h5: cannot be written; after 2 finished steps; saved in r3: recipe.toml; finish with bdtui --batch --resume --out r3",
        ),
        (OutputError("a.h5: cannot be written"), "a.h5: cannot be written"),
    ],
)
def test_an_error_says_what_is_left_and_how_to_resume(problem: BdtuiError, sentence: str) -> None:
    assert str(problem) == sentence
    assert (problem.kept is not None and problem.kept.folder is not None) == ("--resume" in sentence)


@pytest.fixture
def settings(tmp_path: Path) -> RunSettings:
    model, images = build(CASES["sequential"]), random_images(CASES["sequential"], 20)
    model.save(tmp_path / "model.h5")
    write_images(tmp_path / "clean.h5", images, np.asarray(model(images)).argmax(axis=1))
    return RunSettings(model=tmp_path / "model.h5", clean_valid=tmp_path / "clean.h5")


def interrupted(settings: RunSettings, out: Path, at: type[Event], *, resume: bool = False) -> Kept:
    """What a run keeps that is stopped at the first event of a kind."""
    seen: list[Event] = []
    reporter = Reporter(seen.append, lambda: any(isinstance(event, at) for event in seen))
    with pytest.raises(Interrupted) as stop:
        execute_run(settings, out, reporter=reporter, resume=resume)
    assert stop.value.kept is not None
    return stop.value.kept


def test_an_interrupted_run_names_what_it_keeps(tmp_path: Path, settings: RunSettings) -> None:
    out = tmp_path / "out"
    assert interrupted(settings, out, DataOpened) == Kept()
    assert not out.exists()
    kept = interrupted(settings, out, ThresholdReached)
    assert kept.folder == out
    assert set(kept.files) == {path.name for path in out.iterdir() if path.is_file()} > {"recipe.toml", "curve.csv"}
    assert kept.steps is not None
    assert len((out / "curve.csv").read_text().splitlines()) == kept.steps + 2
    assert interrupted(settings, out, DataOpened, resume=True) == Kept(out)


def test_a_network_that_cannot_run_is_an_error_of_the_model_not_of_the_images(
    settings: RunSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*rest: Any) -> None:
        raise tf.errors.UnimplementedError(None, None, "not on this device")

    monkeypatch.setattr(ScoreRunner, "scores", refuse)
    with pytest.raises(ModelError, match=r"model\.h5: TensorFlow cannot run the model \(not on this device\)"):
        opening.open_inputs(settings, Reporter())


def test_a_changed_model_file_is_an_error_of_the_model(settings: RunSettings) -> None:
    with pytest.raises(ModelError, match=r"model\.h5: has changed since the recipe was written"):
        opening.open_inputs(settings, Reporter(), {"model": "ab"})
