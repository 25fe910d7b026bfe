"""A session in the app that was cut off goes on where it stood: same order, same step, same points, same undo."""

from __future__ import annotations

import hashlib
import json
import random
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bdtui.engine.errors import DataError, ModelError, OutputError
from bdtui.engine.evaluation.evaluator import PruningSession
from bdtui.engine.events import (
    Event,
    ExportPlanned,
    Notice,
    PositionReached,
    SessionKept,
    SessionOpened,
    ThresholdReached,
)
from bdtui.engine.pruning.moves import ChooseLayer, ChooseRanking, GoTo, Move, Prune, Redo, Toggle, Undo
from bdtui.engine.reporter import Reporter
from bdtui.engine.reports.file_names import RESULTS
from bdtui.engine.runs.journal_folder import read_begun_recipe
from bdtui.engine.runs.run import execute_run
from bdtui.engine.session.requests import Export, NextThreshold, Open, Request
from bdtui.engine.session.session import Session
from bdtui.engine.settings import RunSettings
from tests.networks import CASES, build, random_images, write_images

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> RunSettings:
    """A small network with its own opinion as labels, clean and poisoned."""
    folder = tmp_path_factory.mktemp("inputs")
    case = CASES["sequential"]
    model = build(case)
    model.save(folder / "model.h5")
    images = random_images(case, 90)
    labels = np.asarray(model(images)).argmax(axis=1)
    write_images(folder / "clean.h5", images[:60], labels[:60])
    write_images(folder / "poisoned.h5", images[60:], np.full(30, 1), true_label=labels[60:])
    return RunSettings(
        model=folder / "model.h5",
        clean_valid=folder / "clean.h5",
        poisoned_valid=folder / "poisoned.h5",
        clean_test=folder / "clean.h5",
        scale="1",
    )


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


class Person:
    """Somebody at a session, and the last it emitted of where the person stands."""

    def __init__(self, settings: RunSettings, out: Path | None, *, go_on: bool = False) -> None:
        self.events: list[Event] = []
        self.session = Session(Reporter(self.hear), settings, out)
        sha256 = {}
        if go_on:
            assert out is not None
            recipe = read_begun_recipe(out)
            assert recipe is not None
            settings, sha256 = replace(RunSettings(), **recipe.settings), recipe.sha256
        self.session.fulfil(Open(settings, sha256, out if go_on else None))

    def hear(self, event: Event) -> None:
        self.events.append(event)

    def do(self, *requests: Request) -> None:
        for request in requests:
            self.session.move([request]) if isinstance(request, Move) else self.session.fulfil(request)

    def wait(self) -> None:
        """Let everything be measured that nobody waits for."""
        while self.session.idle(Reporter(self.events.append)):
            pass

    def last(self, kind: type[Event]) -> Event:
        return next(event for event in reversed(self.events) if isinstance(event, kind))

    @property
    def position(self) -> PositionReached:
        position = self.last(PositionReached)
        assert isinstance(position, PositionReached)
        return replace(position, measured=tuple(sorted(position.measured, key=repr)))

    @property
    def planned(self) -> Path:
        planned = self.last(ExportPlanned)
        assert isinstance(planned, ExportPlanned)
        return Path(planned.out)


def killed(out: Path) -> Path:
    """A folder as its session leaves it when it is killed this moment."""
    place = out.parent / f"{out.name}-killed-{random.random()}"
    shutil.copytree(out, place)
    return place


def random_moves(seed: int) -> Iterator[Move]:
    lots = random.Random(seed)
    for _ in range(25):
        yield lots.choice(
            [
                Prune(lots.randint(1, 3)),
                Undo(lots.randint(1, 2)),
                Redo(1),
                GoTo(lots.randint(0, 8)),
                Toggle(lots.randint(0, 7)),
            ]
        )


@pytest.mark.parametrize("seed", range(6))
def test_a_session_that_was_cut_off_goes_on_where_it_stood(settings: RunSettings, tmp_path: Path, seed: int) -> None:
    session = Person(settings, tmp_path / "out")
    for number, move in enumerate(random_moves(seed)):
        session.do(move)
        if number % 3 == 0:
            session.wait()
    session.wait()
    again = Person(settings, killed(tmp_path / "out"), go_on=True)
    again.wait()
    assert again.position == session.position
    for move in (Undo(2), Redo(1), Prune(1), Toggle(3)):
        session.do(move)
        again.do(move)
        assert again.position.order == session.position.order
        assert again.position.present == session.position.present


