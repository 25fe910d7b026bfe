"""Examinations and repairs in a session: kept when it is killed, part of the verdict and of every export."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bdtui.engine.errors import Interrupted, OptionError
from bdtui.engine.events import (
    ClassesRanked,
    DetectionFinished,
    DetectorFinished,
    ImagesScreened,
    PositionReached,
    RepairAttacked,
    RepairFinished,
    RepairMeasured,
    RepairsOffered,
    TriggerShown,
    VerdictReached,
)
from bdtui.engine.inputs.datasets import open_dataset
from bdtui.engine.pruning.moves import Prune
from bdtui.engine.reporter import Reporter
from bdtui.engine.reports.results import read_record
from bdtui.engine.runs.run import execute_run
from bdtui.engine.runs.screening import screen_images
from bdtui.engine.session.repairing import _some_attacked
from bdtui.engine.session.requests import (
    Detect,
    Export,
    KeepScreened,
    OfferRepairs,
    RepairNetwork,
    ScreenImages,
    UseTrigger,
)
from bdtui.engine.settings import RunSettings
from tests.engine.repair.small_badnet import TARGET, bars, small_badnet, triggered
from tests.engine.session.test_moves_journal import Person, killed

pytestmark = pytest.mark.slow
METHODS = ("last-layer", "scan")


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> RunSettings:
    """A small BadNet with clean images, and a few poisoned ones."""
    folder = tmp_path_factory.mktemp("inputs")
    small_badnet().model.save(folder / "net.keras")
    clean = bars(120, 21)
    others = clean.labels != TARGET
    np.savez(folder / "clean.npz", x_test=clean.pixels, y_test=clean.labels)
    poisoned = triggered(clean.pixels[others])
    np.savez(folder / "poisoned.npz", x_test=poisoned, y_test=np.full(len(poisoned), TARGET))
    return RunSettings(
        model=folder / "net.keras",
        clean_valid=folder / "clean.npz",
        poisoned_valid=folder / "poisoned.npz",
        preprocess="raw",
        thresholds=(50.0,),
        until_last_threshold=True,
    )


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def work(person: Person, stop: Any = lambda: False) -> None:
    """Do the jobs, as the engine's thread does."""
    while (job := person.session.jobs.next) is not None:
        job.run(Reporter(person.events.append, stop))
        person.session.jobs.end()


def verdict(person: Person) -> list[str]:
    found = person.last(VerdictReached)
    assert isinstance(found, VerdictReached)
    return list(found.verdict.sentences)


def test_an_examination_is_shown_kept_and_not_done_again(settings: RunSettings, tmp_path: Path) -> None:
    out = tmp_path / "out"
    person = Person(settings, out)
    person.do(Detect(METHODS))
    work(person)
    ranked = person.last(ClassesRanked)
    assert isinstance(ranked, ClassesRanked)
    assert (ranked.done, ranked.planned) == (METHODS, METHODS)
    assert len(ranked.scores) == 4
    assert isinstance(person.last(DetectionFinished), DetectionFinished)
    sentences = verdict(person)

    again = Person(settings, killed(out), go_on=True)
    assert again.last(ClassesRanked) == ranked
    assert verdict(again) == sentences
    again.do(Detect(METHODS))
    work(again)
    assert not [event for event in again.events if isinstance(event, DetectorFinished)], "nothing is looked at twice"


def test_an_examination_that_is_stopped_concludes_and_goes_on(settings: RunSettings, tmp_path: Path) -> None:
    person = Person(settings, tmp_path / "out")
    person.do(Detect(METHODS))
    job = person.session.jobs.next
    assert job is not None
    with pytest.raises(Interrupted):
        work(person, lambda: any(isinstance(event, DetectorFinished) for event in person.events))
    assert job.conclude() == "detection stopped; 1 of 2 methods have run"
    assert isinstance(person.last(DetectionFinished), DetectionFinished)
    person.session.jobs.drop()
    person.do(Detect(METHODS))
    work(person)
    assert [event.method for event in person.events if isinstance(event, DetectorFinished)] == list(METHODS)


def test_a_repair_is_measured_kept_and_exported_as_in_batch(settings: RunSettings, tmp_path: Path) -> None:
    out = tmp_path / "out"
    person = Person(settings, out)
    person.do(OfferRepairs())
    offered = person.last(RepairsOffered)
    assert isinstance(offered, RepairsOffered)
    assert {"auto", "clp", "scratch"} <= {each.name for each in offered.offered}
    assert all(each.seconds >= 0 for each in offered.offered)
    person.do(RepairNetwork("clp"))
    work(person)
    repaired = person.last(RepairFinished)
    assert isinstance(repaired, RepairFinished)
    assert repaired.asked == "clp"
    assert any(sentence.startswith("Repaired by clp") for sentence in verdict(person))

    resumed = Person(settings, killed(out), go_on=True)
    shown = resumed.last(RepairFinished)
    assert isinstance(shown, RepairFinished)
    assert (shown.asked, shown.valid.clean, shown.valid.attack, shown.goodnet_valid, shown.sentences) == (
        repaired.asked,
        repaired.valid.clean,
        repaired.valid.attack,
        repaired.goodnet_valid,
        repaired.sentences,
    )
    resumed.do(RepairNetwork("clp"))
    work(resumed)
    assert sum(isinstance(event, RepairFinished) for event in resumed.events) == 1, "it is not done again"

    person.do(Prune(1), Export(tmp_path / "elsewhere"), Export())
    batch = execute_run(RunSettings(**{**vars(settings), "repair": ("clp",)}), tmp_path / "batch", reporter=Reporter())
    for folder in (tmp_path / "elsewhere", out):
        assert (folder / "repaired_clp.keras").read_bytes() == (batch.out / "repaired_clp.keras").read_bytes()
        (ours,), (theirs,) = read_record(folder / "results.json").repairs, batch.record.repairs
        assert ours.as_json()["goodnet_valid"] == theirs.as_json()["goodnet_valid"]
        assert (ours.as_json()["valid"], ours.model) == (theirs.as_json()["valid"], theirs.model)


