"""An event as a JSON line is what scripts rely on: flat, and rates in percent under the names of results.json."""

from __future__ import annotations

import json

from bdtui.engine.events import BaselineMeasured, LayerFound, ModelOpened, StepFinished
from bdtui.engine.rates import NO_RATES, Rates, Share


def test_rates_in_an_event_are_percentages_by_name() -> None:
    event = BaselineMeasured(Rates(Share(3, 4), Share(1, 2), Share(0, 2), Share(0, 4), Share(0, 2)), NO_RATES)
    assert event.as_json() == {
        "event": "baseline_measured",
        "valid": {"clean_accuracy": 75.0, "attack_success_rate": 50.0, "recovered_accuracy": 0.0, "attack_images": 2},
        "test": {"clean_accuracy": None, "attack_success_rate": None},
    }


def test_layers_in_an_event_are_objects_without_a_name_of_their_own() -> None:
    event = ModelOpened("net.h5", "ab", 5, (8, 8, 3), (LayerFound("conv", "Conv2D", (None, 8, 8, 4), 112, 4),))
    layer = {"name": "conv", "kind": "Conv2D", "output_shape": [None, 8, 8, 4], "parameters": 112, "channels": 4}
    content = {"event": "model_opened", "path": "net.h5", "sha256": "ab", "classes": 5, "input_shape": [8, 8, 3]}
    assert json.loads(json.dumps(event.as_json())) == {**content, "layers": [layer]}


def test_a_step_is_flat() -> None:
    assert StepFinished(1, 7, 0.25, 98.5, None).as_json() == {
        "event": "step_finished",
        "step": 1,
        "channel": 7,
        "fraction": 0.25,
        "clean_accuracy": 98.5,
        "attack_success_rate": None,
        "estimate": None,
    }
