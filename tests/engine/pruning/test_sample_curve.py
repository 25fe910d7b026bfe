"""The curve of the bundled BadNet is that of its weights-pruned models, at every step and for every image."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

from bdtui.engine.evaluation.evaluator import PruningSession
from bdtui.engine.inputs.datasets import LabelledImages, open_dataset
from bdtui.engine.inputs.model import OpenedModel, open_model
from bdtui.engine.network.channels import find_source
from bdtui.engine.pruning.rankings import order_channels
from tests.pruned_models import PrunedModels

pytestmark = pytest.mark.slow

SAMPLE = Path(str(files("bdtui.sample_data")))
SETS = {"clean_valid": "cl/valid.h5", "poisoned_valid": "bd/bd_valid.h5"}


@dataclass(frozen=True)
class Sample:
    model: OpenedModel
    data: dict[str, LabelledImages]
    pruned_models: PrunedModels


@pytest.fixture(scope="module")
def sample() -> Sample:
    model = open_model(SAMPLE / "bd_net.h5")
    data = {role: open_dataset(SAMPLE / name, model.input_shape, model.classes) for role, name in SETS.items()}
    images = {role: next(one.batches(one.images)) for role, one in data.items()}
    return Sample(model, data, PrunedModels(model.keras_model, "pool_2", images))


@pytest.fixture(scope="module")
def expected(sample: Sample) -> list[dict[str, np.ndarray]]:
    """The classes by the pruned model of each step, by role."""
    session = PruningSession(sample.model, find_source(sample.model.network), sample.data)
    order = order_channels(session)
    models = (session.pruned_model(order[:step]) for step in range(len(order) + 1))
    return [{role: sample.pruned_models.classes(pruned, role) for role in SETS} for pruned in models]


@pytest.mark.parametrize("shorter_way", [True, False], ids=["shorter way", "whole back"])
def test_every_prediction_at_every_step_is_that_of_the_pruned_model(
    sample: Sample, expected: list[dict[str, np.ndarray]], shorter_way: bool
) -> None:
    session = PruningSession(sample.model, find_source(sample.model.network), sample.data, shorter_way=shorter_way)
    order = order_channels(session)
    assert len(expected) == len(order) + 1 == 61
    for step, classes in enumerate(expected):
        for role in SETS:
            assert np.array_equal(session.predict(role, order[:step]), classes[role]), f"step {step}, {role}"


def test_a_pruned_model_runs_in_two_parts_as_it_runs_whole(sample: Sample) -> None:
    session = PruningSession(sample.model, find_source(sample.model.network), sample.data)
    order = order_channels(session)
    for step in (0, 30, 60):
        pruned = session.pruned_model(order[:step])
        for role, images in sample.data.items():
            whole = np.asarray(pruned(next(images.batches(images.images)), training=False)).argmax(axis=1)
            assert np.array_equal(sample.pruned_models.classes(pruned, role), whole)
