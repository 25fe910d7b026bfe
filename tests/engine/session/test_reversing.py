"""The ranking by reversed triggers in a session: triggers are reversed when it is chosen or compared, once, and kept."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from bdtui.engine.detect.examination import Examination
from bdtui.engine.errors import Interrupted
from bdtui.engine.events import ChannelsProfiled, Event, OrderCompared, PositionReached
from bdtui.engine.pruning.moves import ChooseRanking, Prune, Undo
from bdtui.engine.pruning.rankings import RANKINGS, TRIGGER_EXCITATION
from bdtui.engine.reporter import Reporter
from bdtui.engine.session.requests import Compare, Open
from bdtui.engine.session.reversing import Reversing
from bdtui.engine.session.session import Session
from bdtui.engine.settings import RunSettings
from tests.engine.session.test_moves_journal import Person, killed
from tests.networks import write_images


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> RunSettings:
    folder = tmp_path_factory.mktemp("inputs")
    start = keras.Input((8, 8, 1))
    x = layers.Conv2D(4, 3, activation="relu", name="second")(
        layers.Conv2D(5, 3, activation="relu", name="first")(start)
    )
    outputs = layers.Dense(3, activation="softmax")(layers.GlobalAveragePooling2D(name="pool")(x))
    keras.Model(start, outputs).save(folder / "net.keras")
    pixels = np.random.default_rng(2).random((30, 8, 8, 1), np.float32)
    clean = write_images(folder / "clean.h5", pixels, np.arange(30) % 3)
    return RunSettings(model=folder / "net.keras", clean_valid=clean, preprocess="raw")


@pytest.fixture
def reversed_for(monkeypatch: pytest.MonkeyPatch) -> list[list[int]]:
    """The classes for which triggers were searched."""
    searched: list[list[int]] = []
    run_part, reverse = Examination._run_part, Examination._reverse

    def run(self: Examination, name: str, reporter: Reporter) -> None:
        if name not in self.parts:
            searched.append([])
        run_part(self, name, reporter)

    def search(self: Examination, suspects: Any, reporter: Reporter) -> None:
        searched.append([each for each in suspects if each not in self.strong_triggers])
        reverse(self, suspects, reporter)

    monkeypatch.setattr(Examination, "_run_part", run)
    monkeypatch.setattr(Examination, "_reverse", search)
    return searched


def test_choosing_it_reverses_triggers_and_a_killed_session_has_them(
    settings: RunSettings, tmp_path: Path, reversed_for: list[list[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    person = Person(settings, tmp_path / "out")
    person.do(ChooseRanking("random"))
    assert not reversed_for
    person.do(ChooseRanking(TRIGGER_EXCITATION), Prune(2))
    profiled = person.last(ChannelsProfiled)
    assert isinstance(profiled, ChannelsProfiled)
    scores = [channel.score for channel in profiled.channels]
    assert person.position.order == tuple(np.argsort(scores, kind="stable").tolist())
    person.do(Undo(2), ChooseRanking(TRIGGER_EXCITATION))

    reversed_for.clear()
    again = Person(settings, killed(tmp_path / "out"), go_on=True)
    assert again.position.order == person.position.order
    assert not any(reversed_for), "the strong triggers are known"
    assert len(reversed_for) == 1, "and no method has run again"


def test_a_comparison_reverses_them_once_as_a_job_between_whose_batches_one_prunes(
    settings: RunSettings, tmp_path: Path, reversed_for: list[list[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    person = Person(settings, tmp_path / "out")
    person.do(Compare(("pool", "first")))
    while person.session.jobs.next is None:
        assert person.session.idle(Reporter(person.events.append))
    assert isinstance(person.session.jobs.next, Reversing)
    assert not reversed_for
    moves = iter([Prune(1)])

    def between() -> bool:
        if (move := next(moves, None)) is not None:
            person.do(move)
        return False

    person.session.jobs.next.run(Reporter(person.events.append, between))
    assert person.position.step == 1
    person.session.jobs.end()
    searches = len(reversed_for)
    person.wait()
    assert len(reversed_for) == searches
    assert len([event for event in person.events if isinstance(event, OrderCompared)]) == 2 * len(RANKINGS)
    assert person.session.jobs.next is None


def test_an_opening_that_is_stopped_at_its_ranking_leaves_open_what_was(
    settings: RunSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    events: list[Event] = []
    stopped = False
    session = Session(Reporter(events.append, lambda: stopped), settings)
    session.fulfil(Open(settings))
    session.fulfil(Prune(1))
    run_part = Examination._run_part

    def stop_and_run(self: Examination, name: str, reporter: Reporter) -> None:
        nonlocal stopped
        stopped = True
        run_part(self, name, reporter)

    # The order is given, so that the ranking's own is made last of all.
    with monkeypatch.context() as patched, pytest.raises(Interrupted):
        patched.setattr(Examination, "_run_part", stop_and_run)
        session.fulfil(Open(replace(settings, ranking=TRIGGER_EXCITATION, order=(3, 2, 1, 0))))
    stopped = False
    before = [event for event in events if isinstance(event, PositionReached)][-1]
    assert before.step == 1
    session.fulfil(Prune(1))
    reached = [event for event in events if isinstance(event, PositionReached)][-1]
    assert (reached.step, reached.order) == (2, before.order)
    assert reached.order != (3, 2, 1, 0)
