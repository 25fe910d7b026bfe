"""Pruning by hand on the real sample: every position is what a fresh session says of it, and exports replay."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import pytest

from bdtui.engine.errors import DataError, Interrupted, ModelError, OptionError, OutputError
from bdtui.engine.events import (
    ChannelsProfiled,
    DataOpened,
    Event,
    ExportPlanned,
    LayerChosen,
    ModelOpened,
    NothingOpen,
    Notice,
    PicturesTaken,
    PositionReached,
    PositionWished,
    ThresholdReached,
)
from bdtui.engine.inputs.recipe import read_recipe
from bdtui.engine.pruning.position import GoTo, Prune, Redo, Toggle, Undo
from bdtui.engine.reporter import Reporter
from bdtui.engine.runs.check import check_inputs
from bdtui.engine.runs.preparation import PreparedRun, prepare_run
from bdtui.engine.runs.run import execute_run
from bdtui.engine.session.exploration import Bench
from bdtui.engine.session.requests import ChooseLayer, ChooseRanking, Export, NextThreshold, Open
from bdtui.engine.session.session import Workbench
from bdtui.engine.settings import RunSettings

pytestmark = pytest.mark.slow

SAMPLE = RunSettings(sample=True, scale="1")


class Listener:
    """Hears everything; can be told to stop the work at the next look."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.stop = False
        self.reporter = Reporter(self.events.append, lambda: self.stop)

    def last(self, kind: type[Event]) -> Event:
        return next(event for event in reversed(self.events) if isinstance(event, kind))

    @property
    def position(self) -> PositionReached:
        event = self.last(PositionReached)
        assert isinstance(event, PositionReached)
        return event


@pytest.fixture(scope="module")
def prepared() -> PreparedRun:
    return prepare_run(SAMPLE, Reporter())


@pytest.fixture
def heard() -> Listener:
    return Listener()


@pytest.fixture
def bench(prepared: PreparedRun, heard: Listener) -> Bench:
    bench = Bench(prepared, heard.reporter)
    bench.tell()
    return bench


@pytest.fixture(scope="module")
def opened() -> Iterator[tuple[Workbench, Listener]]:
    """A workbench with the sample on it, shared; tests leave it at step 0."""
    heard = Listener()
    workbench = Workbench(heard.reporter, SAMPLE)
    workbench.fulfil(Open(SAMPLE))
    yield workbench, heard


def finish(bench: Bench) -> None:
    while bench.measure_ahead(Reporter()):
        pass


def test_every_position_has_the_rates_of_its_silenced_channels(
    bench: Bench, heard: Listener, prepared: PreparedRun
) -> None:
    for move in (Prune(44), Toggle(40), Undo(), GoTo(51), Toggle(3), Prune(2)):
        bench.move([move])
        position = heard.position
        rates = prepared.session.rates("valid", position.order[: position.step]).as_json()
        assert position.present.clean_accuracy == rates["clean_accuracy"]
        assert position.present.attack_success_rate == rates["attack_success_rate"]


def test_five_steps_at_once_are_five_moves(bench: Bench, heard: Listener) -> None:
    bench.move([Prune(5)])
    assert (heard.position.step, heard.position.undoable) == (5, 5)
    bench.move([Undo(2)])
    assert (heard.position.step, heard.position.redoable) == (3, 2)
    bench.move([Redo(7)])
    assert heard.position.step == 5


def test_moves_that_came_together_are_measured_once_at_their_end_and_filled_in_later(
    bench: Bench, heard: Listener
) -> None:
    bench.move([Prune()] * 6 + [Undo(2)])
    assert [event.step for event in heard.events if isinstance(event, PositionWished)] == [4]
    assert [point.step for point in heard.position.path] == [0, 4]
    finish(bench)
    assert [point.step for point in heard.position.path] == [0, 1, 2, 3, 4]


