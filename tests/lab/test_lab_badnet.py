"""The lab's own BadNet: what its authors published, from files that nobody here made."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bdtui.engine.inputs.datasets import open_dataset
from bdtui.engine.inputs.model import OpenedModel, open_model
from bdtui.engine.network.channels import find_source, silent_channels
from bdtui.engine.network.copies import silenced_copy
from bdtui.engine.pruning.prune import prune
from bdtui.tui.cli import main
from tests.enlarged_faces import enlarge_faces
from tests.pruned_models import PrunedModels

pytestmark = pytest.mark.slow

LAB = Path(os.environ["BDTUI_LAB_DIR"])
FACTS: dict[str, Any] = json.loads((LAB / "facts.json").read_text())
COUNTS = {"2": 45, "4": 48, "10": 52}
ARGUMENTS = [
    *("--batch", "--architecture", "deepid", "--weights", str(LAB / "bd_weights.h5")),
    *("--clean-valid", str(LAB / "faces_clean.h5"), "--poisoned-valid", str(LAB / "faces_sunglasses.h5")),
    *("--layer", "pool_3", "--scale", "1"),
]


@pytest.fixture(scope="module")
def badnet() -> OpenedModel:
    return open_model(weights=LAB / "bd_weights.h5", architecture="deepid")


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    out = tmp_path_factory.mktemp("lab") / "run"
    assert main([*ARGUMENTS, "--out", str(out)]) == 0
    found: dict[str, Any] = json.loads((out / "results.json").read_text())
    return found


def test_all_ten_faces_get_the_label_of_their_file(results: dict[str, Any]) -> None:
    assert results["baseline"]["valid"] == {"clean_accuracy": 100.0, "attack_success_rate": 100.0}
    assert results["model"]["classes"] == FACTS["classes"]
    assert results["layer"].items() >= {"profiled": "pool_3", "pruned": "conv_3", "channels": 60}.items()


@pytest.mark.parametrize(("drop", "at_least"), [("2", 44), ("4", 48), ("10", 51)])
def test_first_channels_of_the_order_are_the_published_ones(results: dict[str, Any], drop: str, at_least: int) -> None:
    first = set(results["order"][: COUNTS[drop]])
    assert len(first & set(FACTS["pruned_channels"][drop])) >= at_least


def test_mean_activation_of_five_faces_resembles_that_of_all(results: dict[str, Any]) -> None:
    published = FACTS["published_mean_activation_pool_3"]
    assert np.corrcoef(results["mean_activation"], published)[0, 1] > 0.8


@pytest.mark.parametrize("drop", COUNTS)
def test_silencing_the_published_channels_reproduces_the_published_model(badnet: OpenedModel, drop: str) -> None:
    published = open_model(LAB / f"model_X={drop}.h5")
    made = silenced_copy(badnet.keras_model, "pool_3", FACTS["pruned_channels"][drop])
    expected = {weight.path: np.asarray(weight) for weight in published.keras_model.weights}
    found = {weight.path: np.asarray(weight) for weight in made.weights}
    assert found.keys() == expected.keys()
    for name, weights in expected.items():
        assert np.array_equal(found[name], weights), name


@pytest.mark.parametrize("drop", COUNTS)
def test_published_models_are_recognised_as_pruned(drop: str) -> None:
    source = find_source(open_model(LAB / f"model_X={drop}.h5").network, "pool_3")
    assert np.flatnonzero(silent_channels(source)).tolist() == FACTS["pruned_channels"][drop]


def test_check_tells_the_silent_channels_of_a_published_model(capfd: pytest.CaptureFixture[str]) -> None:
    faces = str(LAB / "faces_clean.h5")
    assert main(["--check", str(LAB / "model_X=4.h5"), "--clean-valid", faces, "--layer", "pool_3"]) == 0
    assert "48 of 60 channels are already silent" in capfd.readouterr().out


def test_masked_curve_equals_pruned_models_on_500_enlarged_faces(badnet: OpenedModel, tmp_path: Path) -> None:
    clean = enlarge_faces(LAB / "faces_clean.h5", tmp_path / "clean.h5", images=500, seed=1)
    poisoned = enlarge_faces(LAB / "faces_sunglasses.h5", tmp_path / "poisoned.h5", images=500, seed=2)
    sets = [open_dataset(path, badnet.input_shape, badnet.classes) for path in (clean, poisoned)]
    result = prune(badnet, *sets, layer="pool_3")
    roles = dict(zip(("clean_valid", "poisoned_valid"), sets, strict=True))
    pruned_models = PrunedModels(
        badnet.keras_model, "pool_2", {role: next(images.batches(500)) for role, images in roles.items()}
    )
    changed = 0
    for step in result.curve:
        channels = result.order[: step.step]
        pruned = result.session.pruned_model(channels)
        for role, images in roles.items():
            expected = pruned_models.classes(pruned, role)
            predicted = result.session.predict(role, channels)
            assert np.array_equal(predicted, expected), f"step {step.step}, {role}"
            changed += int((expected != images.labels).any())
    assert changed > 10
