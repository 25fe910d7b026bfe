"""Repairs from B and clean images alone: what they leave of the trigger, and what is said of them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import keras
import numpy as np
import pytest

from bdtui.engine.errors import DataError, Interrupted, OptionError
from bdtui.engine.events import Event, Notice, Progress, RepairMeasured
from bdtui.engine.network.copies import copy_model
from bdtui.engine.network.logits import Logits
from bdtui.engine.repair import adversarial_unlearning, auto, ft_sam, shrink_distil
from bdtui.engine.repair.checkpoints import FolderCheckpoints
from bdtui.engine.repair.method import RepairedNetwork, RepairInput, RepairOptions, predicted
from bdtui.engine.repair.methods import METHODS
from bdtui.engine.repair.session import RepairSession
from bdtui.engine.repair.transfer import Transfer, TransferBank
from bdtui.engine.repair.what_to_say import _about_the_loss, _without_reference
from bdtui.engine.reporter import Reporter
from tests.engine.repair.small_badnet import CLASSES, SmallBadNet, bars, body, poisoned_training, small_badnet


@pytest.fixture(scope="module")
def badnet() -> SmallBadNet:
    return small_badnet()


@pytest.fixture(scope="module")
def events() -> list[Event]:
    return []


@pytest.fixture(scope="module")
def session(badnet: SmallBadNet, events: list[Event]) -> RepairSession:
    """One for all tests that only look at what comes of it: the bank and the reference are made once."""
    return session_of(badnet, options=RepairOptions(steps=150), reporter=Reporter(events.append))


def given(badnet: SmallBadNet, steps: int, seed: int = 0) -> RepairInput:
    return RepairInput(
        badnet.model, badnet.parts.fit, badnet.parts.held_out, seed=seed, options=RepairOptions(steps=steps, batch=16)
    )


def session_of(badnet: SmallBadNet, number: int = 400, **more: object) -> RepairSession:
    return RepairSession(badnet.model, bars(number, 2), **{"options": RepairOptions(steps=3, batch=16), **more})  # type: ignore[arg-type]


def test_the_badnet_obeys_its_trigger(badnet: SmallBadNet) -> None:
    assert badnet.accuracy(badnet.model) > 97
    assert badnet.attack_success(badnet.model) > 95


def test_auto_removes_the_backdoor(badnet: SmallBadNet, session: RepairSession, events: list[Event]) -> None:
    outcome = session.repair("auto")
    assert badnet.attack_success(outcome.network) < 10
    assert badnet.accuracy(outcome.network) > badnet.accuracy(badnet.model) - 1
    assert outcome.repair.method.startswith("auto:")
    assert outcome.repair.chosen_by.claims
    assert outcome.repair.sentences[0].startswith("What fools B misleads this network no more")
    drop, chance = session.fallen(outcome)
    assert drop <= session.budget + chance
    assert any(isinstance(event, RepairMeasured) and event.transfer is not None for event in events)
    assert any(isinstance(event, Progress) and event.unit == "steps" for event in events)


def test_fine_tuning_leaves_the_trigger_and_nothing_is_claimed(badnet: SmallBadNet, session: RepairSession) -> None:
    reference, outcome = session.repair("scratch"), session.repair("fine-tuning")
    assert badnet.attack_success(outcome.network) > 50
    assert not outcome.repair.chosen_by.claims
    assert outcome.transfer.percent is not None
    assert reference.transfer.percent is not None
    assert outcome.transfer.percent > reference.transfer.percent + 10


def test_what_is_shown_while_it_trains_is_of_the_kind_of_change_that_tells(
    badnet: SmallBadNet, monkeypatch: pytest.MonkeyPatch
) -> None:
    events: list[Event] = []
    session = session_of(badnet, reporter=Reporter(events.append))
    kinds, answers = ("shared", "warp"), {id(badnet.model): (80, 90)}

    def measure(bank: TransferBank, network: object, most: int = 0) -> Transfer:
        return Transfer(kinds, answers.get(id(network), (2, 60)), 100)

    monkeypatch.setattr(TransferBank, "measure", measure)
    for name in ("scratch", "shrink-distil"):
        session.repair(name)
    shown = {event.method: event.transfer for event in events if isinstance(event, RepairMeasured)}
    assert shown == {"scratch": 60, "shrink-distil": 2}, "what fools any network says nothing, once that is known"


@pytest.mark.parametrize("name", [name for name in METHODS if name != "ensemble"])
def test_every_method_gives_a_network_of_the_same_architecture(name: str, badnet: SmallBadNet, tmp_path: Path) -> None:
    before = badnet.model.get_weights()
    network = METHODS[name].run(given(badnet, steps=3)).network
    assert all(np.array_equal(a, b) for a, b in zip(before, badnet.model.get_weights(), strict=True))
    assert network.get_config() == badnet.model.get_config()
    network.save(tmp_path / "repaired.keras")
    reopened = keras.models.load_model(tmp_path / "repaired.keras", compile=False, safe_mode=True)
    images = badnet.test.pixels[:20]
    assert np.array_equal(np.asarray(reopened(images)), np.asarray(network(images)))


def test_the_cost_of_every_method_is_estimated(badnet: SmallBadNet) -> None:
    session = session_of(badnet)
    seconds = {name: session.estimated_seconds(name) for name in ["auto", *METHODS]}
    assert 0 < seconds["clp"] < seconds["scratch"] < seconds["shrink-distil"] < seconds["auto"]
    session.bank  # noqa: B018 (found when it is asked for)
    assert session.estimated_seconds("clp") == 0, "what fools B is found once"
    assert 0 < session.estimated_seconds("scratch") < seconds["scratch"]


def test_results_json_gets_what_a_repair_came_to(session: RepairSession) -> None:
    written = session.repair("fine-tuning").repair.as_json()
    assert {"method", "seed", "seconds", "model", "goodnet", "chosen_by", "valid", "test"} <= written.keys()
    assert {"clean_drop", "transfer"} <= written["chosen_by"].keys()
    assert json.loads(json.dumps(written)) == written


def test_the_same_seed_gives_the_same_network(badnet: SmallBadNet) -> None:
    first, second, other = (
        METHODS["shrink-distil+universal"].run(given(badnet, steps=5, seed=seed)).network for seed in (0, 0, 1)
    )
    assert equal(first, second)
    assert not equal(first, other)


@pytest.mark.parametrize("name", ["shrink-distil+universal", "anp", "ft-sam", "ft-sam with dropout"])
def test_a_stopped_repair_goes_on_to_the_same_network(name: str, badnet: SmallBadNet, tmp_path: Path) -> None:
    name, _, dropout = name.partition(" with ")
    if dropout:
        *_, features, answer = badnet.model.layers
        dropped = answer(keras.layers.Dropout(0.5)(features.output))
        badnet = replace(badnet, model=keras.Model(badnet.model.inputs, dropped))
    whole = METHODS[name].run(given(badnet, steps=12)).network
    training, asked = False, 0

    def receive(event: Event) -> None:
        nonlocal training
        training = training or (isinstance(event, Progress) and event.unit == "steps")

    def stop() -> bool:
        nonlocal asked
        asked += training
        return asked > 5

    checkpoints = FolderCheckpoints(tmp_path)
    stopped = replace(given(badnet, steps=12), checkpoints=checkpoints, name=name)
    with pytest.raises(Interrupted):
        METHODS[name].run(replace(stopped, reporter=Reporter(receive, stop)))
    kept = checkpoints.load(name)
    assert kept is not None
    assert int(kept["step"]) == 5
    done: list[int] = []

    def watch(event: Event) -> None:
        if isinstance(event, Progress) and event.unit == "steps":
            done.append(event.done)

    keras.utils.set_random_seed(99)  # another program, which has built other layers
    resumed = METHODS[name].run(replace(stopped, reporter=Reporter(watch))).network
    assert done[0] == 5
    assert equal(whole, resumed)


def test_the_seconds_of_an_earlier_start_count(badnet: SmallBadNet, tmp_path: Path) -> None:
    checkpoints = FolderCheckpoints(tmp_path)
    session_of(badnet, checkpoints=checkpoints).repair("fine-tuning")
    kept = checkpoints.load("fine-tuning")
    assert kept is not None
    checkpoints.save("fine-tuning", {**kept, "seconds": np.array(5000.0)})
    again = session_of(badnet, checkpoints=checkpoints).repair("fine-tuning").repair.seconds
    assert 5000 < again < 6000
    checkpoints.save("fine-tuning", {**kept, "seconds": np.array(np.nan)})
    assert session_of(badnet, checkpoints=checkpoints).repair("fine-tuning").repair.seconds < 1000


def test_a_repair_is_judged_anew_once_there_is_a_network_to_compare_it_with(badnet: SmallBadNet) -> None:
    session = session_of(badnet)
    before = session.repair("clp").repair
    assert before.chosen_by.reference_transfer is None
    assert "from scratch" not in before.sentences[0]
    session.repair("scratch")
    judged = session.repair("clp").repair
    assert "from scratch" in judged.sentences[0]
    assert judged.chosen_by.reference_transfer is not None


def test_a_repair_that_was_finished_elsewhere_is_taken_up(badnet: SmallBadNet) -> None:
    first, second = session_of(badnet), session_of(badnet)
    for name in ("scratch", "fine-tuning"):
        outcome = first.repair(name)
        second.take_up(outcome.repair, lambda network=outcome.network: network)
    steps: list[Event] = []
    second.reporter = Reporter(steps.append)
    assert second.repair("fine-tuning").repair == first.repair("fine-tuning").repair
    assert not [event for event in steps if isinstance(event, RepairMeasured)], "nothing was trained"


def test_a_checkpoint_of_other_images_is_not_used(badnet: SmallBadNet, tmp_path: Path) -> None:
    checkpoints = FolderCheckpoints(tmp_path)
    method = METHODS["fine-tuning"]
    ours = replace(given(badnet, steps=5), checkpoints=checkpoints)
    method.run(replace(ours, images=bars(40, 9)))
    whole = method.run(given(badnet, steps=5)).network
    assert equal(whole, method.run(ours).network)


def test_few_images_claim_nothing_and_are_told_how_many_would_do(badnet: SmallBadNet) -> None:
    outcome = session_of(badnet, 20).repair("auto")
    assert not outcome.repair.chosen_by.claims
    assert "nothing is claimed" in outcome.repair.sentences[0]
    assert "a claim takes about 350 in all." in outcome.repair.sentences[0]


def test_how_many_images_would_do_is_said_to_be_in_all() -> None:
    session: Any = SimpleNamespace(
        parts=SimpleNamespace(fit=range(528)),
        classes=44,
        budget=1,
        fallen=lambda _: (100 / 88, 2.0),
        options=RepairOptions(),
    )
    fell = "Held-out accuracy fell 1.1 points (1 of 88 images), which may be chance"
    few = "; 14 clean images a class are few, and about 2,200 in all would keep it"
    for steps, said in ((100, f"{fell}{few}."), (0, f"{fell}.")):
        # A method that trains on no image would gain nothing by more.
        outcome: Any = SimpleNamespace(repair=SimpleNamespace(steps=steps))
        assert _about_the_loss(session, outcome, 88) == said
    session.options = RepairOptions(steps=100)
    asked: Any = SimpleNamespace(repair=SimpleNamespace(steps=100))
    assert _about_the_loss(session, asked, 88) == f"{fell}; 100 training steps are few.", "images are not to blame"


@pytest.mark.parametrize(("follows", "said"), [(90, "do not rely on it"), (20, "add scratch to compare")])
def test_a_repair_that_follows_b_is_warned_of_without_a_network_from_scratch(follows: int, said: str) -> None:
    badnet, ours = (Transfer(("box",) * 4, (hits,) * 4, 100) for hits in (100, follows))
    session: Any = SimpleNamespace(badnet_transfer=badnet)
    assert said in _without_reference(session, cast(Any, SimpleNamespace(transfer=ours)))


def test_where_b_is_not_needed_the_network_that_does_without_is_named(
    badnet: SmallBadNet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(auto, "_where_scratch_does", lambda *_: ("Take that of scratch.",))
    outcome = session_of(badnet, 20).repair("auto")
    assert outcome.repair.sentences[-1] == "Take that of scratch."


def test_classes_without_an_image_are_named(badnet: SmallBadNet) -> None:
    images = bars(80, 2)
    two = images.some(np.flatnonzero(images.labels < 2))
    outcome = RepairSession(badnet.model, two, options=RepairOptions(steps=3, batch=16)).repair("shrink-distil")
    assert any(f"2 of {CLASSES} classes have no clean image" in sentence for sentence in outcome.repair.sentences)


def test_no_image_is_refused(badnet: SmallBadNet) -> None:
    with pytest.raises(DataError, match="no clean images"):
        RepairSession(badnet.model, bars(4, 2).some(slice(0)))


def test_one_image_is_enough_to_run(badnet: SmallBadNet) -> None:
    one = bars(1, 2)
    outcome = RepairSession(badnet.model, one, options=RepairOptions(steps=3)).repair("shrink-distil")
    assert outcome.accuracy is None
    assert outcome.repair.chosen_by.clean_drop is None
    assert not outcome.repair.chosen_by.claims


def test_auto_goes_on_where_the_first_repair_costs_too_much_and_from_the_start_that_was_asked_for(
    badnet: SmallBadNet, monkeypatch: pytest.MonkeyPatch
) -> None:
    events: list[Event] = []
    starts: list[float | None] = []
    repair = shrink_distil.repair

    def noted(given: RepairInput, **how: bool) -> RepairedNetwork:
        starts.append(given.options.start)
        return repair(given, **how)

    monkeypatch.setattr(shrink_distil, "repair", noted)
    options = RepairOptions(steps=2, start=0.4)
    session_of(badnet, budget=0, options=options, reporter=Reporter(events.append)).repair("auto")
    tried = [event.text for event in events if isinstance(event, Notice) and event.text.startswith("auto:")]
    assert len(tried) >= 2
    assert "trying ensemble" in tried[-1]
    scratch, first, second, *_ = starts
    assert (scratch, first) == (0, 0.4)
    assert second in (0.4, 0.2), "as long again with the same start, or with half of it"


def test_ft_sam_steps_no_further_uphill_than_a_network_bears() -> None:
    keras.utils.set_random_seed(6)
    model = poisoned_training(body(), scale=255)
    before, images = copy_model(model), bars(200, 2, 255)
    radius = ft_sam._bearable_radius(model, Logits(model), images)
    assert radius < 2, "as published, at which this network knows less than guessing"
    assert equal(model, before)


@pytest.mark.parametrize(("fools_at", "radius"), [(0.5, "0.5"), (1e9, "1.7")])
def test_unlearning_perturbs_no_more_than_fools_b_and_a_share_of_white(
    badnet: SmallBadNet, monkeypatch: pytest.MonkeyPatch, fools_at: float, radius: str
) -> None:
    monkeypatch.setattr(adversarial_unlearning, "radius_that_fools", lambda *given: fools_at)
    (done,) = METHODS["adversarial-unlearning"].run(given(badnet, steps=2)).done
    assert f"of radius {radius}." in done


def test_anp_prunes_channels_whole_and_stays_within_the_tolerance(badnet: SmallBadNet) -> None:
    asked = given(badnet, steps=150)
    found = METHODS["anp"].run(asked)
    pruned = [
        kernel
        for layer in found.network.layers
        if layer.name.startswith("conv")
        for kernel in np.moveaxis(np.asarray(layer.kernel), -1, 0)
        if not kernel.any()
    ]
    assert pruned
    held_out = badnet.parts.held_out
    before, after = (
        100 * np.mean(predicted(network, held_out.pixels) == held_out.labels)
        for network in (badnet.model, found.network)
    )
    assert after >= before - asked.options.tolerance


@pytest.mark.parametrize("name", ["shrink-distil", "ft-sam"])
def test_mixed_precision_rounds_steps_and_nothing_else(name: str, badnet: SmallBadNet) -> None:
    asked = given(badnet, steps=20)
    mixed = replace(asked, options=replace(asked.options, mixed_precision=True))
    whole, half = (METHODS[name].run(one).network for one in (asked, mixed))
    assert not equal(whole, half)
    assert half.get_config() == badnet.model.get_config()
    assert {weight.dtype for weight in half.weights} == {"float32"}
    assert {layer.compute_dtype for layer in half.layers} == {"float32"}
    images = bars(100, 3).pixels
    difference = np.abs(predicted_scores(whole, images) - predicted_scores(half, images))
    assert difference.max() < 0.2, "the same training, but for rounding"


def test_a_backdoor_is_removed_in_mixed_precision(badnet: SmallBadNet) -> None:
    outcome = session_of(badnet, options=RepairOptions(steps=150, mixed_precision=True)).repair("shrink-distil")
    assert badnet.attack_success(outcome.network) < 10
    assert badnet.accuracy(outcome.network) > badnet.accuracy(badnet.model) - 1
    assert any("bfloat16" in sentence for sentence in outcome.repair.done)


def predicted_scores(network: keras.Model, images: np.ndarray) -> np.ndarray:
    return np.asarray(network(images, training=False))


def test_unknown_methods_and_budgets_are_refused(badnet: SmallBadNet) -> None:
    with pytest.raises(OptionError, match="no repair 'magic'"):
        session_of(badnet).repair("magic")
    with pytest.raises(OptionError, match="budget"):
        session_of(badnet, budget=-1)


def equal(first: keras.Model, second: keras.Model) -> bool:
    pairs = zip(first.get_weights(), second.get_weights(), strict=True)
    return all(np.array_equal(a, b) for a, b in pairs)


@pytest.mark.parametrize(
    "wrong",
    [
        {"steps": 0},
        {"steps": -3},
        {"steps": True},
        {"batch": 1.5},
        {"rate": 0},
        {"rate": float("nan")},
        {"start": "half"},
        {"start": 1.1},
        {"teacher": -1},
        {"tolerance": 101},
        {"tolerance": None},
        {"beat": None},
        {"batch": 1},
        {"beat": -1},
    ],
    ids=str,
)
def test_options_out_of_range_are_refused(wrong: dict[str, Any]) -> None:
    (name,) = wrong
    with pytest.raises(OptionError, match=f"{name} .* is not valid; expected"):
        RepairOptions(**wrong)


def test_options_may_be_numbers_of_numpy() -> None:
    assert RepairOptions(steps=np.int64(3), rate=np.float32(0.5)).steps == 3  # type: ignore[arg-type]