def test_the_next_threshold_is_the_first_step_past_the_drop(
    bench: Bench, heard: Listener, prepared: PreparedRun
) -> None:
    baseline = prepared.baseline_valid.clean
    assert baseline
    for drop in (2.0, 4.0, 10.0):
        bench.go_to_next_threshold()
        position = heard.position
        by_step = {point.step: point.clean_accuracy for point in position.path}
        assert baseline.percent - by_step[position.step] >= drop
        assert baseline.percent - by_step[position.step - 1] < drop
        reached = heard.last(ThresholdReached)
        assert isinstance(reached, ThresholdReached)
        assert (reached.drop, reached.step) == (drop, position.step)
    bench.go_to_next_threshold()
    assert heard.last(Notice) == Notice("all thresholds are reached")


def test_a_threshold_behind_steps_that_were_jumped_over_is_found(bench: Bench, heard: Listener) -> None:
    bench.move([GoTo(50)])
    assert all(state.step is None for state in heard.position.thresholds)
    bench.go_to_next_threshold()
    assert [(state.drop, state.step) for state in heard.position.thresholds] == [(2.0, 47), (4.0, 48), (10.0, 51)]


def test_a_threshold_that_no_step_reaches_is_told(prepared: PreparedRun, heard: Listener) -> None:
    settings = replace(prepared.inputs.settings, thresholds=(99.0,))
    bench = Bench(replace(prepared, inputs=replace(prepared.inputs, settings=settings)), heard.reporter)
    bench.move([GoTo(58)])
    bench.go_to_next_threshold()
    assert heard.position.step == 60
    assert heard.last(Notice) == Notice("X=99 is not reached by pruning in this order")


def test_networks_of_reached_thresholds_are_tested_when_nobody_waits(bench: Bench, heard: Listener) -> None:
    bench.go_to_next_threshold()
    assert heard.position.thresholds[0].goodnet_test == {}
    finish(bench)
    state = heard.position.thresholds[0]
    assert (state.step, state.model, state.goodnet) == (47, "model_X=2.h5", "goodnet_X=2.keras")
    assert state.pruned_test["clean_accuracy"] == pytest.approx(96.43, abs=0.01)
    assert state.goodnet_test["poisoned_flagged"] == pytest.approx(10.93, abs=0.01)
    assert heard.position.thresholds[1].pruned_test == {}


def test_points_out_of_turn_are_marked_and_others_are_not(bench: Bench, heard: Listener) -> None:
    order = heard.position.order
    bench.move([Prune(2)])
    assert not heard.position.present.by_hand
    bench.move([Toggle(order[30])])
    assert heard.position.present.by_hand
    bench.move([Undo()])
    bench.move([Toggle(order[2])])
    # The next one in turn, however it was asked for.
    assert not heard.position.present.by_hand
    assert sum(point.by_hand for point in heard.position.measured) == 1


def test_stop_leaves_the_last_measured_position(bench: Bench, heard: Listener) -> None:
    # Out of turn, so that no other test has measured these sets of channels before.
    bench.move([Toggle(heard.position.order[57]), Prune(40)])
    heard.stop = True
    with pytest.raises(Interrupted):
        bench.move([Prune(10)])
    assert (heard.position.step, heard.position.redoable) == (41, 0)
    with pytest.raises(Interrupted):
        bench.go_to_next_threshold()
    assert heard.position.step == 41
    heard.stop = False
    bench.move([Prune()])
    assert heard.position.step == 42


def test_steps_and_channels_that_are_not_there_are_refused(bench: Bench, heard: Listener) -> None:
    with pytest.raises(OptionError, match="no step 61; expected one from 0 to 60"):
        bench.move([GoTo(61)])
    with pytest.raises(OptionError, match="no channel 60"):
        bench.move([Toggle(60)])
    assert heard.position.step == 0


def test_moves_before_one_that_cannot_be_made_are_made(bench: Bench, heard: Listener) -> None:
    with pytest.raises(OptionError, match="no step 99"):
        bench.move([Prune(5), GoTo(99), Prune(7)])
    assert heard.position.step == 5


