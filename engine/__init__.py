"""What knows about networks: opens them, profiles and prunes them, and joins B and B′ into a GoodNet.

    from bdtui.engine import build_goodnet, open_dataset, open_model, prune

    badnet = open_model("bd_net.h5")
    clean = open_dataset("valid.h5", badnet.input_shape, badnet.classes)
    poisoned = open_dataset("bd_valid.h5", badnet.input_shape, badnet.classes)
    result = prune(badnet, clean, poisoned, layer="pool_3")
    for step in result.curve:
        print(step.step, step.rates.clean.percent, step.rates.attack.percent)
    first = result.thresholds[0]
    result.session.pruned_model(first.channels).save("pruned.h5")
    build_goodnet(badnet.keras_model, "pool_3", first.channels).save("goodnet.keras")

Names are resolved on first use, since most of them need TensorFlow, which takes seconds to load.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from bdtui.engine.lazy_names import lazy_names

# The engine is written for TensorFlow, and Keras as it comes: a keras.json that names another backend or that Keras cannot
# read must not change that. Here it finds none, and has no place to write one.
os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ["KERAS_HOME"] = os.devnull

if TYPE_CHECKING:
    from bdtui.engine.errors import BdtuiError, DataError, InputError, Interrupted, ModelError, OptionError, OutputError
    from bdtui.engine.evaluation.evaluator import PruningSession
    from bdtui.engine.event_values import Threshold
    from bdtui.engine.inputs.datasets import LabelledImages, open_dataset
    from bdtui.engine.inputs.model import OpenedModel, open_model
    from bdtui.engine.machine.device import prepare_backend
    from bdtui.engine.network.channels import ChannelSource, find_source
    from bdtui.engine.network.copies import silenced_copy
    from bdtui.engine.network.goodnet import build_goodnet
    from bdtui.engine.pruning.curve import Step
    from bdtui.engine.pruning.prune import PruningResult, prune
    from bdtui.engine.rates import Rates, Share
    from bdtui.engine.repair.method import RepairedNetwork, RepairInput, RepairOptions
    from bdtui.engine.repair.methods import RepairMethod
    from bdtui.engine.repair.session import RepairSession
    from bdtui.engine.reporter import Reporter
    from bdtui.engine.runs.run import RunResult, execute_run
    from bdtui.engine.settings import RunSettings

_HOMES = {
    "inputs.datasets": ("LabelledImages", "open_dataset"),
    "errors": ("BdtuiError", "DataError", "InputError", "Interrupted", "ModelError", "OptionError", "OutputError"),
    "reporter": ("Reporter",),
    "repair.method": ("RepairInput", "RepairOptions", "RepairedNetwork"),
    "repair.methods": ("RepairMethod",),
    "repair.session": ("RepairSession",),
    "machine.device": ("prepare_backend",),
    "network.channels": ("ChannelSource", "find_source"),
    "network.goodnet": ("build_goodnet",),
    "rates": ("Rates", "Share"),
    "inputs.model": ("OpenedModel", "open_model"),
    "event_values": ("Threshold",),
    "pruning.curve": ("Step",),
    "pruning.prune": ("PruningResult", "prune"),
    "evaluation.evaluator": ("PruningSession",),
    "network.copies": ("silenced_copy",),
    "runs.run": ("RunResult", "execute_run"),
    "settings": ("RunSettings",),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "BdtuiError",
    "ChannelSource",
    "DataError",
    "InputError",
    "Interrupted",
    "LabelledImages",
    "ModelError",
    "OpenedModel",
    "OptionError",
    "OutputError",
    "PruningResult",
    "PruningSession",
    "Rates",
    "RepairInput",
    "RepairMethod",
    "RepairOptions",
    "RepairSession",
    "RepairedNetwork",
    "Reporter",
    "RunResult",
    "RunSettings",
    "Share",
    "Step",
    "Threshold",
    "build_goodnet",
    "execute_run",
    "find_source",
    "open_dataset",
    "open_model",
    "prepare_backend",
    "prune",
    "silenced_copy",
]


def __dir__() -> list[str]:
    return __all__


__getattr__ = lazy_names(__name__, _HOME_OF)
