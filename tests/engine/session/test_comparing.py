"""Layers and rankings compared while a person prunes: paused by moves, never measured twice, kept, and exported."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bdtui.engine.errors import Interrupted
from bdtui.engine.event_values import ComparedOrder
from bdtui.engine.events import (
    ChannelsProfiled,
    ComparisonBegun,
    ComparisonEnded,
    LayerChosen,
    OrderCompared,
    PositionReached,
    VerdictReached,
)
from bdtui.engine.inputs.recipe import read_recipe
from bdtui.engine.pruning.comparison import best_first
from bdtui.engine.pruning.moves import ChooseLayer, ChooseRanking, Prune, Toggle, Undo
from bdtui.engine.pruning.rankings import RANKINGS
from bdtui.engine.reporter import Reporter
from bdtui.engine.reports.file_names import COMPARISON, RECIPE, REPORT, RESULTS
from bdtui.engine.reports.results import read_record
from bdtui.engine.runs import comparison as runs_comparison
from bdtui.engine.runs import profiled_layers
from bdtui.engine.runs.journal_folder import read_begun_recipe
from bdtui.engine.runs.run import execute_run
from bdtui.engine.session import session as session_module
from bdtui.engine.session.requests import Compare, Export
from bdtui.engine.settings import RunSettings
from tests.engine.runs.test_comparison import two_convolutions
from tests.engine.session.test_moves_journal import Person, killed
from tests.networks import NetworkCase, build, random_images, write_images
from tests.quick_triggers import reverse_quickly

pytestmark = pytest.mark.slow
TOTAL = 2 * len(RANKINGS)


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> RunSettings:
    """A network of two convolutions with its own opinion as labels."""
    folder = tmp_path_factory.mktemp("inputs")
    case = NetworkCase(two_convolutions, "pool")
    model = build(case)
    model.save(folder / "model.h5")
    images = random_images(case, 60)
    labels = np.asarray(model(images)).argmax(axis=1)
    return RunSettings(
        model=folder / "model.h5",
        clean_valid=write_images(folder / "clean.h5", images[:40], labels[:40]),
        poisoned_valid=write_images(folder / "poisoned.h5", images[40:], labels[40:]),
        scale="1",
    )


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    reverse_quickly(monkeypatch)


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """The layers and rankings whose curves are drawn for a comparison."""
    drawn: list[tuple[str, str]] = []
    compare_order = runs_comparison.compare_order

    def draw(prepared: profiled_layers.PreparedRun, ranking: str, reporter: Reporter, *more: Any) -> ComparedOrder:
        order = compare_order(prepared, ranking, reporter, *more)
        drawn.append((order.layer, order.ranking))
        return order

    for module in (runs_comparison, session_module):
        monkeypatch.setattr(module, "compare_order", draw)
    return drawn


def shown(person: Person) -> list[ComparedOrder]:
    """The table that a screen has."""
    table: list[ComparedOrder] = []
    for event in person.events:
        if isinstance(event, ComparisonBegun):
            table.clear()
        if isinstance(event, OrderCompared):
            table.insert(event.place, event.order)
    return table


def interrupted_after(pieces: int) -> Callable[[], bool]:
    """A person who does something else after so many looks."""
    looks = iter(range(pieces))
    return lambda: next(looks, None) is None


def measure(person: Person, orders: int) -> None:
    while len(shown(person)) < orders and person.session.idle(Reporter()):
        pass


def test_all_is_measured_while_nothing_is_asked_for_and_the_best_is_first(
    settings: RunSettings, tmp_path: Path
) -> None:
    person = Person(settings, tmp_path / "out")
    person.do(Compare())
    assert not shown(person)
    person.wait()
    table = shown(person)
    assert {(order.layer, order.ranking) for order in table} == {
        (layer, ranking) for layer in ("pool", "first") for ranking in RANKINGS
    }
    assert table == best_first(table)
    ended = person.last(ComparisonEnded)
    assert isinstance(ended, ComparisonEnded)
    assert ended.sentence.startswith(f"comparison complete: best is {table[0].layer} by {table[0].ranking}")
    verdict = person.last(VerdictReached)
    assert isinstance(verdict, VerdictReached)
    assert any(f"Of {TOTAL} layers and rankings compared" in sentence for sentence in verdict.verdict.sentences)
    assert isinstance(person.last(LayerChosen), LayerChosen)
    assert [event.profiled for event in person.events if isinstance(event, LayerChosen)] == ["pool"], "nobody moved"


def test_a_move_pauses_it_and_nothing_is_measured_twice(
    settings: RunSettings, tmp_path: Path, measured: list[tuple[str, str]]
) -> None:
    person = Person(settings, tmp_path / "out")
    person.do(Compare())
    measure(person, 2)
    with pytest.raises(Interrupted):
        while True:
            person.session.idle(Reporter(stop_requested=interrupted_after(3)))
    person.do(Prune(3), Toggle(5))
    assert person.position.undoable == 4
    person.wait()
    assert len(measured) == len(set(measured)) == TOTAL
    person.do(Compare())
    person.wait()
    assert len(measured) == TOTAL
    assert len(shown(person)) == TOTAL
    assert person.position.undoable == 4


def test_rows_are_those_of_a_run_and_a_visit_measures_nothing_again(settings: RunSettings, tmp_path: Path) -> None:
    person = Person(settings, tmp_path / "out")
    person.do(Compare())
    person.wait()
    row = next(order for order in shown(person) if (order.layer, order.ranking) == ("first", "weight-norm"))
    person.do(ChooseLayer("first", "weight-norm"))
    assert len(person.position.path) == row.channels + 1, "all of the curve is known"
    assert [threshold.step for threshold in person.position.thresholds] == [each.step for each in row.thresholds]


def test_what_was_compared_survives_a_kill_and_is_not_measured_again(
    settings: RunSettings, tmp_path: Path, measured: list[tuple[str, str]]
) -> None:
    person = Person(settings, tmp_path / "out")
    person.do(Compare())
    measure(person, 3)
    again = Person(settings, killed(tmp_path / "out"), go_on=True)
    again.do(Compare())
    assert shown(again) == shown(person), "at once"
    again.wait()
    assert len(measured) == len(set(measured)) == TOTAL


def test_stopped_it_stays_stopped_and_can_go_on(
    settings: RunSettings, tmp_path: Path, measured: list[tuple[str, str]]
) -> None:
    person = Person(settings, tmp_path / "out")
    person.do(Compare())
    measure(person, 2)
    person.session.stop_comparing()
    person.wait()
    assert len(measured) == 2
    ended = person.last(ComparisonEnded)
    assert isinstance(ended, ComparisonEnded)
    assert ended.sentence.startswith("comparison stopped: best is ")
    person.session.stop_comparing()
    person.do(Compare())
    person.wait()
    assert len(measured) == TOTAL


def test_an_export_has_what_was_compared_and_its_recipe_replays_it(settings: RunSettings, tmp_path: Path) -> None:
    person = Person(settings, tmp_path / "out")
    person.do(Compare(("first",)))
    person.wait()
    person.do(Compare(("pool",)))
    measure(person, 2)
    person.session.stop_comparing()
    out = tmp_path / "exported"
    person.do(Export(out))
    record = read_record(out / RESULTS)
    assert list(record.comparison) == best_first(record.comparison)
    assert {order.layer for order in record.comparison} == {"first"}, "pool was not compared to its end"
    assert "## Comparison" in (out / REPORT).read_text()
    assert len((out / COMPARISON).read_text().splitlines()) == 1 + 3 * len(RANKINGS)
    recipe = read_recipe(out / RECIPE)
    assert recipe.settings["compare"] == ("first",)
    replayed = execute_run(replace(RunSettings(), **recipe.settings), tmp_path / "replay", reporter=Reporter())
    assert replayed.record.comparison == record.comparison
    left = json.loads((out / RESULTS).read_text())
    assert {**replayed.results, "seconds": 0} == {**left, "seconds": 0}


def test_undo_returns_to_the_layer_and_the_step_where_the_person_stood_without_profiling(
    settings: RunSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    person = Person(settings, tmp_path / "out")
    person.do(Prune(2), Toggle(6), ChooseLayer("first"), Prune(4), ChooseRanking("random"), Prune(1))
    person.wait()
    before = [event for event in person.events if isinstance(event, PositionReached)]

    def profiled_again(*arguments: object) -> None:
        raise AssertionError

    monkeypatch.setattr(profiled_layers, "prepare_layer", profiled_again)
    person.do(Undo(2))
    assert (person.position.step, person.last(ChannelsProfiled).ranking) == (4, "mean-activation")  # type: ignore[attr-defined]
    person.do(Undo(5))
    position = person.position
    stood = next(event for event in reversed(before) if event.undoable == 3)
    assert (position.order, position.step, position.present) == (stood.order, 3, stood.present)
    chosen = person.last(LayerChosen)
    assert isinstance(chosen, LayerChosen)
    assert chosen.profiled == "pool"


def test_a_session_goes_on_in_the_layer_and_ranking_where_it_was_left_and_batch_finishes_it_there(
    settings: RunSettings, tmp_path: Path
) -> None:
    person = Person(settings, tmp_path / "out")
    person.do(Prune(2), ChooseLayer("first", "weight-norm"), Prune(3), Toggle(0))
    left = killed(tmp_path / "out")
    person.wait()
    again = Person(settings, killed(left), go_on=True)
    again.wait()
    for each in (person, again):
        assert each.last(LayerChosen).profiled == "first"  # type: ignore[attr-defined]
    assert again.position == person.position
    for each in (person, again):
        each.do(Undo(5))
    assert again.position == person.position
    assert again.position.step == 2
    recipe = read_begun_recipe(left)
    assert recipe is not None
    begun = replace(RunSettings(), **recipe.settings)
    finished = execute_run(begun, left, reporter=Reporter(), resume=True, expected_sha256=recipe.sha256)
    assert finished.record.layer.profiled == "first"
    assert finished.record.ranking == "by-hand"


def test_a_run_that_is_interrupted_while_it_compares_measures_no_finished_row_again(
    settings: RunSettings, tmp_path: Path, measured: list[tuple[str, str]]
) -> None:
    asked = replace(settings, compare=("near",))
    rows: list[OrderCompared] = []

    def emit(event: object) -> None:
        if isinstance(event, OrderCompared):
            rows.append(event)

    with pytest.raises(Interrupted) as stopped:
        execute_run(asked, tmp_path / "out", reporter=Reporter(emit, lambda: len(rows) == 3))
    assert "finish with bdtui --batch --resume" in str(stopped.value)
    assert not (tmp_path / "out" / RESULTS).exists()
    done = execute_run(asked, tmp_path / "out", reporter=Reporter(), resume=True)
    assert len(measured) == len(set(measured)) == TOTAL
    assert len(done.record.comparison) == TOTAL
    whole = execute_run(asked, tmp_path / "whole", reporter=Reporter())
    assert whole.record.comparison == done.record.comparison