def test_a_measurement_that_fails_leaves_the_screen_at_the_last_position(
    bench: Bench, heard: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.move([Prune(2)])

    def out_of_memory(*arguments: object) -> None:
        raise MemoryError

    monkeypatch.setattr(bench, "_measure", out_of_memory)
    with pytest.raises(MemoryError):
        bench.move([Toggle(heard.position.order[44])])
    assert isinstance(heard.events[-1], PositionReached)
    assert heard.position.step == 2


def test_opening_tells_all_that_a_screen_shows(opened: tuple[Workbench, Listener]) -> None:
    _, heard = opened
    profiled = heard.last(ChannelsProfiled)
    assert isinstance(profiled, ChannelsProfiled)
    assert [figures.channel for figures in profiled.channels] == list(range(60))
    assert all(figures.poisoned_firing_share is not None for figures in profiled.channels)
    pictures = {event.role: event.pictures for event in heard.events if isinstance(event, PicturesTaken)}
    poisoned = pictures["poisoned_valid"][0]
    assert (poisoned.width, poisoned.height, len(poisoned.rgb)) == (47, 55, 47 * 55 * 3)
    assert poisoned.true_label != poisoned.label
    assert heard.position.order == tuple(heard.position.order)
    assert heard.position.step == 0
    assert len([event for event in heard.events if isinstance(event, LayerChosen)]) == 1


def test_another_layer_and_another_ranking_begin_at_step_0(opened: tuple[Workbench, Listener]) -> None:
    workbench, heard = opened
    workbench.fulfil(Prune(3))
    workbench.fulfil(ChooseLayer("conv_1"))
    chosen = heard.last(LayerChosen)
    assert isinstance(chosen, LayerChosen)
    assert (chosen.pruned, chosen.channels, heard.position.step, len(heard.position.order)) == ("conv_1", 20, 0, 20)
    with pytest.raises(ModelError):
        workbench.fulfil(ChooseLayer("no_such_layer"))
    assert len(heard.position.order) == 20
    workbench.fulfil(ChooseLayer("pool_3"))
    before = heard.position.order
    workbench.fulfil(ChooseRanking("weight-norm"))
    assert heard.position.order != before
    workbench.fulfil(ChooseRanking("mean-activation"))
    assert heard.position.order == before


def test_what_cannot_be_opened_leaves_what_is_open(opened: tuple[Workbench, Listener], tmp_path: Path) -> None:
    workbench, heard = opened
    workbench.fulfil(Prune(4))
    before = heard.position
    heard.events.clear()
    with pytest.raises(ModelError):
        workbench.fulfil(Open(RunSettings(model=tmp_path / "none.h5", clean_valid=tmp_path / "none.h5")))
    assert heard.position == before
    model = heard.last(ModelOpened)
    assert isinstance(model, ModelOpened)
    assert model.path.endswith("bd_net.h5")
    assert len([event for event in heard.events if isinstance(event, DataOpened)]) == 4
    workbench.fulfil(GoTo(0))


def test_a_layer_whose_profiling_is_stopped_leaves_the_one_before(opened: tuple[Workbench, Listener]) -> None:
    workbench, heard = opened
    before = heard.position
    heard.stop = True
    with pytest.raises(Interrupted):
        workbench.fulfil(ChooseLayer("pool_1"))
    heard.stop = False
    chosen = heard.last(LayerChosen)
    assert isinstance(chosen, LayerChosen)
    assert (chosen.profiled, heard.position) == ("pool_3", before)


def test_a_first_opening_that_fails_half_way_leaves_nothing_open(tmp_path: Path) -> None:
    heard = Listener()
    workbench = Workbench(heard.reporter, RunSettings())
    folder = Path(str(files("bdtui.sample_data")))
    settings = RunSettings(model=folder / "bd_net.h5", clean_valid=tmp_path / "none.h5")
    with pytest.raises(DataError):
        workbench.fulfil(Open(settings))
    told = [type(event) for event in heard.events]
    assert told.index(NothingOpen) > told.index(ModelOpened)


def test_a_request_before_anything_is_open_is_refused() -> None:
    workbench = Workbench(Reporter(), RunSettings())
    for request in (Prune(), NextThreshold(), Export(), ChooseLayer("pool_3"), ChooseRanking("random")):
        with pytest.raises(OptionError, match="nothing is open yet"):
            workbench.fulfil(request)
    assert not workbench.idle(Reporter())


def files_in(folder: Path) -> list[str]:
    """The files of a run, without its journal, which tells when each thing was done."""
    return sorted(path.name for path in folder.iterdir() if path.is_file())


def test_what_was_done_by_hand_replays_from_its_recipe(
    opened: tuple[Workbench, Listener], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workbench, heard = opened
    monkeypatch.chdir(tmp_path)
    order = heard.position.order
    workbench.move([Prune(10)])
    workbench.move([Undo(3)])
    workbench.fulfil(Toggle(order[50]))
    workbench.fulfil(Toggle(order[2]))
    workbench.fulfil(NextThreshold())
    by_hand = heard.position
    assert by_hand.order != order
    workbench.fulfil(Export(tmp_path / "by-hand"))
    assert (heard.position.order, heard.position.step) == (by_hand.order, by_hand.step)

    recipe = read_recipe(tmp_path / "by-hand" / "recipe.toml")
    assert recipe.settings["order"] == by_hand.order
    settings = replace(RunSettings(), **recipe.settings)
    execute_run(settings, tmp_path / "replay", reporter=Reporter(), expected_sha256=recipe.sha256)
    names = files_in(tmp_path / "by-hand")
    assert names == files_in(tmp_path / "replay")
    for name in names:
        first, second = (tmp_path / folder / name for folder in ("by-hand", "replay"))
        if name == "results.json":
            one, other = (json.loads(path.read_text()) for path in (first, second))
            assert one.pop("seconds").keys() == other.pop("seconds").keys()
            assert one == other
            assert one["ranking"] == "by-hand"
        elif name == "manifest.json":
            # It holds the hash of results.json, in which the seconds differ.
            one, other = (json.loads(path.read_text()) for path in (first, second))
            assert one["files"].pop("results.json") != other["files"].pop("results.json")
            assert one == other
        else:
            assert first.read_bytes() == second.read_bytes(), name
    workbench.fulfil(GoTo(0))


def test_what_an_export_has_told_is_no_news_afterwards(tmp_path: Path) -> None:
    heard = Listener()
    workbench = Workbench(heard.reporter, SAMPLE)
    workbench.fulfil(Open(SAMPLE))
    workbench.fulfil(GoTo(48))
    workbench.fulfil(Export(tmp_path / "told"))
    assert isinstance(heard.last(ThresholdReached), ThresholdReached)
    heard.events.clear()
    workbench.fulfil(Undo())
    workbench.fulfil(GoTo(52))
    assert not [event for event in heard.events if isinstance(event, ThresholdReached)]
    assert [state.step for state in heard.position.thresholds] == [47, 48, 51]


def test_a_second_export_goes_to_a_folder_of_its_own_and_a_held_one_is_refused(
    opened: tuple[Workbench, Listener], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workbench, heard = opened
    monkeypatch.chdir(tmp_path)
    planned = heard.last(ExportPlanned)
    assert isinstance(planned, ExportPlanned)
    (tmp_path / "held").mkdir()
    (tmp_path / "held" / "results.json").write_text("{}")
    with pytest.raises(OutputError, match="already contains a run"):
        workbench.fulfil(Export(tmp_path / "held"))
    assert (tmp_path / "held" / "results.json").read_text() == "{}"


@pytest.mark.parametrize("order", [[0, 1], [0] * 60, list(range(1, 61))])
def test_an_order_that_does_not_fit_the_layer_is_refused(order: list[int], tmp_path: Path) -> None:
    settings = replace(SAMPLE, order=tuple(order))
    with pytest.raises(OptionError, match="expected each from 0 to 59 once"):
        execute_run(settings, tmp_path / "out", reporter=Reporter())
    assert not (tmp_path / "out").exists()
    with pytest.raises(OptionError, match="expected each from 0 to 59 once"):
        check_inputs(settings, Reporter())
