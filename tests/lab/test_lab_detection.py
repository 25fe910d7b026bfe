"""The lab's own BadNet, looked at without a single poisoned image."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bdtui.engine.detect.detection import INCONCLUSIVE
from bdtui.engine.detect.examination import detect
from bdtui.engine.detect.pixel_range import CleanPictures
from bdtui.engine.inputs.datasets import open_dataset
from bdtui.engine.inputs.model import OpenedModel, open_model

pytestmark = pytest.mark.slow

LAB = Path(os.environ["BDTUI_LAB_DIR"])


@pytest.fixture(scope="module")
def badnet() -> OpenedModel:
    return open_model(weights=LAB / "bd_weights.h5", architecture="deepid")


def test_without_any_image_the_first_suspect_is_the_target(badnet: OpenedModel) -> None:
    found = detect(badnet)
    assert found.suspects[0].target == 0
    assert found.verdict == INCONCLUSIVE
    assert any("0–255" in reason for reason in found.reasons)


def test_with_five_faces_the_smallest_trigger_leads_to_the_target(badnet: OpenedModel) -> None:
    faces = CleanPictures.of_set(open_dataset(LAB / "faces_clean.h5", badnet.input_shape, badnet.classes))
    found = detect(badnet, faces)
    assert found.suspects[0].target == 0
    smallest = found.parts["inversion"].triggers[0]
    assert (smallest.target, smallest.fooled, smallest.images) == (0, 5, 5)