def test_repairs_of_a_session_that_was_exported_go_along_with_the_next(settings: RunSettings, tmp_path: Path) -> None:
    person = Person(settings, tmp_path / "out")
    person.do(RepairNetwork("clp"))
    work(person)
    person.do(Prune(1), Export())
    second = person.planned
    assert second != tmp_path / "out"
    person.do(RepairNetwork("scratch"))
    work(person)
    person.do(Export())
    repairs = read_record(second / "results.json").repairs
    assert {repair.method for repair in repairs} == {"clp", "scratch"}
    assert all((second / str(repair.model)).is_file() for repair in repairs)
    judged = {repair.method: repair.chosen_by.reference_transfer for repair in repairs}
    assert judged["clp"] is not None, "judged anew once there is a network to compare it with"


def test_the_attack_on_a_network_in_training_is_counted_on_images_of_other_classes(
    settings: RunSettings,
) -> None:
    images = open_dataset(Path(str(settings.poisoned_valid)), (12, 12, 1), 4)
    true = np.arange(images.images) % 4
    pixels, labels = _some_attacked(replace(images, true_labels=true))
    assert 0 < len(pixels) == len(labels) <= np.count_nonzero(true != TARGET)
    assert set(labels) == {TARGET}
    assert not len(_some_attacked(replace(images, true_labels=images.labels))[0]), "of the target class all"


def test_a_repair_that_is_stopped_goes_on_from_where_it_was(settings: RunSettings, tmp_path: Path) -> None:
    whole, stopped = Person(settings, tmp_path / "whole"), Person(settings, tmp_path / "stopped")
    whole.do(RepairNetwork("fine-tuning"))
    work(whole)
    stopped.do(RepairNetwork("fine-tuning"))
    with pytest.raises(Interrupted):
        work(stopped, lambda: any(isinstance(event, RepairMeasured) for event in stopped.events))
    job = stopped.session.jobs.next
    assert job is not None
    assert job.conclude() == "repair by fine-tuning stopped; choose it again to resume it"
    assert isinstance(stopped.last(RepairAttacked), RepairAttacked), "measured for the person"
    looks = sum(isinstance(event, RepairMeasured) for event in stopped.events)
    work(stopped)
    again = sum(isinstance(event, RepairMeasured) for event in stopped.events) - looks
    assert again < sum(isinstance(event, RepairMeasured) for event in whole.events)
    ours, theirs = (tmp_path / name / "repaired_fine-tuning.keras" for name in ("stopped", "whole"))
    assert ours.read_bytes() == theirs.read_bytes()


def test_a_trigger_stands_in_for_poisoned_images_where_there_are_none(settings: RunSettings, tmp_path: Path) -> None:
    person = Person(settings, tmp_path / "with")
    with pytest.raises(OptionError, match="poisoned images are open"):
        person.do(UseTrigger())
    clean_only = RunSettings(**{**vars(settings), "poisoned_valid": None})
    person = Person(clean_only, tmp_path / "without")
    with pytest.raises(OptionError, match="no trigger is reversed yet"):
        person.do(UseTrigger())
    person.do(Detect(("scan", "inversion")))
    work(person)
    shown = [event for event in person.events if isinstance(event, TriggerShown)]
    assert shown
    assert all(len(event.pictures) == 4 for event in shown)
    try:
        person.do(UseTrigger())
    except OptionError as problem:
        # Of a network without any sign of a backdoor nothing is estimated.
        assert "can stand in" in str(problem)
        return
    position = person.last(PositionReached)
    assert isinstance(position, PositionReached)
    assert position.present.estimate is not None
    assert position.present.attack_success_rate is None
    person.do(UseTrigger(use=False))
    assert person.position.present.estimate is None


def test_images_are_judged_as_in_batch_and_saved_under_a_free_name(settings: RunSettings, tmp_path: Path) -> None:
    person = Person(settings, tmp_path / "out")
    with pytest.raises(OptionError, match="no images were screened yet"):
        person.do(KeepScreened())
    person.do(ScreenImages(Path(str(settings.poisoned_valid))))
    found = person.last(ImagesScreened)
    assert isinstance(found, ImagesScreened)
    assert len(found.images) == np.load(str(settings.poisoned_valid))["y_test"].size
    scores = [image.score for image in found.images]
    assert scores == sorted(scores, reverse=True)
    person.do(KeepScreened(), KeepScreened())
    batch = RunSettings(**{**vars(settings), "poisoned_valid": None, "screen": settings.poisoned_valid})
    screen_images(batch, tmp_path / "batch", reporter=Reporter())
    for name in ("screened.csv", "screened-2.csv"):
        assert (tmp_path / name).read_bytes() == (tmp_path / "batch" / "screened.csv").read_bytes()
