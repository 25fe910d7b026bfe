"""A pruned channel that does not become 0 is mentioned, and saved as it was measured."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from keras import layers

from bdtui.engine.inputs.model import open_model
from bdtui.engine.reporter import SILENT
from bdtui.engine.runs.preparation import PreparedRun, prepare_layer, prepare_run
from bdtui.engine.settings import RunSettings
from tests.networks import NetworkCase, build, conv, functional, head, random_images, write_images

CASE = NetworkCase(
    lambda: functional(lambda x: head(conv("gate", "hard_sigmoid")(normalised(conv("tanh", "sigmoid")(x))))), "gate"
)
SENTENCE = "a pruned channel of gate does not become 0: with its weights at zero, the layers behind it still read 0.5"


def normalised(x: Any) -> Any:
    """Whatever its channels hold: a pruned one becomes 0."""
    return layers.BatchNormalization(name="normalised")(x)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> PreparedRun:
    folder = tmp_path_factory.mktemp("gate")
    model, images = build(CASE), random_images(CASE, 40)
    model.save(folder / "model.h5")
    clean = write_images(folder / "clean.h5", images, np.asarray(model(images)).argmax(axis=1))
    return prepare_run(RunSettings(folder / "model.h5", clean_valid=clean, layer="gate", preprocess="raw"), SILENT)


def test_a_pruned_channel_that_does_not_become_zero_is_mentioned(prepared: PreparedRun) -> None:
    assert SENTENCE in prepared.notices


def test_another_layer_takes_the_sentence_away(prepared: PreparedRun) -> None:
    notices = prepare_layer(prepared, "normalised", SILENT).notices
    assert not [notice for notice in notices if "does not become 0" in notice]


def test_what_is_left_of_it_is_what_the_saved_network_makes(prepared: PreparedRun, tmp_path: Path) -> None:
    session, channels = prepared.evaluator, prepared.order[:5]
    session.pruned_model(channels).save(tmp_path / "pruned.h5")
    images = session.first_images("clean_valid", 40)
    saved = np.asarray(open_model(tmp_path / "pruned.h5").keras_model(images)).argmax(axis=1)
    assert np.array_equal(session.predict("clean_valid", channels), saved)
    assert (saved != session.predict("clean_valid", ())).any()
