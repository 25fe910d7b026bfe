"""What shared transfer says of a repair, and what auto chooses by it: of figures that are given, and of a small network."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from bdtui.engine.network.logits import Logits
from bdtui.engine.network.score_runner import ScoreRunner
from bdtui.engine.repair import auto
from bdtui.engine.repair.following import Following, transfer_limit
from bdtui.engine.repair.method import RepairOptions
from bdtui.engine.repair.perturbations import find_boxes
from bdtui.engine.repair.result import ChosenBy, Repair
from bdtui.engine.repair.session import RepairOutcome
from bdtui.engine.repair.transfer import Transfer, TransferBank
from bdtui.engine.repair.what_to_say import say_what_came_of_it
from bdtui.engine.reporter import Reporter
from tests.engine.repair.small_badnet import CLASSES, bars, small_badnet

KINDS = ("shared", "shared", "box")
BADNET = Transfer(KINDS, (90, 80, 70), 100)
REFERENCE = Transfer(KINDS, (10, 10, 4), 100)


def outcome(transfer: Transfer, right: int = 100, method: str = "shrink-distil") -> RepairOutcome:
    network: Any = None
    repair = Repair(method, 0, 1.0, 10, (), (), ChosenBy(100, 100.0 - right, transfer.percent, 85.0), 0.5)
    return RepairOutcome(network, repair, transfer, np.arange(100) < right)


def session(reference: RepairOutcome | None, held_out: int = 100, budget: float = 1.0) -> Any:
    return SimpleNamespace(
        reference=reference,
        parts=SimpleNamespace(fit=bars(600, 0), held_out=range(held_out)),
        badnet_transfer=BADNET,
        badnet_right=np.ones(held_out, bool),
        classes=CLASSES,
        budget=budget,
        options=RepairOptions(),
        fallen=lambda one: (100.0 - int(np.count_nonzero(one.right)), 1.0),
    )


def following(*hits: int, kinds: tuple[str, ...] = KINDS) -> Following:
    return Following(Transfer(kinds, hits, 100), REFERENCE, BADNET)


@pytest.mark.parametrize(
    ("hits", "follows"),
    [((10, 10, 4), False), ((12, 13, 5), False), ((30, 30, 4), True), ((0, 0, 30), True), ((90, 80, 70), True)],
)
def test_a_network_follows_b_where_either_kind_of_change_fools_it_more_than_the_reference(
    hits: tuple[int, ...], follows: bool
) -> None:
    assert following(*hits).no_more is not follows


def test_less_is_left_to_chance_where_a_kind_of_change_is_like_a_trigger() -> None:
    def follows(reference: int, badnet: int, found: int) -> bool:
        hits = ((badnet, 99), (reference, 2), (found, 2))
        theirs, scratch, ours = (Transfer(("warp", "shared"), each, 100) for each in hits)
        return not Following(ours, scratch, theirs).no_more

    # Two deviations of chance are 9 points at 30 %, and 6 at 10 %.
    assert not follows(30, 90, 37), "it fools any network"
    assert follows(10, 60, 15), "it fools B alone"
    assert not follows(10, 40, 15), "it hardly fools B"


@pytest.mark.parametrize(("hits", "follows"), [(11, False), (12, True)])
def test_chance_leaves_no_more_than_three_percent_of_the_transfer_to_b(hits: int, follows: bool) -> None:
    # 2 and 4 % of the 50 images that mislead B and not the network from scratch.
    scratch, badnet = Transfer(("warp",), (10,), 60), Transfer(("warp",), (60,), 60)
    assert transfer_limit(100 * 10 / 60, 60, 1) > 100 * 12 / 60, "within a deviation of chance"
    found = Following(Transfer(("warp",), (hits,), 60), scratch, badnet)
    assert found.no_more is not follows
    assert ("over all changes 4.0 % of B's transfer" in found.compared) is follows, "the sentence says why"


def test_fewer_images_leave_more_to_chance() -> None:
    assert transfer_limit(10, 50) > transfer_limit(10, 100) > transfer_limit(10, 400) > 10
    assert transfer_limit(10, 100, 2) > transfer_limit(10, 100, 1)
    assert transfer_limit(0, 10**6) == 2


@pytest.mark.parametrize(("hits", "left"), [((90, 80, 70), 100.0), ((10, 10, 4), 0.0), ((50, 45, 37), 50.0)])
def test_what_is_left_is_a_share_of_what_leads_b_and_not_the_reference_astray(
    hits: tuple[int, ...], left: float
) -> None:
    assert following(*hits).left == pytest.approx(left)


def test_what_is_left_is_told_by_the_changes_that_tell_b_from_the_reference() -> None:
    kinds = ("shared", "warp")
    reference, badnet = Transfer(kinds, (2, 50), 100), Transfer(kinds, (90, 80), 100)
    by_trigger, by_chance = (Following(Transfer(kinds, hits, 100), reference, badnet) for hits in ((22, 50), (2, 70)))
    assert by_trigger.left is not None
    assert by_trigger.left > 20
    assert by_chance.left == pytest.approx(0, abs=2)
    assert "of perturbations 22.0 %, 2.0 % from scratch, 90.0 % for B" in by_trigger.compared
    assert "of warps 70.0 %" in by_chance.compared, "what is too high is named"
    kept = Following(Transfer(kinds, (2, 50), 100), reference, badnet)
    assert "of perturbations 2.0 %" in kept.compared, "what tells is named"


@pytest.mark.parametrize(
    ("reference", "badnet", "ours"),
    [((3, 19, 44), (43, 54, 61), (17, 27, 44)), ((2, 60, 90), (55, 60, 70), (50, 40, 45))],
)
def test_the_share_of_a_kind_hides_no_change_that_the_network_still_follows(
    reference: tuple[int, ...], badnet: tuple[int, ...], ours: tuple[int, ...]
) -> None:
    kinds = ("shared",) * 3
    found = Following(*(Transfer(kinds, hits, 100) for hits in (ours, reference, badnet)))
    assert found.left is not None
    assert found.left > 20
    assert not found.no_more
    assert "of perturbations" in found.compared


def test_without_images_nothing_is_compared() -> None:
    none = Transfer(KINDS, (0, 0, 0), 0)
    empty = Following(none, none, none)
    assert (empty.left, empty.kind, empty.compared, empty.tells) == (None, None, "–", False)


def test_nothing_is_told_where_b_is_fooled_hardly_more_than_the_reference() -> None:
    untold = Following(Transfer(KINDS, (10, 10, 4), 100), REFERENCE, Transfer(KINDS, (15, 15, 9), 100))
    assert untold.left is None
    assert not untold.tells


def test_where_the_bank_tells_little_chance_is_what_a_network_may_follow() -> None:
    kinds = ("shared",) * 3
    reference, badnet = Transfer(kinds, (10, 60, 60), 100), Transfer(kinds, (28, 60, 60), 100)
    untold = Following(badnet, reference, badnet)
    assert not untold.tells
    assert not untold.no_more, "B itself is fooled by the first more often than chance has it"


def test_what_images_cannot_rule_out_is_more_with_fewer_and_with_what_is_left() -> None:
    def up_to(found: int, images: int) -> float:
        every = Transfer(("shared",), (images,), images)
        ours, scratch = (Transfer(("shared",), (hits,), images) for hits in (found, 0))
        return Following(ours, scratch, every).not_ruled_out

    assert up_to(0, 50) > up_to(0, 100) > up_to(0, 1000) == 3, "no less than what may be left"
    assert up_to(2, 100) > 2 + up_to(0, 100) / 2
    assert up_to(100, 100) == up_to(0, 0) == 100


def test_one_kind_of_change_that_tells_is_enough_for_a_claim() -> None:
    kinds = ("shared", "warp")
    told = Following(Transfer(kinds, (2, 70), 100), Transfer(kinds, (2, 70), 100), Transfer(kinds, (80, 85), 100))
    assert told.tells


def test_a_claim_needs_low_transfer_a_reference_and_images() -> None:
    reference, low, high = outcome(REFERENCE, method="scratch"), outcome(REFERENCE), outcome(BADNET)
    claimed = say_what_came_of_it(session(reference), low).repair
    assert claimed.chosen_by.claims
    assert claimed.sentences[0].startswith("What fools B misleads this network no more")
    # The end of the interval of none of 100.
    assert claimed.sentences[0].endswith("100 held-out images cannot rule out an ASR of up to 3.7 %).")
    for refused in (
        say_what_came_of_it(session(reference), high),
        say_what_came_of_it(session(None), low),
        say_what_came_of_it(session(reference, held_out=49), low),
    ):
        assert not refused.repair.chosen_by.claims
    untold = session(outcome(Transfer(KINDS, (80, 70, 60), 100), method="scratch"))
    told = say_what_came_of_it(untold, outcome(Transfer(KINDS, (80, 70, 60), 100))).repair
    assert not told.chosen_by.claims
    assert "tells nothing" in told.sentences[0]
    for name, ours, theirs in (("This network", 40, 100), ("The network from scratch", 100, 40)):
        wrecked = session(outcome(REFERENCE, theirs, method="scratch"))
        known = say_what_came_of_it(wrecked, outcome(REFERENCE, ours)).repair
        assert not known.chosen_by.claims, "one that hardly tells classes apart follows nothing"
        assert known.sentences[0].startswith(f"{name} gets 40 % of the held-out images right (B 100 %)")


@pytest.mark.parametrize(
    ("images", "followed", "claimed"), [(70, 0, False), (80, 0, True), (80, 1, False), (150, 2, True)]
)
def test_where_b_obeys_warps_a_claim_takes_images_that_rule_an_attack_out(
    images: int, followed: int, claimed: bool
) -> None:
    def of(kind: str) -> Repair:
        reference, ours, badnet = (Transfer((kind,), (hits,), images) for hits in (0, followed, images))
        given = session(outcome(reference, method="scratch"), held_out=images)
        given.badnet_transfer = badnet
        return say_what_came_of_it(given, outcome(ours)).repair

    assert of("box").chosen_by.claims, "what is no warp is told from chance by fewer"
    warped = of("small warp")
    assert warped.chosen_by.claims is claimed
    assert ("nothing is claimed" in warped.sentences[0]) is not claimed
    assert claimed or warped.sentences[0].endswith("a claim takes about 1,050 in all.")


def test_the_three_figures_of_a_repair_are_of_one_kind_of_change() -> None:
    kinds = ("shared", "warp")
    reference, badnet = Transfer(kinds, (2, 60), 100), Transfer(kinds, (85, 90), 100)
    given = session(outcome(reference, method="scratch"))
    given.badnet_transfer = badnet
    known = say_what_came_of_it(given, outcome(Transfer(kinds, (3, 55), 100))).repair.chosen_by
    assert (known.kind, known.transfer, known.reference_transfer, known.badnet_transfer) == ("shared", 3, 2, 85)
    given.reference = None
    alone = say_what_came_of_it(given, outcome(Transfer(kinds, (3, 55), 100))).repair
    assert alone.sentences[0] == (
        "Most of what fools B still misleads this network: do not rely on it (shared transfer of warps 55.0 % (90.0 % for B) on "
        "100 held-out images)."
    )


def test_auto_takes_the_most_accurate_of_low_transfer_and_else_what_follows_b_least() -> None:
    reference = outcome(REFERENCE, method="scratch")
    low, better, best = outcome(REFERENCE, 95), outcome(REFERENCE, 97), outcome(BADNET, 100)
    assert auto.choose(session(reference), [low, better, best], reference) is better
    less = outcome(Transfer(KINDS, (60, 60, 60), 100), 90)
    assert auto.choose(session(reference), [best, less], reference) is less


@pytest.mark.parametrize(
    ("transfer", "right", "enough"),
    [(REFERENCE, 99, True), (REFERENCE, 98, True), (REFERENCE, 95, False), (BADNET, 100, False)],
)
def test_auto_stops_at_low_transfer_within_the_budget_and_what_chance_may_take(
    transfer: Transfer, right: int, enough: bool
) -> None:
    assert auto.is_enough(session(None), outcome(transfer, right), outcome(REFERENCE)) is enough


@pytest.mark.parametrize(
    ("right", "repaired", "held_out", "said"),
    [
        (97, REFERENCE, 100, "is as good on held-out images"),
        (97, BADNET, 100, "is as good on held-out images"),
        (97, REFERENCE, 49, None),
        # A point below B and one that may be chance are within the budget, where the repair can claim nothing.
        (98, REFERENCE, 100, None),
        (98, BADNET, 100, "is within the budget on held-out images"),
        (96, BADNET, 100, None),
    ],
)
def test_scratch_is_advised_where_it_is_as_good_or_good_enough_and_nothing_is_claimed(
    right: int, repaired: Transfer, held_out: int, said: str | None
) -> None:
    scratch = outcome(REFERENCE, right, method="scratch")
    around = session(scratch, held_out)
    best = say_what_came_of_it(around, outcome(repaired, 97 if right == 97 else 99))
    told = auto._where_scratch_does(around, scratch, best)
    assert [said in sentence for sentence in told] == ([True] if said else [])


def test_a_look_at_some_images_is_at_images_from_the_first_to_the_last() -> None:
    badnet = small_badnet()
    by_class = np.argsort(badnet.parts.held_out.labels, kind="stable")
    bank = TransferBank(badnet.model, badnet.parts.fit, badnet.parts.held_out.some(by_class), 0)
    assert set(bank.held_out.labels[:8]) == {0}, "ordered by class"
    looked_at = bank.measure(badnet.model, 8)
    assert looked_at.images == 8
    # Of the target class nothing is led astray: of a look at the first images little would be left.
    assert looked_at.percent == pytest.approx(bank.measure(badnet.model).percent, abs=30)


def test_boxes_are_the_same_where_memory_bears_few_at_once() -> None:
    badnet = small_badnet()
    images, logits = bars(40, 7), Logits(badnet.model)
    runner = ScoreRunner(badnet.model, images.image_shape)
    whole = find_boxes(logits, runner, images, 5, 0, Reporter())
    runner.batch_size = 12
    pieces = find_boxes(logits, runner, images, 5, 0, Reporter())
    for one, other in zip(whole, pieces, strict=True):
        assert np.array_equal(one.mask, other.mask)
        assert np.mean(np.abs(one.pattern - other.pattern) < 1e-3) > 0.95, (
            "signs of slopes near zero are left to rounding"
        )
