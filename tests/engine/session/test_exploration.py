"""Pruning by hand on the real sample: every position is what a fresh session says of it, and exports replay."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
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
from bdtui.engine.network.pruned_channels import along
from bdtui.engine.pruning.curve import draw_curve
from bdtui.engine.pruning.moves import ChooseLayer, ChooseRanking, GoTo, Prune, Redo, Toggle, Undo
from bdtui.engine.pruning.rankings import order_channels
from bdtui.engine.rates import NO_RATES
from bdtui.engine.reporter import Reporter
from bdtui.engine.runs.check import check_inputs
from bdtui.engine.runs.preparation import PreparedRun, prepare_run
from bdtui.engine.runs.run import execute_run
from bdtui.engine.session.exploration import Exploration
from bdtui.engine.session.ground import explore
from bdtui.engine.session.requests import Export, NextThreshold, Open, ShowPictures
from bdtui.engine.session.session import Session
from bdtui.engine.settings import DEFAULT_THRESHOLDS, RunSettings

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


def explored(prepared: PreparedRun, heard: Listener, drops: Sequence[float] = DEFAULT_THRESHOLDS) -> Exploration:
    settings = replace(prepared.inputs.settings, thresholds=tuple(drops))
    return explore(replace(prepared, inputs=replace(prepared.inputs, settings=settings)), heard.reporter)


@pytest.fixture
def heard() -> Listener:
    return Listener()


@pytest.fixture
def exploration(prepared: PreparedRun, heard: Listener) -> Exploration:
    # What other tests have measured is not known here.
    prepared.evaluator.measured = {}
    exploration = explored(prepared, heard)
    exploration.emit_position()
    return exploration


@pytest.fixture(scope="module")
def opened() -> Iterator[tuple[Session, Listener]]:
    """A session with the sample on it, shared; tests leave it at step 0."""
    heard = Listener()
    session = Session(heard.reporter, SAMPLE)
    session.fulfil(Open(SAMPLE))
    yield session, heard


def finish(exploration: Exploration) -> None:
    while exploration.measure_ahead(Reporter()):
        pass


def test_every_position_has_the_rates_of_its_pruned_channels(
    exploration: Exploration, heard: Listener, prepared: PreparedRun
) -> None:
    for move in (Prune(44), Toggle(40), Undo(), GoTo(51), Toggle(3), Prune(2)):
        exploration.move([move])
        position = heard.position
        rates = prepared.evaluator.rates("valid", position.order[: position.step]).as_json()
        assert position.present.clean_accuracy == rates["clean_accuracy"]
        assert position.present.attack_success_rate == rates["attack_success_rate"]


def test_five_steps_at_once_are_five_moves(exploration: Exploration, heard: Listener) -> None:
    exploration.move([Prune(5)])
    assert (heard.position.step, heard.position.undoable) == (5, 5)
    exploration.move([Undo(2)])
    assert (heard.position.step, heard.position.redoable) == (3, 2)
    exploration.move([Redo(7)])
    assert heard.position.step == 5


def test_moves_that_came_together_are_measured_once_at_their_end_and_filled_in_later(
    exploration: Exploration, heard: Listener
) -> None:
    exploration.move([Prune()] * 6 + [Undo(2)])
    assert [event.step for event in heard.events if isinstance(event, PositionWished)] == [4]
    assert [point.step for point in heard.position.path] == [0, 4]
    finish(exploration)
    assert [point.step for point in heard.position.path] == [0, 1, 2, 3, 4]


def test_the_next_threshold_is_the_first_step_past_the_drop(
    exploration: Exploration, heard: Listener, prepared: PreparedRun
) -> None:
    baseline = prepared.baseline_valid.clean
    assert baseline
    for drop in (2.0, 4.0, 10.0):
        exploration.go_to_next_threshold()
        position = heard.position
        by_step = {point.step: point.clean_accuracy for point in position.path}
        assert baseline.percent - by_step[position.step] >= drop
        assert baseline.percent - by_step[position.step - 1] < drop
        reached = heard.last(ThresholdReached)
        assert isinstance(reached, ThresholdReached)
        assert (reached.drop, reached.step) == (drop, position.step)
    exploration.go_to_next_threshold()
    assert heard.last(Notice) == Notice("all thresholds are reached")


def test_a_threshold_behind_steps_that_were_jumped_over_is_found(exploration: Exploration, heard: Listener) -> None:
    exploration.move([GoTo(50)])
    assert all(state.step is None for state in heard.position.thresholds)
    exploration.go_to_next_threshold()
    assert [(state.drop, state.step) for state in heard.position.thresholds] == [(2.0, 47), (4.0, 48), (10.0, 51)]


def test_a_threshold_that_is_known_is_announced_where_one_passes_it_and_not_before(
    prepared: PreparedRun, heard: Listener
) -> None:
    prepared.evaluator.measured = {}
    for _ in draw_curve(prepared.evaluator, prepared.order):
        pass
    exploration = explored(prepared, heard)
    for step, announced in ((20, []), (46, []), (47, [2.0]), (60, [2.0, 4.0, 10.0]), (10, [2.0, 4.0, 10.0])):
        exploration.move([GoTo(step)])
        assert [event.drop for event in heard.events if isinstance(event, ThresholdReached)] == announced


def test_a_threshold_that_no_step_reaches_is_told(prepared: PreparedRun, heard: Listener) -> None:
    exploration = explored(prepared, heard, (99.0,))
    exploration.move([GoTo(58)])
    exploration.go_to_next_threshold()
    assert heard.position.step == 60
    assert heard.last(Notice) == Notice("X=99 is not reached by pruning in this order")


def test_networks_of_reached_thresholds_are_tested_when_nobody_waits(exploration: Exploration, heard: Listener) -> None:
    exploration.go_to_next_threshold()
    assert heard.position.thresholds[0].goodnet_test == NO_RATES
    finish(exploration)
    state = heard.position.thresholds[0]
    assert (state.step, state.model, state.goodnet) == (47, "model_X=2.h5", "goodnet_X=2.keras")
    assert state.pruned_test.clean_accuracy == pytest.approx(96.43, abs=0.01)
    assert state.goodnet_test.poisoned_flagged is not None
    assert state.goodnet_test.poisoned_flagged.percent == pytest.approx(10.93, abs=0.01)
    assert heard.position.thresholds[1].pruned_test == NO_RATES


def test_points_out_of_turn_are_marked_and_others_are_not(exploration: Exploration, heard: Listener) -> None:
    order = heard.position.order
    exploration.move([Prune(2)])
    assert not heard.position.present.by_hand
    exploration.move([Toggle(order[30])])
    assert heard.position.present.by_hand
    exploration.move([Undo()])
    exploration.move([Toggle(order[2])])
    # The next one in turn, however it was asked for.
    assert not heard.position.present.by_hand
    assert sum(point.by_hand for point in heard.position.measured) == 1


def test_curves_of_other_rankings_are_not_drawn_beside_the_own(prepared: PreparedRun, heard: Listener) -> None:
    exploration = explored(prepared, heard, (99.0,))
    other = order_channels(prepared.evaluator, "weight-norm")
    exploration.move([Prune(1)])
    # Other tests go off the curve of the same network.
    before = sum(point.by_hand for point in heard.position.measured)
    for pruned in along(other)[10:14]:
        # As a comparison does.
        prepared.evaluator.rates("valid", pruned, Reporter())
    exploration.move([Prune(1)])
    assert sum(point.by_hand for point in heard.position.measured) == before
    # Where the person goes along such a curve by hand, it is theirs.
    exploration.move([Undo(), Toggle(other[0])])
    assert heard.position.present.by_hand
    assert heard.position.present in heard.position.path


def test_stop_leaves_the_last_measured_position(exploration: Exploration, heard: Listener) -> None:
    # Out of turn, so that no other test has measured these sets of channels before.
    exploration.move([Toggle(heard.position.order[57]), Prune(40)])
    heard.stop = True
    with pytest.raises(Interrupted):
        exploration.move([Prune(10)])
    assert (heard.position.step, heard.position.redoable) == (41, 0)
    with pytest.raises(Interrupted):
        exploration.go_to_next_threshold()
    assert heard.position.step == 41
    heard.stop = False
    exploration.move([Prune()])
    assert heard.position.step == 42


def test_steps_and_channels_that_are_not_there_are_refused(exploration: Exploration, heard: Listener) -> None:
    with pytest.raises(OptionError, match="no step 61; expected one from 0 to 60"):
        exploration.move([GoTo(61)])
    with pytest.raises(OptionError, match="no channel 60"):
        exploration.move([Toggle(60)])
    assert heard.position.step == 0


def test_moves_before_one_that_cannot_be_made_are_made(exploration: Exploration, heard: Listener) -> None:
    with pytest.raises(OptionError, match="no step 99"):
        exploration.move([Prune(5), GoTo(99), Prune(7)])
    assert heard.position.step == 5


def test_a_measurement_that_fails_leaves_the_screen_at_the_last_position(
    exploration: Exploration, heard: Listener, prepared: PreparedRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    exploration.move([Prune(2)])

    def out_of_memory(*arguments: object) -> None:
        raise MemoryError

    monkeypatch.setattr(prepared.evaluator, "measure", out_of_memory)
    with pytest.raises(MemoryError):
        exploration.move([Toggle(heard.position.order[44])])
    assert isinstance(heard.events[-1], PositionReached)
    assert heard.position.step == 2


def test_opening_tells_all_that_a_screen_shows(opened: tuple[Session, Listener]) -> None:
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


def test_another_layer_and_another_ranking_begin_at_step_0(opened: tuple[Session, Listener]) -> None:
    session, heard = opened
    session.fulfil(Prune(3))
    session.fulfil(ChooseLayer("conv_1"))
    chosen = heard.last(LayerChosen)
    assert isinstance(chosen, LayerChosen)
    assert (chosen.pruned, chosen.channels, heard.position.step, len(heard.position.order)) == ("conv_1", 20, 0, 20)
    with pytest.raises(ModelError):
        session.fulfil(ChooseLayer("no_such_layer"))
    assert len(heard.position.order) == 20
    session.fulfil(ChooseLayer("pool_3"))
    before = heard.position.order
    session.fulfil(ChooseRanking("weight-norm"))
    assert heard.position.order != before
    session.fulfil(ChooseRanking("mean-activation"))
    assert heard.position.order == before


def test_what_cannot_be_opened_leaves_what_is_open(opened: tuple[Session, Listener], tmp_path: Path) -> None:
    session, heard = opened
    session.fulfil(Prune(4))
    before = heard.position
    heard.events.clear()
    with pytest.raises(ModelError):
        session.fulfil(Open(RunSettings(model=tmp_path / "none.h5", clean_valid=tmp_path / "none.h5")))
    assert heard.position == before
    model = heard.last(ModelOpened)
    assert isinstance(model, ModelOpened)
    assert model.path.endswith("bd_net.h5")
    assert len([event for event in heard.events if isinstance(event, DataOpened)]) == 4
    session.fulfil(GoTo(0))


def test_a_layer_whose_profiling_is_stopped_leaves_the_one_before(opened: tuple[Session, Listener]) -> None:
    session, heard = opened
    before = heard.position
    heard.stop = True
    with pytest.raises(Interrupted):
        session.fulfil(ChooseLayer("pool_1"))
    heard.stop = False
    chosen = heard.last(LayerChosen)
    assert isinstance(chosen, LayerChosen)
    assert (chosen.profiled, heard.position) == ("pool_3", before)


def test_a_first_opening_that_fails_half_way_leaves_nothing_open(tmp_path: Path) -> None:
    heard = Listener()
    session = Session(heard.reporter, RunSettings())
    folder = Path(str(files("bdtui.sample_data")))
    settings = RunSettings(model=folder / "bd_net.h5", clean_valid=tmp_path / "none.h5")
    with pytest.raises(DataError):
        session.fulfil(Open(settings))
    told = [type(event) for event in heard.events]
    assert told.index(NothingOpen) > told.index(ModelOpened)


def test_a_request_before_anything_is_open_is_refused() -> None:
    session = Session(Reporter(), RunSettings())
    for request in (Prune(), NextThreshold(), Export(), ChooseLayer("pool_3"), ChooseRanking("random")):
        with pytest.raises(OptionError, match="nothing is open yet"):
            session.fulfil(request)
    assert not session.idle(Reporter())


def files_in(folder: Path) -> list[str]:
    """The files of a run, without its journal, which tells when each thing was done."""
    return sorted(path.name for path in folder.iterdir() if path.is_file())


def test_what_was_done_by_hand_replays_from_its_recipe(
    opened: tuple[Session, Listener], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session, heard = opened
    monkeypatch.chdir(tmp_path)
    order = heard.position.order
    session.move([Prune(10)])
    session.move([Undo(3)])
    session.fulfil(Toggle(order[50]))
    session.fulfil(Toggle(order[2]))
    session.fulfil(NextThreshold())
    by_hand = heard.position
    assert by_hand.order != order
    session.fulfil(Export(tmp_path / "by-hand"))
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
    session.fulfil(GoTo(0))


def test_what_an_export_has_told_is_no_news_afterwards(tmp_path: Path) -> None:
    heard = Listener()
    session = Session(heard.reporter, SAMPLE)
    session.fulfil(Open(SAMPLE))
    session.fulfil(GoTo(48))
    session.fulfil(Export(tmp_path / "told"))
    assert isinstance(heard.last(ThresholdReached), ThresholdReached)
    heard.events.clear()
    session.fulfil(Undo())
    session.fulfil(GoTo(52))
    assert not [event for event in heard.events if isinstance(event, ThresholdReached)]
    assert [state.step for state in heard.position.thresholds] == [47, 48, 51]


def test_an_export_writes_the_formats_that_it_is_asked_for_and_no_later_one_does(tmp_path: Path) -> None:
    settings = replace(SAMPLE, thresholds=(2.0,), until_last_threshold=True)
    session = Session(Listener().reporter, settings)
    session.fulfil(Open(settings))
    session.fulfil(Export(tmp_path / "more", ("h5",), compact=True))
    session.fulfil(Export(tmp_path / "plain"))
    assert {*files_in(tmp_path / "more")} - {*files_in(tmp_path / "plain")} == {"goodnet_X=2.h5"}
    compact, plain = ((tmp_path / name / "model_X=2.h5").stat().st_size for name in ("more", "plain"))
    assert compact < plain
    assert 'formats = ["h5"]' in (tmp_path / "more" / "recipe.toml").read_text()
    with pytest.raises(OptionError, match="'pickle' is not a format"):
        session.fulfil(Export(tmp_path / "none", ("pickle",)))
    assert not (tmp_path / "none").exists()


def test_a_second_export_goes_to_a_folder_of_its_own_and_a_held_one_is_refused(
    opened: tuple[Session, Listener], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session, heard = opened
    monkeypatch.chdir(tmp_path)
    planned = heard.last(ExportPlanned)
    assert isinstance(planned, ExportPlanned)
    (tmp_path / "held").mkdir()
    (tmp_path / "held" / "results.json").write_text("{}")
    with pytest.raises(OutputError, match="already contains a run"):
        session.fulfil(Export(tmp_path / "held"))
    assert (tmp_path / "held" / "results.json").read_text() == "{}"


@pytest.mark.parametrize("order", [[0, 1], [0] * 60, list(range(1, 61))])
def test_an_order_that_does_not_fit_the_layer_is_refused(order: list[int], tmp_path: Path) -> None:
    settings = replace(SAMPLE, order=tuple(order))
    with pytest.raises(OptionError, match="expected each from 0 to 59 once"):
        execute_run(settings, tmp_path / "out", reporter=Reporter())
    assert not (tmp_path / "out").exists()
    with pytest.raises(OptionError, match="expected each from 0 to 59 once"):
        check_inputs(settings, Reporter())


def test_the_page_of_images_follows_every_position_and_stays_with_another_layer(
    opened: tuple[Session, Listener],
) -> None:
    session, heard = opened
    session.fulfil(ShowPictures(first=4, number=3, wrong=True))

    def shown() -> tuple[str, int, int, bool]:
        event = heard.last(PicturesTaken)
        assert isinstance(event, PicturesTaken)
        return event.role, event.step, len(event.pictures), event.wrong

    assert shown() == ("poisoned_valid", heard.position.step, 3, True)
    session.fulfil(Prune(3))
    while session.idle(heard.reporter):
        pass
    assert shown() == ("poisoned_valid", heard.position.step, 3, True)
    session.fulfil(ChooseRanking("weight-norm"))
    while session.idle(heard.reporter):
        pass
    assert shown() == ("poisoned_valid", 0, 3, True)
    session.fulfil(ChooseRanking("mean-activation"))
