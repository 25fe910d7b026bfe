"""Reversed triggers in a repair: found on the images to train on, once, and learnt away under true labels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from bdtui.engine.errors import Interrupted
from bdtui.engine.repair.augmentation import SHIFTS
from bdtui.engine.repair.checkpoints import FolderCheckpoints
from bdtui.engine.repair.clean_images import CleanImages
from bdtui.engine.repair.lots import Lots
from bdtui.engine.repair.method import RepairedNetwork, RepairOptions
from bdtui.engine.repair.methods import METHODS
from bdtui.engine.repair.reversed_triggers import Stamp, stamp_some
from bdtui.engine.repair.session import RepairSession
from bdtui.engine.reporter import Reporter
from bdtui.engine.runs.repairing import reverse_with
from tests.engine.repair.small_badnet import SIDE, SmallBadNet, bars, small_badnet, triggered

REVERSED = "shrink-distil+reversed"


@pytest.fixture(scope="module")
def badnet() -> SmallBadNet:
    return small_badnet()


def corner() -> Stamp:
    """The trigger itself, as if it had been reversed."""
    mask = np.zeros((SIDE, SIDE, 1), np.float32)
    mask[-4:-1, -4:-1] = 1
    return Stamp(mask, triggered(np.ones((1, SIDE, SIDE, 1), np.float32))[0] * mask)


class Found:
    """Gives the trigger, and keeps on which images it was asked for."""

    def __init__(self) -> None:
        self.asked: list[CleanImages] = []

    def __call__(self, images: CleanImages, reporter: Reporter) -> list[Stamp]:
        self.asked.append(images)
        return [corner()]


def session_of(badnet: SmallBadNet, **more: Any) -> RepairSession:
    return RepairSession(badnet.model, bars(120, 2), **{"options": RepairOptions(SHIFTS, 3, 16), **more})


def repaired(session: RepairSession, name: str) -> RepairedNetwork:
    return METHODS[name].run(session.given(name))


def test_a_stamp_covers_what_its_mask_says_and_each_image_has_a_strength_of_its_own() -> None:
    images, lots = np.full((6, SIDE, SIDE, 1), 0.25, np.float32), Lots(tf.constant([3, 4]))
    stamped = np.asarray(stamp_some(tf.constant(images), [corner()], lots))
    outside = corner().mask[..., 0] == 0
    assert np.array_equal(stamped[:, outside], images[:, outside])
    # A white pixel of the pattern: between half and all of the way from 0.25 to 1.
    strengths = (stamped[:, SIDE - 4, SIDE - 4, 0] - 0.25) / 0.75
    assert (strengths >= 0.5).all()
    assert (strengths <= 1).all()
    assert len(set(strengths.tolist())) == 6
    again = np.asarray(stamp_some(tf.constant(images), [corner()], Lots(tf.constant([3, 4]))))
    assert np.array_equal(stamped, again)


def test_triggers_are_reversed_once_on_the_images_to_train_on_and_only_where_asked_for(badnet: SmallBadNet) -> None:
    reverse = Found()
    session = session_of(badnet, reverse=reverse)
    plain = repaired(session, "shrink-distil")
    assert not reverse.asked
    outcome = repaired(session, REVERSED)
    assert session.given(REVERSED).triggers == session.triggers
    assert [images.pixels is session.parts.fit.pixels for images in reverse.asked] == [True]
    assert "one of 1 reversed triggers" in " ".join(outcome.done)
    same = zip(plain.network.get_weights(), outcome.network.get_weights(), strict=True)
    assert not all(np.array_equal(*pair) for pair in same)


def test_what_was_reversed_outlives_a_stop(badnet: SmallBadNet, tmp_path: Path) -> None:
    kept = FolderCheckpoints(tmp_path)
    stopped = session_of(badnet, reverse=Found(), checkpoints=kept)
    assert len(stopped.triggers) == 1
    nobody = Found()
    again = session_of(badnet, reverse=nobody, checkpoints=kept)
    assert np.array_equal(again.triggers[0].pattern, corner().pattern)
    assert not nobody.asked
    assert session_of(badnet, reverse=nobody, checkpoints=kept, seed=1).triggers
    assert len(nobody.asked) == 1, "another seed finds others"


def test_without_a_detector_the_repair_says_that_nothing_was_reversed(badnet: SmallBadNet) -> None:
    assert "No trigger was reversed" in " ".join(repaired(session_of(badnet), REVERSED).done)


def test_the_detector_finds_what_sends_images_to_the_target(badnet: SmallBadNet) -> None:
    images = badnet.parts.fit.spread(60)
    found = reverse_with(badnet.model)(images, Reporter())
    assert len(found) == 4, "small and strong, of two suspects"
    assert all(0 <= stamp.mask.min() <= stamp.mask.max() <= 1 for stamp in found)
    stamped = images.pixels * (1 - found[1].mask) + found[1].pattern * found[1].mask
    answers = np.asarray(badnet.model(stamped)).argmax(axis=1)
    assert np.mean(answers == np.bincount(answers).argmax()) > 0.9
    with pytest.raises(Interrupted):
        reverse_with(badnet.model)(images, Reporter(stop_requested=lambda: True))
