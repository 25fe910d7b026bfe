"""The lab's own BadNet, repaired from five clean faces: done when it is asked for, with nothing claimed of it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bdtui.engine.inputs.datasets import open_dataset
from bdtui.engine.inputs.model import open_model
from bdtui.engine.repair.method import RepairOptions
from bdtui.engine.repair.session import RepairSession

pytestmark = pytest.mark.slow

LAB = Path(os.environ["BDTUI_LAB_DIR"])


def test_five_faces_give_a_network_and_no_claim() -> None:
    badnet = open_model(weights=LAB / "bd_weights.h5", architecture="deepid")
    faces = open_dataset(LAB / "faces_clean.h5", badnet.input_shape, badnet.classes)
    session = RepairSession(badnet.keras_model, faces, options=RepairOptions(steps=20))
    outcome = session.repair("auto")
    assert outcome.repair.method == "auto:shrink-distil"
    assert not outcome.repair.chosen_by.claims
    said = " ".join(outcome.repair.sentences)
    assert (
        "5 clean images are too few to tell whether the repair worked: nothing is claimed; a claim takes about 19,250"
        in said
    )
    assert "1,278 of 1,283 classes have no clean image: expect them to be forgotten." in said
    before, after = ([weight.shape for weight in net.weights] for net in (badnet.keras_model, outcome.network))
    assert before == after