def test_nothing_is_measured_twice(settings: RunSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    session = Person(settings, tmp_path / "out")
    session.do(Prune(5), GoTo(8))
    session.wait()
    session.do(GoTo(2))
    measured: list[object] = []
    predict = PruningSession.predict
    again = Person(settings, killed(tmp_path / "out"), go_on=True)
    monkeypatch.setattr(
        PruningSession, "predict", lambda self, role, *rest: measured.append(rest) or predict(self, role, *rest)
    )
    again.do(GoTo(8), GoTo(4), Undo(1))
    again.wait()
    assert measured == []


def test_the_next_threshold_is_a_move_for_every_step(settings: RunSettings, tmp_path: Path) -> None:
    session = Person(settings, tmp_path / "out")
    session.do(NextThreshold())
    session.wait()
    again = Person(settings, killed(tmp_path / "out"), go_on=True)
    again.wait()
    assert again.position == session.position
    assert again.position.undoable == again.position.step > 0


def test_whoever_sees_a_step_and_leaves_at_once_finds_it_again(settings: RunSettings, tmp_path: Path) -> None:
    class Leaving(Person):
        def hear(self, event: Event) -> None:
            super().hear(event)
            if isinstance(event, PositionReached) and event.step > 0:
                left.append((event.step, killed(tmp_path / "out")))

    left: list[tuple[int, Path]] = []
    Leaving(settings, tmp_path / "out").do(NextThreshold(), Prune(2), GoTo(7))
    assert len(left) >= 3
    for step, folder in left:
        assert Person(settings, folder, go_on=True).position.step == step


def test_where_it_is_kept_is_told_once_and_what_was_reached_before_is_no_news(
    settings: RunSettings, tmp_path: Path
) -> None:
    session = Person(settings, tmp_path / "out")
    assert not [event for event in session.events if isinstance(event, SessionKept)]
    session.do(NextThreshold(), Prune(1))
    assert [event.folder for event in session.events if isinstance(event, SessionKept)] == [str(tmp_path / "out")]
    assert [event for event in session.events if isinstance(event, ThresholdReached)]
    again = Person(settings, killed(tmp_path / "out"), go_on=True)
    again.wait()
    assert [event for event in again.events if isinstance(event, SessionKept)]
    assert not [event for event in again.events if isinstance(event, ThresholdReached)]


def test_layer_and_ranking_are_those_that_were_chosen(settings: RunSettings, tmp_path: Path) -> None:
    session = Person(settings, tmp_path / "out")
    session.do(Prune(2), ChooseRanking("random"), Prune(3))
    session.wait()
    again = Person(settings, killed(tmp_path / "out"), go_on=True)
    again.wait()
    assert again.position == session.position
    assert again.last(SessionOpened) == session.last(SessionOpened)
    assert again.position.undoable == 6
    for person in (session, again):
        person.do(Undo(4))
    assert again.position == session.position
    assert again.position.step == 2, "where the person stood before choosing the ranking"


def test_who_only_looks_leaves_nothing(settings: RunSettings, tmp_path: Path) -> None:
    session = Person(settings, tmp_path / "out")
    session.do(ChooseRanking("random"), ChooseLayer("pool"))
    session.wait()
    assert list(tmp_path.iterdir()) == []


def test_an_export_ends_a_journal_and_the_next_move_begins_another(settings: RunSettings, tmp_path: Path) -> None:
    out = tmp_path / "out"
    session = Person(settings, out)
    session.do(Prune(3), Toggle(5), Export())
    assert (out / RESULTS).exists()
    assert session.planned == tmp_path / "out-2"
    with pytest.raises(OutputError, match="already contains a run"):
        session.do(Export(out))
    session.do(Undo(1))
    session.wait()
    again = Person(settings, killed(tmp_path / "out-2"), go_on=True)
    again.wait()
    assert again.position == session.position, "with everything that was done before the export"
    assert Person(settings, killed(out), go_on=True).position.step == 4, "and the export's is as it was"
    session.do(Export())
    assert (tmp_path / "out-2" / RESULTS).exists()


def test_an_interrupted_export_leaves_nothing_of_itself_in_the_next_one(settings: RunSettings, tmp_path: Path) -> None:
    out = tmp_path / "out"
    session = Person(settings, out)
    session.do(Prune(1))
    session.wait()
    left = killed(out)
    (left / ".model_X=2.77.partial.h5").write_text("half")
    (left / ".thesis.partial.txt").write_text("somebody's own")
    (left / "model_X=77.h5").write_text("of another order")
    again = Person(settings, left, go_on=True)
    again.do(Export(left))
    assert (left / RESULTS).exists()
    assert not (left / "model_X=77.h5").exists()
    assert [path.name for path in left.glob(".*.partial*")] == [".thesis.partial.txt"]


@pytest.mark.parametrize("moves", [[Undo(1)], [Redo(3)], [GoTo(0)]])
def test_what_leads_nowhere_is_no_move(settings: RunSettings, tmp_path: Path, moves: list[Move]) -> None:
    Person(settings, tmp_path / "out").do(*moves)
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_fills_up_is_told_once_and_stops_nobody(settings: RunSettings, tmp_path: Path) -> None:
    session = Person(settings, tmp_path / "out")
    session.do(Prune(1))
    journal = session.session._kept.journal_of(tmp_path / "out")
    assert journal is not None
    journal.database.connection.execute("PRAGMA max_page_count = 1")
    session.do(*[Toggle(channel) for channel in range(8)] * 40)
    told = [event.text for event in session.events if isinstance(event, Notice) and "autosave stopped" in event.text]
    assert len(told) == 1
    assert "disk is full" in told[0]


def test_batch_finishes_what_the_app_began(settings: RunSettings, tmp_path: Path) -> None:
    session = Person(settings, tmp_path / "out")
    session.do(Toggle(5), Toggle(2), Prune(1))
    left = killed(tmp_path / "out")
    session.do(Export())
    recipe = read_begun_recipe(left)
    assert recipe is not None
    begun = replace(RunSettings(), **recipe.settings)
    execute_run(begun, left, reporter=Reporter(), resume=True, expected_sha256=recipe.sha256)
    whole, finished = (json.loads((out / RESULTS).read_text()) for out in (tmp_path / "out", left))
    assert {**finished, "seconds": 0} == {**whole, "seconds": 0}
    assert finished["order"][:2] == [5, 2]


def test_other_inputs_than_the_sessions_are_refused(settings: RunSettings, tmp_path: Path) -> None:
    Person(settings, tmp_path / "out").do(Prune(1))
    left = killed(tmp_path / "out")
    assert settings.clean_valid is not None
    changed = shutil.copy(settings.clean_valid, tmp_path / "changed.h5")
    write_images(Path(changed), random_images(CASES["sequential"], 60, seed=12), np.zeros(60, int))
    before = settings.clean_valid.read_bytes()
    try:
        shutil.copy(changed, settings.clean_valid)
        with pytest.raises(DataError, match="sha256"):
            Person(settings, left, go_on=True)
    finally:
        settings.clean_valid.write_bytes(before)
    assert Person(settings, left, go_on=True).position.step == 1, "and nothing was lost by trying"


def test_what_is_kept_names_the_files_that_were_opened_not_what_they_became(
    settings: RunSettings, tmp_path: Path
) -> None:
    assert settings.model is not None
    session = Person(settings, tmp_path / "out")
    before = settings.model.read_bytes()
    try:
        settings.model.write_bytes(before + b"!")
        session.do(Prune(1))
        recipe = read_begun_recipe(killed(tmp_path / "out"))
        assert recipe is not None
        assert recipe.sha256["model"] == hashlib.sha256(before).hexdigest()
        with pytest.raises(ModelError, match="has changed"):
            Person(settings, killed(tmp_path / "out"), go_on=True)
        session.do(Export())
        manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
        assert manifest["inputs"]["model"] == hashlib.sha256(before).hexdigest()
    finally:
        settings.model.write_bytes(before)


def test_where_nothing_can_be_kept_the_app_says_so_once_and_goes_on(settings: RunSettings, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    session = Person(settings, tmp_path / "file" / "out")
    session.do(Prune(2), Undo(1), Prune(4))
    assert session.position.step == 5
    told = [event.text for event in session.events if isinstance(event, Notice) and "autosave stopped" in event.text]
    assert len(told) == 1
