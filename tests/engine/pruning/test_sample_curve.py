"""The curve of the bundled BadNet is that of its weights-pruned models, at every step and for every image."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

from bdtui.engine.evaluation.evaluator import PruningSession
from bdtui.engine.inputs.datasets import open_dataset
from bdtui.engine.inputs.model import open_model
from bdtui.engine.network.channels import find_source
from bdtui.engine.pruning.rankings import order_channels

pytestmark = pytest.mark.slow

SAMPLE = Path(str(files("bdtui.sample_data")))
SETS = {"clean_valid": "cl/valid.h5", "poisoned_valid": "bd/bd_valid.h5"}


@pytest.mark.parametrize("shorter_way", [True, False], ids=["shorter way", "whole back"])
def test_every_prediction_at_every_step_is_that_of_the_pruned_model(shorter_way: bool) -> None:
    model = open_model(SAMPLE / "bd_net.h5")
    data = {role: open_dataset(SAMPLE / name, model.input_shape, model.classes) for role, name in SETS.items()}
    session = PruningSession(model, find_source(model.network), data, shorter_way=shorter_way)
    images = {role: next(one.batches(one.images)) for role, one in data.items()}
    order = order_channels(session)
    # The whole back has tests of its own for every wiring: some steps are enough here.
    for step in range(0, len(order) + 1, 1 if shorter_way else 6):
        pruned = session.pruned_model(order[:step])
        for role, pixels in images.items():
            expected = np.asarray(pruned(pixels, training=False)).argmax(axis=1)
            assert np.array_equal(session.predict(role, order[:step]), expected), f"step {step}, {role}"
