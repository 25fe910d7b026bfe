"""Is a network backdoored, and towards which class? From the network alone, or with a few clean images.

    from bdtui.engine import detect, open_model

    found = detect.detect(open_model("net.keras"))
    print(found.verdict, found.target, *found.reasons)

Names are resolved on first use, since most of them need TensorFlow, which takes seconds to load.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bdtui.engine.lazy_names import lazy_names

if TYPE_CHECKING:
    from bdtui.engine.detect.detection import Detection, Suspect
    from bdtui.engine.detect.examination import Examination, detect
    from bdtui.engine.detect.methods import METHODS

_HOME_OF = {
    "Detection": "detection",
    "Examination": "examination",
    "METHODS": "methods",
    "Suspect": "detection",
    "detect": "examination",
}

__all__ = ["METHODS", "Detection", "Examination", "Suspect", "detect"]

__getattr__ = lazy_names(__name__, _HOME_OF)
