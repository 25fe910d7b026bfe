"""Layers and rankings side by side: each row is the curve that a run of that layer and ranking draws."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from keras import layers

from bdtui.engine.errors import Interrupted, ModelError
from bdtui.engine.event_values import ComparedOrder, ComparedThreshold, Threshold
from bdtui.engine.events import Event, OrderCompared, Progress
from bdtui.engine.pruning.comparison import best_first, summarise_curve
from bdtui.engine.pruning.curve import Step, draw_curve, find_threshold
from bdtui.engine.pruning.rankings import RANKINGS as ALL_RANKINGS
from bdtui.engine.pruning.rankings import order_channels
from bdtui.engine.reporter import SILENT, Reporter
from bdtui.engine.reports.results import compared_from_json
from bdtui.engine.runs import comparison
from bdtui.engine.runs.compared_layers import layers_to_compare
from bdtui.engine.runs.comparison import compare, known_places, places_to_compare, whole_layers
from bdtui.engine.runs.journal import Journal
from bdtui.engine.runs.preparation import PreparedRun, prepare_layer, prepare_run
from bdtui.engine.settings import RunSettings
from tests.networks import NetworkCase, build, conv, functional, head, random_images, write_images
from tests.records import IMAGES, rates

RANKINGS = ("mean-activation", "weight-norm")


def two_convolutions() -> object:
    return functional(
        lambda x: head(layers.MaxPooling2D(name="pool")(conv("second")(layers.ReLU(name="relu")(conv("first")(x)))))
    )


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> PreparedRun:
    folder = tmp_path_factory.mktemp("compare")
    case = NetworkCase(two_convolutions, "pool")
    model = build(case)
    model.save(folder / "model.h5")
    images = random_images(case, 60)
    classes = np.asarray(model(images)).argmax(axis=1)
    return prepare_run(
        RunSettings(
            model=folder / "model.h5",
            clean_valid=write_images(folder / "clean.h5", images[:40], classes[:40]),
            poisoned_valid=write_images(folder / "poisoned.h5", images[40:], classes[40:]),
            scale="1",
        ),
        SILENT,
    )


def test_channels_that_several_layers_show_are_compared_once_the_last_layer_first(prepared: PreparedRun) -> None:
    network = prepared.inputs.model.network
    assert layers_to_compare(network, ["all"]) == layers_to_compare(network) == ["pool", "first"]
    assert layers_to_compare(network, ["near"], "second") == ["second", "first"], "in the way the run reads them"
    assert layers_to_compare(network, ["first", "pool", "first"]) == ["first", "pool"]
    with pytest.raises(ModelError, match="no layer 'far'"):
        layers_to_compare(network, ["far"])


def test_a_row_is_the_curve_of_that_layer_and_ranking(prepared: PreparedRun) -> None:
    rows = list(compare(prepared, places_to_compare(["pool", "relu"], RANKINGS), reporter=SILENT))
    assert [(row.layer, row.pruned, row.ranking) for row in rows] == [
        (layer, pruned, ranking) for layer, pruned in (("pool", "second"), ("relu", "first")) for ranking in RANKINGS
    ]
    evaluator = prepare_layer(prepared, "relu", SILENT).evaluator
    order = order_channels(evaluator, "weight-norm")
    curve = list(draw_curve(evaluator, order))
    found = [find_threshold(curve, order, Threshold(drop)) for drop in (2.0, 4.0, 10.0)]
    assert [(each.drop, each.step, each.rates.clean, each.rates.attack) for each in rows[-1].thresholds] == [
        (each.drop, each.step, each.rates.clean, each.rates.attack) for each in found
    ]
    assert rows[-1].channels == evaluator.channels


def test_nothing_of_other_layers_reaches_the_screen_but_progress_and_what_they_came_to(prepared: PreparedRun) -> None:
    heard: list[Event] = []
    rows = list(compare(prepared, places_to_compare(["relu"], RANKINGS), reporter=Reporter(heard.append)))
    assert {type(event) for event in heard} == {Progress, OrderCompared}
    emitted = [event for event in heard if isinstance(event, OrderCompared)]
    assert [(event.done, event.total) for event in emitted] == [(1, 2), (2, 2)]
    shown: list[ComparedOrder] = []
    for event in emitted:
        shown.insert(event.place, event.order)
    assert shown == best_first(rows), "who inserts each at its place has the best first"


def test_what_the_journal_knows_is_not_measured_again_and_a_stop_loses_nothing(
    prepared: PreparedRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = Journal(None)
    stops: list[bool] = []
    reporter = Reporter(stop_requested=lambda: bool(stops))
    places = places_to_compare(["relu"], RANKINGS)
    rows = compare(prepared, places, journal=journal, reporter=reporter)
    first = next(rows)
    stops.append(True)
    with pytest.raises(Interrupted):
        next(rows)
    known = len(journal.measured("relu", first.channels))
    assert known > first.channels, "every step of the first row is kept"
    assert journal.compared(40, 20) == [first]

    def profiled_again(*arguments: object) -> None:
        raise AssertionError

    with monkeypatch.context() as watched:
        watched.setattr(comparison, "prepare_layer", profiled_again)
        watched.setattr(comparison, "compare_order", profiled_again)
        assert list(compare(prepared, places[:1], journal=journal, reporter=SILENT)) == [first]
    assert list(compare(prepared, places, journal=journal, reporter=SILENT))[:1] == [first]
    assert len(journal.compared(40, 20)) == 2
    journal.close()


def test_orders_at_other_thresholds_do_not_count(prepared: PreparedRun) -> None:
    one = row("pool", 50, 60)
    assert not known_places([one], prepared)


def test_a_layer_is_whole_with_every_ranking() -> None:
    rows = [replace(row(layer, 5, 5), ranking=ranking) for layer in ("a", "b") for ranking in ALL_RANKINGS]
    assert whole_layers(rows) == ["a", "b"]
    assert whole_layers(rows[1:]) == ["b"]


def row(name: str, asr: float | None, area: float | None, step: int | None = 2) -> ComparedOrder:
    found = ComparedThreshold(10, step, rates(90, asr) if step else rates(None, None))
    return ComparedOrder(name, name, 4, "mean-activation", (found,), 50.0, area)


def test_the_best_leaves_least_of_the_attack_and_what_reached_nothing_comes_last() -> None:
    rows = [
        row("none reached", None, 20.0, None),
        row("much", 90, 60),
        row("little", 5, 80),
        row("little, less area", 5, 70),
    ]
    assert [one.layer for one in best_first(rows)] == ["little, less area", "little", "much", "none reached"]


def test_a_network_that_breaks_at_the_first_step_is_not_the_best() -> None:
    def curve(*accuracies_and_asr: tuple[float, float]) -> list[Step]:
        steps = len(accuracies_and_asr) - 1
        return [
            Step(step, None, step / steps, rates(*each))  # the channel is of no account
            for step, each in enumerate(accuracies_and_asr)
        ]

    breaking = summarise_curve("a", "a", "random", (0, 1), curve((98, 100), (30, 5), (2, 0)), (2.0, 10.0))
    pruning = summarise_curve("b", "b", "random", (0, 1), curve((98, 100), (95, 60), (2, 90)), (2.0, 10.0))
    assert breaking.best is not None
    assert pruning.best is not None
    assert (breaking.best.margin, pruning.best.margin, pruning.best.drop) == (25.0, 35.0, 2.0)
    assert best_first([breaking, pruning]) == [pruning, breaking]


def test_without_poisoned_images_the_best_is_where_most_could_be_pruned() -> None:
    rows = [row("one", None, None, 1), row("three", None, None, 3), row("none", None, None, None)]
    assert [one.layer for one in best_first(rows)] == ["three", "one", "none"]


@pytest.mark.parametrize("one", [row("a", 5, 80), row("b", None, None, 1), row("c", 40, 20.0, None)])
def test_a_row_comes_back_from_json_as_it_was(one: ComparedOrder) -> None:
    assert compared_from_json(json.loads(json.dumps(one.as_json())), IMAGES, IMAGES) == one


@pytest.mark.parametrize("name", ["layer", "channels", "thresholds", "asr_area"])
def test_a_row_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="not a compared order"):
        compared_from_json({**row("a", 5, 80).as_json(), name: {"step": 1}}, IMAGES, IMAGES)


def test_areas_are_those_under_the_curve() -> None:
    steps = [Step(0, None, 0.0, rates(100, 100)), Step(1, 0, 0.5, rates(50, 100)), Step(2, 1, 1.0, rates(0, 0))]
    found = summarise_curve("pool", "conv", "random", (0, 1), steps, (10.0,))
    assert (found.accuracy_area, found.asr_area) == (50.0, 75.0)
    assert found.thresholds[0].step == 1
    unmeasured = [Step(step.step, step.channel, step.fraction, rates(50, None)) for step in steps]
    assert summarise_curve("pool", "conv", "random", (0, 1), unmeasured, (10.0,)).asr_area is None
