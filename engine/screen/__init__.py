"""Which images carry a trigger? From the network and some clean images, image by image.

    from bdtui.engine import screen

    found = screen.screen(subject, batches, names, clean)
    print(found.flagged, *found.sentences)

Names are resolved on first use, since most of them need TensorFlow, which takes seconds to load.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bdtui.engine.lazy_names import lazy_names

if TYPE_CHECKING:
    from bdtui.engine.screen.found import Screening
    from bdtui.engine.screen.methods import METHODS
    from bdtui.engine.screen.screening import screen
    from bdtui.engine.screen.subject import Subject

_HOME_OF = {"METHODS": "methods", "Screening": "found", "Subject": "subject", "screen": "screening"}

__all__ = ["METHODS", "Screening", "Subject", "screen"]

__getattr__ = lazy_names(__name__, _HOME_OF)
