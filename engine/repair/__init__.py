"""A network without the backdoor, from B and clean images alone.

    from bdtui.engine import open_dataset, open_model, repair

    badnet = open_model("bd_net.h5")
    clean = open_dataset("valid.h5", badnet.input_shape, badnet.classes)
    outcome = repair.RepairSession(badnet.keras_model, clean).repair("auto")
    outcome.network.save("repaired.keras")
    print(*outcome.repair.sentences)

Names are resolved on first use, since most of them need TensorFlow, which takes seconds to load.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bdtui.engine.lazy_names import lazy_names

if TYPE_CHECKING:
    from bdtui.engine.repair.augmentation import Augmentation
    from bdtui.engine.repair.method import RepairedNetwork, RepairInput, RepairOptions
    from bdtui.engine.repair.methods import METHODS, RepairMethod
    from bdtui.engine.repair.session import RepairOutcome, RepairSession

_HOME_OF = {
    "Augmentation": "augmentation",
    "METHODS": "methods",
    "RepairInput": "method",
    "RepairMethod": "methods",
    "RepairOptions": "method",
    "RepairOutcome": "session",
    "RepairSession": "session",
    "RepairedNetwork": "method",
}

__all__ = [
    "METHODS",
    "Augmentation",
    "RepairInput",
    "RepairMethod",
    "RepairOptions",
    "RepairOutcome",
    "RepairSession",
    "RepairedNetwork",
]

__getattr__ = lazy_names(__name__, _HOME_OF)
