"""Layers and rankings side by side: each row is the curve that a run of that layer and ranking draws."""

from __future__ import annotations

import numpy as np
import pytest
from keras import layers

from bdtui.engine.errors import Interrupted, OptionError
from bdtui.engine.event_values import Threshold
from bdtui.engine.events import Event, Progress
from bdtui.engine.pruning.comparison import ComparedOrder, best_first, summarise_curve
from bdtui.engine.pruning.curve import Step, draw_curve, find_threshold
from bdtui.engine.pruning.rankings import order_channels
from bdtui.engine.reporter import SILENT, Reporter
from bdtui.engine.runs.comparison import compare, layers_to_compare
from bdtui.engine.runs.journal import Journal
from bdtui.engine.runs.preparation import PreparedRun, prepare_layer, prepare_run
from bdtui.engine.settings import RunSettings
from tests.networks import NetworkCase, build, conv, functional, head, random_images, write_images
from tests.records import rates

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
    assert layers_to_compare(network, "all") == layers_to_compare(network) == ["pool", "first"]
    with pytest.raises(OptionError, match="expected near or all"):
        layers_to_compare(prepared.inputs.model.network, "far")


def test_a_row_is_the_curve_of_that_layer_and_ranking(prepared: PreparedRun) -> None:
    rows = list(compare(prepared, ["pool", "relu"], RANKINGS, reporter=SILENT))
    assert [(row.layer, row.pruned, row.ranking) for row in rows] == [
        (layer, pruned, ranking) for layer, pruned in (("pool", "second"), ("relu", "first")) for ranking in RANKINGS
    ]
    evaluator = prepare_layer(prepared, "relu", SILENT).evaluator
    order = order_channels(evaluator, "weight-norm")
    curve = list(draw_curve(evaluator, order))
    assert rows[-1].thresholds == tuple(find_threshold(curve, order, Threshold(drop)) for drop in (2.0, 4.0, 10.0))
    assert rows[-1].channels == evaluator.channels


def test_nothing_of_other_layers_reaches_the_screen_but_progress(prepared: PreparedRun) -> None:
    heard: list[Event] = []
    list(compare(prepared, ["relu"], RANKINGS, reporter=Reporter(heard.append)))
    assert {type(event) for event in heard} == {Progress}


def test_what_the_journal_knows_is_not_measured_again_and_a_stop_loses_nothing(prepared: PreparedRun) -> None:
    journal = Journal(None)
    stops: list[bool] = []
    reporter = Reporter(stop_requested=lambda: bool(stops))
    rows = compare(prepared, ["relu"], RANKINGS, journal=journal, reporter=reporter)
    first = next(rows)
    stops.append(True)
    with pytest.raises(Interrupted):
        next(rows)
    known = len(journal.measured("relu", first.channels))
    assert known > first.channels, "every step of the first row is kept"
    assert list(compare(prepared, ["relu"], RANKINGS[:1], journal=journal, reporter=SILENT)) == [first]
    assert len(journal.measured("relu", first.channels)) == known
    journal.close()


def row(name: str, asr: float | None, area: float | None, step: int | None = 2) -> ComparedOrder:
    found = Threshold(10, step, rates=rates(90, asr) if step else rates(None, None))
    return ComparedOrder(name, name, 4, "mean-activation", (found,), 50.0, area)


def test_the_best_leaves_least_of_the_attack_and_what_reached_nothing_comes_last() -> None:
    rows = [
        row("none reached", None, 20.0, None),
        row("much", 90, 60),
        row("little", 5, 80),
        row("little, less area", 5, 70),
    ]
    assert [one.layer for one in best_first(rows)] == ["little, less area", "little", "much", "none reached"]


def test_without_poisoned_images_the_best_is_where_most_could_be_pruned() -> None:
    rows = [row("one", None, None, 1), row("three", None, None, 3), row("none", None, None, None)]
    assert [one.layer for one in best_first(rows)] == ["three", "one", "none"]


def test_areas_are_those_under_the_curve() -> None:
    steps = [Step(0, None, 0.0, rates(100, 100)), Step(1, 0, 0.5, rates(50, 100)), Step(2, 1, 1.0, rates(0, 0))]
    found = summarise_curve("pool", "conv", "random", (0, 1), steps, (10.0,))
    assert (found.accuracy_area, found.asr_area) == (50.0, 75.0)
    assert found.thresholds[0].step == 1
    unmeasured = [Step(step.step, step.channel, step.fraction, rates(50, None)) for step in steps]
    assert summarise_curve("pool", "conv", "random", (0, 1), unmeasured, (10.0,)).asr_area is None
